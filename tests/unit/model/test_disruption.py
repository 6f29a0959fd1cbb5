from __future__ import annotations

from array import array

from clusterdns.model.disruption import path_outage
from clusterdns.model.latency import Samples

STEP = 20_000_000  # ns: 50 queries a second
LOST = -1
SERVFAIL, NXDOMAIN = 2, 3


def samples(elapsed_ns: list[int], rcodes: dict[int, int] | None = None) -> Samples:
    """Queries 20 ms apart; those of `rcodes` are answered by another rcode than NOERROR."""
    codes = bytes((rcodes or {}).get(index, 0) for index in range(len(elapsed_ns)))
    return Samples(
        start_ns=0,
        deadline_ns=5_000_000_000,
        intended_ns=array("q", range(0, STEP * len(elapsed_ns), STEP)),
        lag_ns=array("q", [0] * len(elapsed_ns)),
        elapsed_ns=array("q", elapsed_ns),
        rcodes=codes,
    )


def test_a_quiet_path_has_no_gap() -> None:
    outage = path_outage("n", "a", samples([1_000_000] * 100, {5: NXDOMAIN}))
    assert (outage.queries, outage.failed, outage.gap_s, outage.disturbed_s) == (100, 0, 0, 0)
    assert outage.recovered
    assert outage.p99_ms is not None
    assert 1 <= outage.p99_ms < 1.01


def test_a_gap_lasts_from_one_good_answer_to_the_next() -> None:
    outage = path_outage("n", "a", samples([1000] * 10 + [LOST] * 50 + [1000] * 40))
    assert (outage.failed, outage.gap_s, outage.disturbed_s) == (50, 51 * 0.02, 50 * 0.02)
    assert outage.failed_percent == 50
    assert outage.recovered


def test_an_answer_by_servfail_is_a_failure_and_two_gaps_are_one_disturbance() -> None:
    outage = path_outage("n", "a", samples([1000] * 30, {10: SERVFAIL, 20: SERVFAIL}))
    assert (outage.failed, outage.gap_s, outage.disturbed_s) == (2, 2 * 0.02, 11 * 0.02)


def test_a_path_that_stays_silent_has_not_recovered() -> None:
    outage = path_outage("n", "a", samples([1000] * 10 + [LOST] * 20))
    assert not outage.recovered
    assert (outage.gap_s, outage.disturbed_s) == (20 * 0.02, 19 * 0.02)


def test_a_path_without_any_answer_is_silent_for_the_window() -> None:
    outage = path_outage("n", "a", samples([LOST] * 51))
    assert (outage.gap_s, outage.p99_ms, outage.failed_percent) == (1.0, None, 100)
