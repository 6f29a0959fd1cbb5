"""Paths are asked a little at a glance, then who answers everything, and who does not only that again."""

from collections.abc import Mapping
from typing import Any

import pytest

from clusterdns.measuring.asked_servers import ServerAddress
from clusterdns.measuring.path_probing import probe_paths
from clusterdns.measuring.querying import Querier
from clusterdns.model.questions import Question
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.test_querying import PODS, answered, unanswered

ALIVE, DEAD, SLOW = "10.0.0.1", "10.0.0.2", "10.0.0.3"
QUESTIONS = [Question("records.case", f"{n}.", rtype) for rtype in ("A", "SRV") for n in "abc"]
OUTSIDE = 6  # questions about names outside the cluster, along every path


class Servers:
    """Of three servers one answers at once, one never, and one after two seconds."""

    def send(self, _pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        return [self._one(index, message) for index, message in enumerate(request["messages"])]

    def _one(self, index: int, message: Mapping[str, Any]) -> Answer:
        address, waits = message["address"], message["timeout"]
        lost = address == DEAD or (address == SLOW and waits <= 2)
        return unanswered(index, "timeout") if lost else answered(message, index)


@pytest.fixture
def asks() -> Querier:
    servers = [ServerAddress(address, "pod", pod=True) for address in (ALIVE, DEAD, SLOW)]
    prober = FakeProber({"send": Servers().send}).as_prober()
    pods = {"node-1": PODS["node-1"]}
    return Querier(prober, pods, servers, timeout=5, concurrency=8, careful=8)


def test_who_answers_late_is_not_given_up_and_who_does_not_is(asks: Querier) -> None:
    probe_paths(asks, QUESTIONS, "example", 64)
    silent = {path.address for path in asks.paths() if not asks.answers(path)}
    assert silent == {DEAD}


def test_only_who_answers_at_a_glance_is_asked_for_every_type(asks: Querier) -> None:
    asked = probe_paths(asks, QUESTIONS, "example", 64)
    udp = [
        (exchange.path.address, question.rtype, exchange.answered)
        for question, exchange in asked
        if exchange.path.transport == "udp"
    ]
    assert {address for address, rtype, _ in udp if rtype == "SRV"} == {ALIVE}
    for address, answers in ((DEAD, False), (SLOW, True)):
        assert [answer for at, _, answer in udp if at == address] == [answers] * (3 + OUTSIDE)
