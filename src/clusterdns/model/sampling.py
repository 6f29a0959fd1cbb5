"""What a scrape at an interval sees of peaks that a finer watch saw."""

from collections.abc import Sequence
from itertools import groupby

from clusterdns.model.saturation import Timeline

SCRAPE_SECONDS = 15.0
"""The scrape interval of the incident's own monitoring, and a common one."""


def peaks(timeline: Timeline, threshold: int) -> list[float]:
    """Return how many seconds each peak lasted: a run of samples with as many workers, or more.

    A single sample stands for the time to the next one.
    """
    samples = timeline.samples
    ends = [after.time_ns for after in samples[1:]] + [samples[-1].time_ns]
    runs = groupby(zip(samples, ends, strict=True), lambda pair: (pair[0].workers or 0) >= threshold)
    lengths = []
    for high, run in runs:
        if high:
            pairs = list(run)
            lengths.append((pairs[-1][1] - pairs[0][0].time_ns) / 1e9)
    return lengths


def missed(lengths: Sequence[float], interval: float = SCRAPE_SECONDS) -> float:
    """Return how many of peaks a scrape at the interval misses on average, whenever it began."""
    return sum(max(0.0, 1 - length / interval) for length in lengths)
