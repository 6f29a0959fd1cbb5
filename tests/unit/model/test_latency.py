"""Histograms, percentiles and timelines of load."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.latency import Histogram, Samples, samples_needed, timeline

SECOND = 1_000_000_000

times = st.lists(st.integers(0, 2**62), max_size=60)
some_times = st.lists(st.one_of(st.integers(0, 5000), st.integers(0, 2**62)), min_size=1, max_size=60)
quantiles = st.floats(0, 1)


def samples(*rows: tuple[int, int, int, int], start_ns: int = 0, deadline_ns: int = 5 * SECOND) -> Samples:
    """Makes samples of (intended, lag, elapsed, rcode)."""
    intended, lag, elapsed, rcodes = zip(*rows, strict=True)
    return Samples(
        start_ns, deadline_ns, array("q", intended), array("q", lag), array("q", elapsed), bytes(rcodes)
    )


@pytest.mark.parametrize(
    ("quantile", "needed"), [(0, 10), (0.5, 20), (0.9, 100), (0.99, 1000), (0.995, 2000), (0.999, 10_000)]
)
def test_samples_needed(quantile: float, needed: int) -> None:
    assert samples_needed(quantile) == needed
    assert Histogram.of(range(needed)).judges(quantile)
    assert not Histogram.of(range(needed - 1)).judges(quantile)


@pytest.mark.parametrize(
    ("quantile", "value"), [(0, 1), (0.07, 7), (0.5, 50), (0.99, 99), (0.991, 100), (1, 100)]
)
def test_percentiles_are_nearest_ranks(quantile: float, value: int) -> None:
    assert Histogram.of(range(1, 101)).percentile(quantile) == value


@given(some_times, quantiles)
def test_a_percentile_is_never_too_low_and_at_most_a_thousandth_too_high(
    values: list[int], quantile: float
) -> None:
    rank = max(1, -(-round(quantile * len(values) * 10**6) // 10**6))
    exact = sorted(values)[rank - 1]
    found = Histogram.of(values).percentile(quantile)
    assert exact <= found <= exact + exact // 1024
    assert found <= max(values)


@given(some_times, quantiles, quantiles)
def test_percentiles_rise(values: list[int], one: float, other: float) -> None:
    histogram = Histogram.of(values)
    low, high = sorted([one, other])
    assert histogram.percentile(low) <= histogram.percentile(high)


@given(times, times, times)
def test_merging_is_counting_together(one: list[int], two: list[int], three: list[int]) -> None:
    a, b, c = (Histogram.of(values) for values in (one, two, three))
    assert (a + b) + c == a + (b + c) == Histogram.of(one + two + three)
    assert a + b == b + a
    assert len(a + b) == len(one) + len(two)
    assert a + Histogram() == a


def test_buckets_lie_side_by_side() -> None:
    # Around each power of two the bucket's width changes.
    for value in sorted({2**power + step for power in range(9, 40) for step in (-2, -1, 0, 1, 2)}):
        histogram = Histogram.of([value, 2**63])
        assert value <= histogram.percentile(0.5) <= value + value // 1024


def test_no_values() -> None:
    with pytest.raises(ValueError, match="no values"):
        Histogram().percentile(0.5)
    assert (len(Histogram()), Histogram().maximum) == (0, 0)


def test_negative_times_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Histogram.of([1, -1])


def test_latency_counts_from_the_intended_time() -> None:
    # The generator was held up for a second: what it sent then was answered at once, but late for the client.
    stalled = samples((0, 0, 1000, 0), (100, SECOND, 1000, 0), (200, SECOND - 100, 1000, 0))
    assert stalled.send_to_receive().maximum == 1000
    assert stalled.latencies() == [1000, SECOND + 1000, SECOND + 900]
    assert stalled.latency().maximum == SECOND + 1000
    assert stalled.lag().maximum == SECOND


def test_lost_queries_count_as_the_deadline() -> None:
    some = samples((0, 5, 10, 3), (1, 7, -1, 0), (2, 0, 20, 0), (3, 0, 20, 0), deadline_ns=1000)
    assert (len(some), some.lost) == (4, 1)
    assert some.latencies() == [15, 1000, 20, 20]
    assert len(some.send_to_receive()) == 3
    assert len(some.lag()) == 4
    assert some.rcode_counts() == {0: 2, 3: 1}


def test_a_timeline_goes_by_intended_time_over_all_pods() -> None:
    one = samples((0, 0, 10, 0), (SECOND - 1, 0, 3 * SECOND, 2), (3 * SECOND, 0, -1, 0), start_ns=7)
    other = samples((0, 0, 20, 3), start_ns=7 + SECOND // 2)
    seconds = timeline([other, one])
    assert list(seconds) == [0, 3]
    assert (seconds[0].sent, seconds[0].answered, seconds[0].lost) == (3, 3, 0)
    assert seconds[0].rcodes == {0: 1, 2: 1, 3: 1}
    assert seconds[0].latency.maximum == 3 * SECOND
    assert (seconds[3].sent, seconds[3].answered, seconds[3].lost) == (1, 0, 1)
    assert seconds[3].latency.maximum == 5 * SECOND


def test_no_runs_no_timeline() -> None:
    assert timeline([]) == {}
