"""Open-loop load: what is made of pods' answers, and when they are told to start."""

import time
from typing import Any, Self

import pytest

from clusterdns.errors import ProbeError
from clusterdns.probing.load import LEAD_NS, Constant, Plan, distinct, run_load, run_load_together
from clusterdns.probing.pods import ProbePod

POD = ProbePod("ns", "p", "n", "192.0.2.1")
PLAN = Plan(
    address="127.0.0.1",
    port=53,
    schedule=Constant(200, 0.1),
    templates=[distinct("load.example", "A")],
    deadline=2.0,
    sockets=4,
)


class FakeOperation:
    """A load that is ready at some time of its node's clock, and answers with what it was given."""

    def __init__(self, clock_ns: int, answers: list[dict[str, Any]]) -> None:
        self.clock_ns, self.answers = clock_ns, answers
        self.told: list[dict[str, Any]] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def ready(self) -> dict[str, Any]:
        return {"ready": True, "clock_ns": self.clock_ns}

    def tell(self, **message: Any) -> None:
        self.told.append(message)

    def collect(self) -> list[dict[str, Any]]:
        return self.answers


class FakeProber:
    """Opens operations of nodes whose clocks differ by a second."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.opened: list[FakeOperation] = []

    def open(self, pod: ProbePod, operation: str, request: dict[str, Any]) -> FakeOperation:
        assert (pod, operation) == (POD, "load")
        assert request["port"] == 53
        self.opened.append(FakeOperation(time.time_ns() + len(self.opened) * 1_000_000_000, self.answers))
        return self.opened[-1]


COUNTS = {
    "start_ns": 1,
    "late": 0,
    "duplicates": 0,
    "strays": 0,
    "tried": True,
    "dropped": 0,
    "failures": {},
    "connections": 0,
    "cpu_seconds": 0.1,
}


def test_answers_that_the_pod_lost_are_an_error_of_ours() -> None:
    prober: Any = FakeProber({"sent": 1}, {**COUNTS, "dropped": 7})
    with pytest.raises(ProbeError, match="load in pod p on n had no room for 7 answers"):
        run_load(prober, POD, PLAN)


def test_pods_start_together_by_the_clock_that_is_ahead() -> None:
    prober: Any = FakeProber(COUNTS)
    before = time.time_ns()
    assert len(run_load_together(prober, [(POD, PLAN), (POD, PLAN)])) == 2
    one, other = (operation.told for operation in prober.opened)
    assert one == other
    assert before + 1_000_000_000 + LEAD_NS <= one[0]["start_ns"] <= time.time_ns() + 1_100_000_000 + LEAD_NS
    assert all(operation.closed for operation in prober.opened)
