"""When a DNS pod is held back too often."""

from dataclasses import replace

import pytest

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Outcome
from clusterdns.model.throttling import Throttling
from clusterdns.verdicts.throttling import cpu_limit, held_back

WHOLE = Throttling("kube-system/coredns-a", "", "node-1", seconds=20.0, periods=160, throttled=120)
CONTAINER = replace(WHOLE, container="coredns", periods=150, throttled=141)


def test_a_pod_is_named_once_by_what_is_held_back_most_often() -> None:
    other = replace(WHOLE, pod="kube-system/coredns-b")
    assert held_back([WHOLE, CONTAINER, other], 25) == [CONTAINER, other]


@pytest.mark.parametrize(
    ("throttled", "periods", "outcome"),
    [
        (40, 160, Outcome.PASSED),
        (41, 160, Outcome.WARNED),
        (19, 19, Outcome.PASSED),  # while it started
        (20, 20, Outcome.WARNED),
        (0, 0, Outcome.PASSED),
    ],
)
def test_the_limit_and_the_least_number_of_periods(throttled: int, periods: int, outcome: Outcome) -> None:
    verdict = cpu_limit([replace(WHOLE, throttled=throttled, periods=periods)], 25)
    assert verdict.outcome is outcome


def test_no_container_that_was_read_twice_is_no_verdict() -> None:
    with pytest.raises(HarnessError, match="no container with a CPU limit was read twice"):
        cpu_limit([], 25)


def test_what_is_said() -> None:
    assert cpu_limit([CONTAINER], 25).reason == (
        "container coredns of kube-system/coredns-a on node-1 had used up its CPU limit in 141 of 150 "
        "periods of 100 ms in which it ran (94 %)"
    )
