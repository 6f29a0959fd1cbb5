from __future__ import annotations

from clusterdns.model.convergence import Convergence
from clusterdns.model.exchange import Path
from clusterdns.model.outcome import Outcome
from clusterdns.verdicts.propagation import ConvergenceOfPaths, ConvergenceTimes, propagation

ONCE = ((0.0, "NXDOMAIN"), (0.1, "NOERROR 198.18.0.1"))


def seen(pod: int, seconds: float | None, states: tuple[tuple[float, str], ...] = ONCE) -> Convergence:
    path = Path("node-1", f"pod {pod}", f"10.0.0.{pod}", "udp", pod=True)
    return Convergence(path, "created 1", seconds, states, queries=10, answers=9)


def test_within_the_limit() -> None:
    verdict = propagation([seen(1, 0.02), seen(2, 0.06)], 2)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.measurements == ConvergenceOfPaths(
        limit_s=2,
        times=ConvergenceTimes(p50_s=0.02, p99_s=0.02, max_s=0.06, samples=2),
        seconds_by_path={
            "node-1 -> pod 1 (10.0.0.1), UDP": {"created 1": 0.02},
            "node-1 -> pod 2 (10.0.0.2), UDP": {"created 1": 0.06},
        },
        queries=20,
        answers=18,
        late_queries=0,
        late_answers=0,
    )


def test_the_limit_itself_is_within() -> None:
    assert propagation([seen(1, 2.0)], 2).outcome is Outcome.PASSED
    assert propagation([seen(1, 2.001)], 2).outcome is Outcome.FAILED


def test_no_sight_at_all_has_no_times() -> None:
    verdict = propagation([seen(1, None)], 2)
    assert isinstance(verdict.measurements, ConvergenceOfPaths)
    assert verdict.measurements.times == ConvergenceTimes(None, None, None, 0)


def test_late_or_never_fails() -> None:
    late = propagation([seen(1, 0.02), seen(2, 3.5)], 2)
    assert late.outcome is Outcome.FAILED
    assert "1 of 2 changes were not seen within 2 s: created 1: after 3.50 s" in late.reason
    assert isinstance(late.measurements, ConvergenceOfPaths)
    assert (late.measurements.late_queries, late.measurements.late_answers) == (10, 9)
    never = propagation([seen(1, None, ((0.0, "NXDOMAIN"),)), seen(2, 3.5)], 2)
    assert "never on node-1 -> pod 1 (10.0.0.1), UDP, last NXDOMAIN (9 of 10 answered)" in never.reason
