from collections.abc import Callable
from dataclasses import replace

import pytest

from clusterdns.model.exchange import Path
from clusterdns.model.outcome import Outcome
from clusterdns.model.query_matrix import Asked
from clusterdns.model.questions import Question
from clusterdns.verdicts.path_mtu import AnswerSizes, path_mtu
from tests.unit.verdicts.test_reachable import OCTETS, SERVERS, asked, crossing

Fails = Callable[[Question, Path], bool]


def octets(question: Question, path: Path) -> int:
    return min(OCTETS.get(question.name.partition("-")[0], 80), path.limit)


def sizes(asked_: list[Asked]) -> AnswerSizes:
    measured = path_mtu(asked_).measurements
    assert isinstance(measured, AnswerSizes)
    return measured


def test_a_path_that_loses_large_answers_is_named_with_what_arrives() -> None:
    pairs = asked(
        lambda question, path: path.transport == "udp" and crossing(path) and octets(question, path) > 900
    )
    verdict = path_mtu(pairs)
    assert verdict.outcome is Outcome.FAILED
    # Two types of three names: "large" and "middling" with EDNS sizes of 1,232 and 4,096.
    said = "no answer of 1,100 octets or more arrives by UDP (24 lost), those of up to 512 do"
    assert verdict.evidence == (
        f"n1 -> kube-system/p1 (10.0.0.1): {said}",
        f"n2 -> kube-system/p0 (10.0.0.0): {said}",
    )
    measured = sizes(pairs)
    assert set(measured.lost_octets.values()) == {1100}
    assert measured.arrived_octets["n1 -> kube-system/p0 (10.0.0.0)"] == 3000


def test_answers_that_no_path_lets_through_are_as_large_as_by_tcp() -> None:
    pairs = asked(lambda question, path: path.transport == "udp" and octets(question, path) > 1400)
    measured = sizes(pairs)
    assert measured.lost_octets == {
        f"{node} -> {name} ({address})": 3000 for node in ("n1", "n2") for address, name, _ in SERVERS
    }
    assert path_mtu(pairs).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "fails",
    [
        lambda *_: False,
        lambda question, _: question.rtype == "AAAA",
        lambda _, path: path.edns == 4096,
        lambda _, path: path.transport == "udp" and crossing(path),
        lambda question, _: question.outside,
        lambda question, path: question.name.startswith("large-0") and path.address == "10.0.0.0",
        lambda question, path: octets(question, path) < 900 and path.transport == "udp",
    ],
    ids=["nothing", "a type", "an EDNS size", "a path", "names outside", "a name", "small answers"],
)
def test_what_is_lost_for_another_reason_is_not_held_against_size(fails: Fails) -> None:
    verdict = path_mtu(asked(fails))
    assert verdict.outcome is Outcome.PASSED, verdict.reason


def test_where_nothing_is_answered_nothing_is_known() -> None:
    verdict = path_mtu(asked(lambda _, path: path.transport == "udp"))
    assert verdict.outcome is Outcome.WARNED
    assert verdict.reason == "no query by UDP has an answer (see records.reachable)"


def test_a_query_that_was_not_sent_says_nothing() -> None:
    pairs = [
        (question, replace(exchange, sent=False) if exchange.lost else exchange)
        for question, exchange in asked(lambda question, path: octets(question, path) > 900)
    ]
    assert path_mtu(pairs).outcome is Outcome.PASSED
