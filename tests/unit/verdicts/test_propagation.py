from __future__ import annotations

from dataclasses import replace

from clusterdns.model.exchange import Path
from clusterdns.model.outcome import Outcome
from clusterdns.model.propagation import Sighting
from clusterdns.verdicts.propagation import propagation, steadiness

ONCE = ((0.0, "NXDOMAIN"), (0.1, "NOERROR 198.18.0.1"))


def seen(pod: int, seconds: float | None, states: tuple[tuple[float, str], ...] = ONCE) -> Sighting:
    path = Path("node-1", f"pod {pod}", f"10.0.0.{pod}", "udp", pod=True)
    return Sighting(path, "created 1", seconds, states, asked=10, answered=9)


def test_within_the_limit() -> None:
    verdict = propagation([seen(1, 0.02), seen(2, 0.06)], 2)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurements["seconds"] == {"p50": 0.02, "p99": 0.02, "max": 0.06, "samples": 2}


def test_late_or_never_fails() -> None:
    late = propagation([seen(1, 0.02), seen(2, 3.5)], 2)
    assert late.outcome is Outcome.FAILED
    assert "1 of 2 changes were not seen within 2 s: created 1: after 3.50 s" in late.reason
    never = propagation([seen(1, None, ((0.0, "NXDOMAIN"),)), seen(2, 3.5)], 2)
    assert "never on node-1 -> pod 1 (10.0.0.1), UDP, last NXDOMAIN (9 of 10 answered)" in never.reason


def test_pods_that_go_over_together_are_steady() -> None:
    assert steadiness([seen(1, 0.02), seen(2, 0.06)], 2).outcome is Outcome.PASSED


def test_one_that_goes_back_is_not() -> None:
    back = seen(2, 0.1, (*ONCE, (0.2, "NXDOMAIN"), (0.3, "NOERROR 198.18.0.1")))
    verdict = steadiness([seen(1, 0.02), back], 2)
    assert verdict.outcome is Outcome.FAILED
    assert "in turn NXDOMAIN, NOERROR 198.18.0.1, NXDOMAIN" in verdict.reason


def test_nor_are_pods_far_apart_or_blind() -> None:
    assert "from the first DNS pod to the last" in steadiness([seen(1, 0.02), seen(2, 2.5)], 2).reason
    assert steadiness([seen(1, 0.02), seen(2, None)], 2).outcome is Outcome.FAILED


def test_a_service_in_front_may_waver() -> None:
    service = seen(3, 0.02, (*ONCE, (0.2, "NXDOMAIN")))
    service = replace(service, path=replace(service.path, pod=False))
    assert steadiness([seen(1, 0.02), service], 2).outcome is Outcome.PASSED
