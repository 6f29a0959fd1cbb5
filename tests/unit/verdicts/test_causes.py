"""Each cause from what a run measures where it is broken in that way, and none where nothing is."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import SelectedCase, cases_of
from clusterdns.model.exchange import Exchange, Flag, Message, Path
from clusterdns.model.fault_localization import Description, Term
from clusterdns.model.outcome import Measurements, Outcome, Verdict
from clusterdns.model.questions import Question
from clusterdns.model.resolver import Libc
from clusterdns.model.saturation import Lookups
from clusterdns.model.throttling import Throttling
from clusterdns.settings import Settings
from clusterdns.verdicts import reachable
from clusterdns.verdicts.answer_causes import NOT_OF_OBJECTS
from clusterdns.verdicts.answer_rows import RecordAnswers
from clusterdns.verdicts.cause import Complaint, Findings
from clusterdns.verdicts.causes import causes
from clusterdns.verdicts.check_causes import CHECK_CAUSES
from clusterdns.verdicts.lookups import LookupQueries
from clusterdns.verdicts.propagation import ConvergenceOfPaths, ConvergenceTimes
from clusterdns.verdicts.saturation import ConntrackLosses
from clusterdns.verdicts.saturation_causes import INTO_DNSMASQ, SLOW

ANSWERS = RecordAnswers(
    questions=9,
    paths=2,
    messages=90,
    assertions=0,
    wrong=0,
    unanswered=0,
    unsent=0,
    profile="CoreDNS",
    documented_deviations=(),
    notes=(),
)
LOST, WRONG = replace(ANSWERS, unanswered=4), replace(ANSWERS, wrong=4)


def complaint(check: str, measurements: Measurements | None = None) -> Complaint:
    """A failure of the first case of a check."""
    case: SelectedCase = cases_of([CATALOGUE[check]], Settings())[0]
    return Complaint(case, Verdict(outcome=Outcome.FAILED, reason="it failed", measurements=measurements))


def description(*terms: tuple[str, object], failed: int = 60, matched: int = 60) -> Description:
    ordered = (reachable.OCTETS,)
    return Description(
        tuple(Term(name, str(value), at_least=name in ordered) for name, value in terms),
        failed,
        matched,
        0,
        900,
    )


UNANSWERED = (
    complaint("records.reachable"),
    complaint("records.service-address", LOST),
    complaint("records.service-ptr", WRONG),
)


@pytest.mark.parametrize(
    ("described", "id_"),
    [
        (description((reachable.TYPE, "AAAA")), "type-unanswered"),
        (description((reachable.TRANSPORT, "udp"), (reachable.OCTETS, 1233)), "large-answers-lost"),
        (description((reachable.NAME, reachable.OUTSIDE)), "upstream-dead"),
        (description((reachable.NAME, reachable.OUTSIDE), failed=13, matched=82), "upstream-slow"),
        (description((reachable.SERVER_KIND, reachable.NODE_CACHE)), "node-cache-dead"),
        (
            description(
                (reachable.NODE, "node-2"), (reachable.SERVER, "node cache kube-system/c (169.254.20.10)")
            ),
            "node-cache-dead",
        ),
        (description((reachable.NODE, "node-2"), failed=30, matched=1000), "random-loss"),
        (description((reachable.OCTETS, 502), failed=30, matched=390), "random-loss"),
        (
            description((reachable.NODE, "node-2"), (reachable.SERVER_KIND, reachable.SERVICE)),
            "service-rules-stale",
        ),
        (
            description((reachable.SERVER, "Service kube-system/kube-dns (10.96.0.10)"), failed=30),
            "service-rules-stale",
        ),
        (
            description((reachable.TRANSPORT, "tcp"), (reachable.SERVER_KIND, reachable.SERVICE)),
            "queries-blocked",
        ),
        (description(failed=30, matched=1000), "random-loss"),
        (
            description((reachable.TRANSPORT, "udp"), (reachable.POD_PLACE, reachable.ANOTHER_NODE)),
            "queries-blocked",
        ),
    ],
)
def test_what_leaves_queries_unanswered(described: Description, id_: str) -> None:
    (cause,) = causes(Findings(UNANSWERED, unanswered=[described]))
    assert cause.id == id_
    assert cause.sentence == reachable.sentence(described)
    assert cause.explains == ("records.reachable", "records.service-address[udp]")
    assert cause.remedy


def test_what_a_service_loses_is_evidence_of_what_its_pods_lose() -> None:
    blocked = description((reachable.TRANSPORT, "udp"), (reachable.POD_PLACE, reachable.ANOTHER_NODE))
    share = description((reachable.SERVER_KIND, reachable.SERVICE), failed=50, matched=100)
    (cause,) = causes(Findings(UNANSWERED, unanswered=[share, blocked]))
    assert cause.id == "queries-blocked"
    assert cause.evidence == (reachable.sentence(blocked), reachable.sentence(share))


def test_shares_without_anything_that_is_never_answered_are_one_cause() -> None:
    large = description((reachable.OCTETS, 502), failed=30, matched=390)
    every = description(failed=101, matched=6904)
    (cause,) = causes(Findings(UNANSWERED, unanswered=[large, every]))
    assert (cause.id, cause.sentence) == ("random-loss", reachable.sentence(every))
    assert cause.evidence == (reachable.sentence(every), reachable.sentence(large))


THROTTLED = Throttling("kube-system/a", "coredns", "node-1", seconds=30.0, periods=300, throttled=280)


def test_dns_pods_at_their_cpu_limit_lose_queries_and_are_slow() -> None:
    complaints = (*UNANSWERED, complaint("latency.dns-pods"), complaint("records.case", WRONG))
    by_chance = description((reachable.TYPE, "TXT"), failed=12, matched=12)
    every = description(failed=166, matched=2601)
    (cause,) = causes(Findings(complaints, unanswered=[by_chance, every], throttled=[THROTTLED]))
    assert cause.id == "dns-pods-throttled"
    assert cause.explains == ("records.reachable", "records.service-address[udp]", "latency.dns-pods")
    assert cause.evidence == (str(THROTTLED), reachable.sentence(every))


def test_what_is_never_answered_while_all_else_is_has_a_cause_besides_a_cpu_limit() -> None:
    blocked = description((reachable.TRANSPORT, "tcp"))
    found = causes(Findings(UNANSWERED, unanswered=[blocked], throttled=[THROTTLED]))
    assert [cause.id for cause in found] == ["dns-pods-throttled", "queries-blocked"]


def test_a_cpu_limit_that_nothing_suffers_from_is_no_cause() -> None:
    assert causes(Findings([complaint("records.case", WRONG)], throttled=[THROTTLED])) == []


@pytest.mark.parametrize(
    ("most", "other"),
    [
        (description(failed=627, matched=3234), description((reachable.TYPE, "TXT"), failed=43, matched=45)),
        (
            description((reachable.NODE, "node-2"), (reachable.OCTETS, 140), failed=291, matched=305),
            description(failed=66, matched=2183),
        ),
    ],
)
def test_a_full_table_of_connections(most: Description, other: Description) -> None:
    complaints = (*UNANSWERED, complaint("saturation.conntrack-table"), complaint("saturation.conntrack"))
    (cause,) = causes(Findings(complaints, unanswered=[other, most]))
    assert cause.id == "conntrack-full"
    assert len(cause.explains) == 4
    assert cause.evidence[-1] == reachable.sentence(most)


@pytest.mark.parametrize(
    ("not_inserted", "ids"), [({"node-1": 0, "node-2": 3}, ["conntrack-race"]), ({}, [])]
)
def test_connections_that_race_for_one_place(not_inserted: dict[str, int], ids: list[str]) -> None:
    measured = ConntrackLosses(
        scenario="bursts", load=Lookups(60, 0), lost={"n2": 3}, not_inserted=not_inserted
    )
    found = causes(Findings([complaint("saturation.conntrack", measured)]))
    assert [cause.id for cause in found] == ids
    assert [line for cause in found for line in cause.evidence] == ["node-2: insert_failed rose by 3"] * len(
        ids
    )


def test_a_machine_that_was_too_busy_is_not_the_cluster() -> None:
    late = "the generator on node-1 was late by 24.10 ms (p99), limit 1 ms"
    (cause,) = causes(Findings(too_busy={"latency.path[udp]": late, "latency.schedule[udp]": late}))
    assert cause.id == "machine-busy"
    assert cause.sentence.startswith("not the cluster's DNS")
    assert (cause.explains, cause.evidence) == (("latency.path[udp]", "latency.schedule[udp]"), (late,))


def test_what_causes_explain_are_checks_that_there_are() -> None:
    named = {*CHECK_CAUSES, *INTO_DNSMASQ, *SLOW, *NOT_OF_OBJECTS}
    named |= {check for cause in CHECK_CAUSES.values() for check in cause.follows}
    assert named <= CATALOGUE.keys()


def test_the_incident() -> None:
    failed = ("topology.no-tcp-into-dnsmasq", "topology.tcp-capacity", "saturation.tcp-workers")
    found = Findings([*map(complaint, failed), complaint("topology.autoscaler")])
    (cause,) = causes(found)
    assert cause.id == "tcp-into-dnsmasq"
    assert [name.partition("[")[0] for name in cause.explains] == list(failed)


def test_a_full_backlog() -> None:
    found = Findings([complaint("saturation.listen-overflow"), complaint("topology.redundancy")])
    (cause,) = causes(found)
    assert cause.id == "accept-backlog-overflow"
    assert len(cause.explains) == 1


NO_LOOKUP = LookupQueries(
    name="www.example.com",
    libc=Libc.GLIBC,
    queries={},
    retries={"n1": 0},
    unanswered=["n1"],
    required={},
    queries_per_family={},
    budget=None,
)


def answers(wrong: Sequence[str], right: Sequence[str], rcode: str = "NOERROR") -> Findings:
    """What these DNS pods answer to the same question."""
    question = Question("records.service-address", "a.example.", "A")
    message = Message(Flag.QR, rcode, b"", "")
    pairs = [
        ((question, Exchange(Path("n1", pod, "10.0.0.1", "udp", pod=True), b"", message)), pod in wrong)
        for pod in (*wrong, *right)
    ]
    rows = (complaint("records.service-address", WRONG), complaint("records.consistency"))
    return Findings(rows, wrong=pairs)


def test_a_dns_pod_that_is_wrong_while_another_is_right() -> None:
    (cause,) = causes(answers(["kube-system/a"], ["kube-system/b"]))
    assert cause.id == "dns-pod-wrong"
    assert cause.sentence.startswith("kube-system/a answers otherwise")
    assert cause.explains == ("records.service-address[udp]", "records.consistency")


def test_records_that_every_dns_pod_has_wrong() -> None:
    (cause,) = causes(answers(["kube-system/a", "kube-system/b"], []))
    assert cause.id == "records-rewritten"
    assert cause.evidence == (
        "a.example. A (n1 -> kube-system/a (10.0.0.1), UDP)",
        "a.example. A (n1 -> kube-system/b (10.0.0.1), UDP)",
    )


def test_names_that_should_not_exist_explain_lookups_that_end_early() -> None:
    found = answers(["kube-system/a"], [])
    rows = (complaint("records.nonexistent", WRONG), complaint("resolver.lookup-count"))
    (cause,) = causes(replace(found, complaints=rows))
    assert (cause.id, len(cause.explains)) == ("records-rewritten", 2)


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_upstreams_that_fail(rcode: str) -> None:
    rows = (complaint("records.external", WRONG), complaint("records.service-address", WRONG))
    question = Question("records.external", "www.example.com.", "A")
    exchange = Exchange(Path("n1", "kube-system/a", "10.0.0.1", "udp"), b"", Message(Flag.QR, rcode, b"", ""))
    (cause,) = causes(Findings(rows, failed_upstreams=[(question, exchange)]))
    assert (cause.id, cause.explains) == ("upstream-dead", ("records.external[udp]",))
    assert cause.evidence == (f"www.example.com. A (n1 -> kube-system/a (10.0.0.1), UDP): {rcode}",)
    assert ("max_concurrent" in cause.remedy) == (rcode == "REFUSED")


LATE = ConvergenceOfPaths(
    limit_s=2.0,
    times=ConvergenceTimes(5.1, 5.2, 5.2, 2),
    seconds_by_path={"n1 -> a": {"a new Service": 5.1}, "n2 -> a": {"a new Service": 5.2}},
    queries=90,
    answers=90,
    late_queries=60,
    late_answers=60,
)


def test_changes_that_dns_servers_learn_late() -> None:
    late = complaint("records.propagation", LATE)
    (cause,) = causes(Findings([late, complaint("records.consistency")]))
    assert (cause.id, len(cause.explains)) == ("records-late", 2)
    lost = complaint("records.propagation", replace(LATE, late_answers=40))
    assert causes(Findings([lost])) == []
    assert causes(Findings([late, complaint("records.service-address", WRONG)])) == []


def test_the_cause_that_a_check_names_explains_what_follows_from_it() -> None:
    failed = ("resolver.ndots", "resolver.dns-policy", "resolver.lookup-count", "records.case")
    (cause,) = causes(Findings([*map(complaint, failed)]))
    assert (cause.id, len(cause.explains)) == ("ndots-changed", 3)


def test_a_check_that_another_cause_explains_is_no_cause_of_its_own() -> None:
    found = answers(["kube-system/a"], [])
    complaints = (*found.complaints, complaint("records.truncation", WRONG))
    assert [cause.id for cause in causes(replace(found, complaints=complaints))] == ["records-rewritten"]
    (cause,) = causes(Findings(complaints[1:]))
    assert cause.id == "truncation-unmarked"


def test_a_slow_upstream_is_not_explained_by_a_few_losses_that_fail_nothing() -> None:
    few = description(failed=3, matched=7000)
    slow = complaint("latency.upstream")
    (cause,) = causes(Findings([slow], unanswered=[few]))
    assert cause.id == "upstream-slow"
    (cause,) = causes(Findings([*UNANSWERED, slow], unanswered=[few]))
    assert (cause.id, cause.explains[-1]) == ("random-loss", "latency.upstream")


def test_causes_with_one_id_are_told_together() -> None:
    by_tcp = description((reachable.TRANSPORT, "tcp"))
    by_udp = description((reachable.TRANSPORT, "udp"), (reachable.NODE, "node-2"))
    (cause,) = causes(Findings(UNANSWERED, unanswered=[by_tcp, by_udp]))
    assert cause.id == "queries-blocked"
    assert cause.sentence == f"{reachable.sentence(by_tcp)}; {reachable.sentence(by_udp)}"


def test_a_node_cache_without_anybody_to_ask_explains_that_it_fails_everything() -> None:
    found = answers(["node cache"], [], rcode="SERVFAIL")
    lookup = complaint("resolver.lookup-count", NO_LOOKUP)
    rows = (*found.complaints, complaint("topology.nodelocal-coverage"), lookup)
    failed = [asked for asked, _ in found.wrong]
    (cause,) = causes(replace(found, complaints=rows, failed_upstreams=failed))
    assert (cause.id, len(cause.explains)) == ("node-cache-dead", len(rows))


def test_a_dead_node_cache_explains_what_looks_like_a_dead_upstream() -> None:
    rows = (complaint("topology.nodelocal-coverage"), complaint("records.external", WRONG))
    failed = [asked for asked, _ in answers(["a"], [], rcode="SERVFAIL").wrong]
    (cause,) = causes(Findings(rows, failed_upstreams=failed))
    assert (cause.id, len(cause.explains)) == ("node-cache-dead", 2)
    assert cause.evidence[-1].startswith("no upstream answers")


def test_where_everything_fails_it_is_not_the_upstreams() -> None:
    found = answers([], [], rcode="SERVFAIL")
    failed = [asked for asked, _ in answers(["a"], [], rcode="SERVFAIL").wrong]
    rows = (complaint("records.external", WRONG), complaint("resolver.lookup-count", NO_LOOKUP))
    (cause,) = causes(replace(found, complaints=rows, failed_upstreams=failed))
    assert (cause.id, len(cause.explains)) == ("upstream-dead", 2)
    everything = answers(["a"], [], rcode="SERVFAIL").wrong
    (cause,) = causes(replace(found, complaints=rows, failed_upstreams=failed, wrong=everything))
    assert (cause.id, len(cause.explains)) == ("dns-server-fails", 2)
    assert cause.sentence == "a cannot answer for the cluster's own names: SERVFAIL"
    refused = answers(["a"], [], rcode="REFUSED").wrong
    (cause,) = causes(replace(found, complaints=rows, failed_upstreams=failed, wrong=refused))
    assert cause.sentence == "a cannot answer for the cluster's own names: REFUSED"


def test_a_node_cache_that_does_not_answer() -> None:
    (cause,) = causes(Findings([complaint("topology.nodelocal-coverage")]))
    assert (cause.id, cause.sentence) == ("node-cache-dead", "it failed")


@pytest.mark.parametrize(
    "found",
    [
        Findings(),
        Findings([complaint("records.case", WRONG)]),
        Findings(unanswered=[description((reachable.TYPE, "AAAA"))]),
    ],
)
def test_no_cause_without_a_failure_that_it_explains(found: Findings) -> None:
    assert causes(found) == []
