from dataclasses import replace

import pytest

from clusterdns.model.dns_profiles import PROFILES, profile_of
from clusterdns.model.exchange import Exchange, Flag, Path, Record
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.query_matrix import QueryMatrix
from clusterdns.model.topology import LayerKind
from clusterdns.verdicts.answer_rows import RecordAnswers
from clusterdns.verdicts.consistency import consistency
from clusterdns.verdicts.records import CHECKS, RecordTTLs, row, truncation, ttl
from lab.faults import FAULTS
from tests.unit.verdicts.rightserver import PATHS, exchange, matrix

ROWS = [check.id for check in CHECKS if check.id not in ("records.ttl", "records.truncation")]


def verdicts(found: QueryMatrix) -> dict[str, list[Verdict]]:
    by_check = {check: [row(check, found, transport) for transport in ("udp", "tcp")] for check in ROWS}
    return {
        **by_check,
        "records.truncation": [
            truncation("records.truncation", found, transport) for transport in ("udp", "tcp")
        ],
        "records.ttl": [ttl(found, 30, 60)],
        "records.consistency": [consistency(found)],
    }


def failing(found: QueryMatrix) -> set[str]:
    return {
        check
        for check, several in verdicts(found).items()
        if any(verdict.outcome is Outcome.FAILED for verdict in several)
    }


def test_a_right_server_passes_and_is_asked_a_lot() -> None:
    found = matrix()
    assert failing(found) == set()
    counted = [verdict.measurements for check in ROWS for verdict in verdicts(found)[check]]
    answers = [measurements for measurements in counted if isinstance(measurements, RecordAnswers)]
    assert len(answers) == len(counted)
    assert all(row.messages == row.questions * row.paths > 0 for row in answers)
    assert sum(row.assertions for row in answers) > 1000
    assert {row.wrong for row in answers} == {0}


@pytest.mark.parametrize(
    ("fault", "checks"),
    [
        ("srv-target-short", {"service-srv"}),
        ("ttl-31", {"ttl"}),
        ("no-soa", {"nonexistent"}),
        ("lost-endpoint", {"headless-address"}),
        ("case-folded", {"case"}),
        ("ptr-namespace", {"service-ptr"}),
        ("wrong-address", {"service-address"}),
        ("wrong-hostname", {"headless-hostname"}),
        ("lost-srv", {"headless-srv"}),
        ("wrong-endpoint-ptr", {"headless-ptr"}),
        ("unready", {"headless-unready"}),
        ("no-cname", {"external-name", "case"}),
        ("pod-address", {"pod-address"}),
        ("no-version", {"dns-version", "case"}),
        ("wildcard", {"nonexistent"}),
        # What is not marked as cut is compared with the whole answers.
        ("tc-never", {"truncation", "consistency"}),
    ],
)
def test_each_fault_fails_its_own_check(fault: str, checks: set[str]) -> None:
    assert failing(matrix(FAULTS[fault])) == {f"records.{check}" for check in checks}


def test_the_liar_fails_every_row() -> None:
    # TTL and consistency are right with a liar who is consistent.
    fails = failing(matrix(FAULTS["liar"]))
    assert fails == set(ROWS) | {"records.truncation"}


def test_one_stale_replica_is_inconsistent_too() -> None:
    found = matrix(FAULTS["lost-endpoint"], on="pod 2")
    assert failing(found) == {"records.headless-address", "records.consistency"}


def test_a_failure_shows_expected_got_and_the_whole_message() -> None:
    verdict = row("records.service-srv", matrix(FAULTS["srv-target-short"]), "udp")
    text = "\n".join(verdict.evidence)
    assert "expected: _http._tcp.several.clusterdns-x.svc.cluster.local. SRV 80 several." in text
    assert "got: 80 several.clusterdns-x.svc. instead of 80 several.clusterdns-x.svc.cluster.local." in text
    assert ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1" in text
    assert "several.clusterdns-x.svc." in text
    assert "on 2 of 2 paths" in verdict.reason


def test_what_came_is_told_with_what_it_came_instead_of() -> None:
    reason = row("records.service-ptr", matrix(FAULTS["ptr-namespace"]), "udp").reason
    assert (
        "PTR: several.default.svc.cluster.local. instead of several.clusterdns-x.svc.cluster.local." in reason
    )


def test_documented_deviations_pass_and_are_told() -> None:
    kube_dns = replace(PROFILES[LayerKind.KUBE_DNS], recursion_available=None)
    found = matrix(FAULTS["no-version"], profile=kube_dns)
    verdict = row("records.dns-version", found, "tcp")
    assert verdict.outcome is Outcome.PASSED
    assert "no record of the schema's version" in verdict.evidence[0]
    assert (
        row("records.dns-version", matrix(FAULTS["liar"], profile=kube_dns), "tcp").outcome is Outcome.FAILED
    )


def without_alias(found: QueryMatrix, path: Path) -> QueryMatrix:
    def denied(exchange: Exchange) -> Exchange:
        assert exchange.message is not None
        outside = Record(".", "SOA", 30, "a.example. b.example. 1 7200 1800 86400 30")
        return replace(exchange, message=replace(exchange.message, answer=(), authority=(outside,)))

    asked = [
        (one, denied(exchange) if exchange.path == path and one.rtype == "A" else exchange)
        for one, exchange in found.asked
        if one.check == "records.external-name" and one.name.startswith("alias-outside.")
    ]
    return replace(found, asked=tuple(asked))


@pytest.mark.parametrize(
    ("kind", "transport", "outcome"),
    [
        (LayerKind.KUBE_DNS, "tcp", Outcome.PASSED),
        (LayerKind.KUBE_DNS, "udp", Outcome.FAILED),
        (LayerKind.COREDNS, "tcp", Outcome.FAILED),
    ],
)
def test_an_alias_is_lost_by_tcp_into_dnsmasq_and_nowhere_else(
    kind: LayerKind, transport: str, outcome: Outcome
) -> None:
    found = matrix(profile=replace(PROFILES[kind], recursion_available=None))
    path = next(one for one in PATHS if one.transport == transport)
    verdict = row("records.external-name", without_alias(found, path), transport)
    assert verdict.outcome is outcome
    assert any("tcp_request" in line for line in verdict.evidence) == (outcome is Outcome.PASSED)


def test_freedoms_of_a_mixed_cluster_add_up() -> None:
    mixed = profile_of({LayerKind.COREDNS, LayerKind.KUBE_DNS})
    assert mixed.reads_endpoints
    assert mixed.no_version is not None
    assert mixed.recursion_available is None
    assert profile_of(set()).name == "an unknown implementation"


def swapped(found: QueryMatrix, change: object, path: Path) -> QueryMatrix:
    asked = [
        (one, change(exchange) if exchange.path == path else exchange)  # type: ignore[operator]
        for one, exchange in found.asked
    ]
    return replace(found, asked=tuple(asked))


def test_no_answer_a_foreign_one_and_a_malformed_one_fail_with_the_reason() -> None:
    right = matrix()
    path = PATHS[0]

    def silent(exchange: Exchange) -> Exchange:
        return replace(exchange, message=None, failure="no answer: timeout (1 came with another id)")

    def foreign(exchange: Exchange) -> Exchange:
        return replace(exchange, failure="answered from ['10.9.9.9', 53]")

    for change, words in ((silent, "another id"), (foreign, "answered from")):
        verdict = row("records.service-ptr", swapped(right, change, path), "udp")
        assert verdict.outcome is Outcome.FAILED
        assert words in verdict.reason
        assert "on 1 of 2 paths" in verdict.reason


def test_ra_is_judged_where_the_implementation_defines_it() -> None:
    verdict = row("records.service-ptr", matrix(profile=PROFILES[LayerKind.KUBE_DNS]), "udp")
    assert verdict.outcome is Outcome.FAILED
    assert "(RA), as kube-dns does" in verdict.reason


def limits(found: QueryMatrix, positive: float, negative: float) -> bool:
    return ttl(found, positive, negative).outcome is Outcome.PASSED


def with_soa(soa_ttl: int, minimum: int) -> QueryMatrix:
    """A negative answer whose SOA record has this TTL and this last field (RFC 2308, 5)."""
    found = matrix()
    question = next(question for question, _ in found.asked if question.check == "records.nonexistent")
    right = exchange(question, PATHS[0])
    assert right.message is not None
    (soa,) = right.message.authority
    data = f"{soa.data.rpartition(' ')[0]} {minimum}"
    message = replace(right.message, authority=(replace(soa, ttl=soa_ttl, data=data),))
    return replace(found, asked=((question, replace(right, message=message)),))


def test_a_negative_answer_lasts_as_long_as_the_shorter_of_its_soas_two() -> None:
    assert limits(with_soa(3600, 60), 30, 60)
    assert limits(with_soa(60, 3600), 30, 60)
    assert not limits(with_soa(61, 3600), 30, 60)
    assert not limits(with_soa(3600, 61), 30, 60)
    verdict = ttl(with_soa(90, 3600), 30, 60)
    assert "negative TTL 90 by the SOA of cluster.local., limit 60" in verdict.reason
    assert isinstance(verdict.measurements, RecordTTLs)
    assert verdict.measurements.answers_by_highest_ttl == {"negative": 1}
    assert verdict.measurements.answers.wrong == 1


def cut(whole: int, edns: int | None) -> bool:
    """Whether an answer may have TC where the whole one has so many octets."""
    found = matrix()
    question = next(question for question, _ in found.asked if question.check == "records.service-ptr")
    by_udp, by_tcp = replace(PATHS[0], edns=edns), PATHS[1]
    truncated, complete = exchange(question, by_udp), exchange(question, by_tcp)
    assert truncated.message is not None
    assert complete.message is not None
    message = replace(truncated.message, flags=truncated.message.flags | Flag.TC, answer=())
    asked = (
        (question, replace(truncated, message=message)),
        (question, replace(complete, message=replace(complete.message, size=whole))),
    )
    return row("records.service-ptr", replace(found, asked=asked), "udp").outcome is Outcome.PASSED


@pytest.mark.parametrize(("edns", "fits"), [(None, 512), (512, 512), (1232, 1232), (4096, 1232)])
def test_an_answer_that_fits_may_not_be_cut(edns: int | None, fits: int) -> None:
    assert not cut(fits, edns)
    assert cut(fits + 1, edns)


def test_no_truncation_at_all_is_suspicious() -> None:
    found = matrix()
    asked = tuple(
        (one, exchange)
        for one, exchange in found.asked
        if not exchange.message or Flag.TC not in exchange.message.flags
    )
    verdict = truncation("records.truncation", replace(found, asked=asked), "udp")
    assert verdict.outcome is Outcome.FAILED
    assert "had TC set" in verdict.reason
