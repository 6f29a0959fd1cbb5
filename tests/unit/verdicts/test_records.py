from __future__ import annotations

from dataclasses import replace

import pytest

from clusterdns.model.catalogue import CATALOGUE
from clusterdns.model.dns_profiles import PROFILES, profile_of
from clusterdns.model.exchange import Exchange, Flag, Path, Record
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.topology import LayerKind
from clusterdns.verdicts.records import Survey, consistency, row, truncation, ttl
from lab.faults import FAULTS
from tests.unit.verdicts.rightserver import PATHS, survey

ROWS = [
    check
    for check in CATALOGUE
    if check.startswith("records.")
    and check.partition(".")[2] not in ("ttl", "propagation", "consistency", "truncation")
]


def verdicts(found: Survey) -> dict[str, list[Verdict]]:
    by_check = {check: [row(check, found, transport) for transport in ("udp", "tcp")] for check in ROWS}
    return {
        **by_check,
        "records.truncation": [truncation(found, transport) for transport in ("udp", "tcp")],
        "records.ttl": [ttl(found, 30, 60)],
        "records.consistency": [consistency(found)],
    }


def failing(found: Survey) -> set[str]:
    return {
        check
        for check, several in verdicts(found).items()
        if any(verdict.outcome is Outcome.FAILED for verdict in several)
    }


def test_a_right_server_passes_and_is_asked_a_lot() -> None:
    found = survey()
    assert failing(found) == set()
    counted = [
        verdict.measurements for check in ROWS for verdict in verdicts(found)[check] if verdict.measurements
    ]
    assert all(int(str(one["messages"])) > 0 for one in counted)
    assert sum(int(str(one["assertions"])) for one in counted) > 1000


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
    assert failing(survey(FAULTS[fault])) == {f"records.{check}" for check in checks}


def test_the_liar_fails_every_row() -> None:
    # TTL and consistency are right with a liar who is consistent.
    fails = failing(survey(FAULTS["liar"]))
    assert fails == set(ROWS) | {"records.truncation"}


def test_one_stale_replica_is_inconsistent_too() -> None:
    found = survey(FAULTS["lost-endpoint"], on="pod 2")
    assert failing(found) == {"records.headless-address", "records.consistency"}
    assert "otherwise by pod" in consistency(found).reason


def test_a_failure_shows_expected_got_and_the_whole_message() -> None:
    verdict = row("records.service-srv", survey(FAULTS["srv-target-short"]), "udp")
    text = "\n".join(verdict.evidence)
    assert "expected: _http._tcp.several.clusterdns-x.svc.cluster.local. SRV 80 several." in text
    assert "got: missing: _http._tcp.several" in text
    assert ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1" in text
    assert "several.clusterdns-x.svc." in text
    assert "on 2 of 2 paths" in verdict.reason


def test_documented_deviations_pass_and_are_told() -> None:
    kube_dns = replace(PROFILES[LayerKind.KUBE_DNS], recursion_available=None)
    found = survey(FAULTS["no-version"], profile=kube_dns)
    verdict = row("records.dns-version", found, "tcp")
    assert verdict.outcome is Outcome.PASSED
    assert "no record of the schema's version" in verdict.evidence[0]
    assert (
        row("records.dns-version", survey(FAULTS["liar"], profile=kube_dns), "tcp").outcome is Outcome.FAILED
    )


def without_alias(found: Survey, path: Path) -> Survey:
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
    found = survey(profile=replace(PROFILES[kind], recursion_available=None))
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


def swapped(found: Survey, change: object, path: Path) -> Survey:
    asked = [
        (one, change(exchange) if exchange.path == path else exchange)  # type: ignore[operator]
        for one, exchange in found.asked
    ]
    return replace(found, asked=tuple(asked))


def test_no_answer_a_foreign_one_and_a_malformed_one_fail_with_the_reason() -> None:
    right = survey()
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
    verdict = row("records.service-ptr", survey(profile=PROFILES[LayerKind.KUBE_DNS]), "udp")
    assert verdict.outcome is Outcome.FAILED
    assert "(RA), as kube-dns does" in verdict.reason


def test_no_truncation_at_all_is_suspicious() -> None:
    found = survey()
    asked = tuple(
        (one, exchange)
        for one, exchange in found.asked
        if not exchange.message or Flag.TC not in exchange.message.flags
    )
    verdict = truncation(replace(found, asked=asked), "udp")
    assert verdict.outcome is Outcome.FAILED
    assert "had TC set" in verdict.reason
