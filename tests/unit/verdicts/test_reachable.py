from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from clusterdns.model.exchange import Exchange, Flag, Message, Path
from clusterdns.model.outcome import Outcome
from clusterdns.model.query_matrix import Asked
from clusterdns.model.questions import Question
from clusterdns.verdicts.reachable import describe, reachable, sentence
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream

TOPOLOGY = topology(cache(), server(), services=(upstream(*TWO),))
SERVERS = (
    ("10.0.0.0", "kube-system/p0", True),
    ("10.0.0.1", "kube-system/p1", True),
    ("10.96.0.20", "Service kube-system/upstream", False),
    ("169.254.20.10", "kube-system/cache", False),
)
WAYS = (("udp", None), ("udp", 1232), ("udp", 4096), ("tcp", None))
OCTETS = {"small": 120, "middling": 1100, "large": 3000}
Fails = Callable[[Question, Path], bool]


def asked(fails: Fails) -> list[Asked]:
    """Questions for two types and of three sizes, along every path, from both nodes."""
    pairs = []
    for node, (address, name, pod), (transport, edns), rtype, what in product(
        ("n1", "n2"), SERVERS, WAYS, ("A", "AAAA"), [*OCTETS, "outside"]
    ):
        path = Path(node, name, address, transport, edns, pod)
        for number in range(3):
            question = Question("records.x", f"{what}-{number}.example.", rtype, outside=what == "outside")
            size = min(OCTETS.get(what, 80), path.limit)
            message = Message(Flag.QR, "NOERROR", b"", "", size=size)
            exchange = Exchange(path, b"", message)
            if fails(question, path):
                exchange = replace(exchange, message=None, failure="no answer: timeout", answered=False)
            pairs.append((question, exchange))
    return pairs


def crossing(path: Path) -> bool:
    return path.pod and (path.address == "10.0.0.0") != (path.node == "n1")


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (lambda question, _: question.rtype == "AAAA", "queries of type AAAA are never answered"),
        (
            lambda _, path: path.transport == "udp" and crossing(path),
            "queries by UDP to DNS pods on another node than their own are never answered",
        ),
        (
            lambda _, path: path.transport == "tcp" and path.node == "n2",
            "queries by TCP from pods on n2 are never answered",
        ),
        (
            lambda question, path: (
                crossing(path)
                and path.transport == "udp"
                and min(OCTETS.get(question.name.partition("-")[0], 80), path.limit) > 900
            ),
            "queries by UDP to DNS pods on another node than their own with answers of 1100 octets",
        ),
        (
            lambda question, _: question.outside,
            "queries for names outside the cluster are never answered",
        ),
        (
            lambda _, path: path.address == "169.254.20.10",
            "queries to node caches are never answered",
        ),
        (lambda *_: True, "queries of every kind are never answered (768 of 768)"),
    ],
)
def test_what_has_no_answer_is_described(fails: Fails, said: str) -> None:
    pairs = asked(fails)
    (description,) = describe(pairs, TOPOLOGY)
    assert sentence(description).startswith(said)
    lost = sum(exchange.lost for _, exchange in pairs)
    assert (description.failed, description.matched, description.failed_elsewhere) == (lost, lost, 0)

    verdict = reachable(pairs, TOPOLOGY)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == sentence(description)
    assert f"{lost} of {lost}" in verdict.reason


def test_where_all_is_answered_nothing_is_described() -> None:
    pairs = asked(lambda *_: False)
    assert describe(pairs, TOPOLOGY) == []
    assert reachable(pairs, TOPOLOGY).outcome is Outcome.PASSED


def test_a_query_that_was_not_sent_says_nothing() -> None:
    unsent = [
        (question, replace(exchange, message=None, answered=False, sent=False))
        for question, exchange in asked(lambda *_: False)
    ]
    assert reachable(unsent, TOPOLOGY).outcome is Outcome.PASSED


def test_a_sporadic_loss_is_no_failure() -> None:
    (lost, *others) = asked(lambda *_: False)
    nothing = replace(lost[1], message=None, failure="no answer: timeout", answered=False)
    verdict = reachable([(lost[0], nothing), *others * 2], TOPOLOGY)
    assert verdict.outcome is Outcome.WARNED
    assert verdict.reason == "queries of every kind are unanswered in 0.1% of cases (1 of 1,535)"
    assert verdict.evidence[1:] == (f"{lost[1].path}: unanswered A: 1 of 23",)
