"""Latency of open-loop load: samples, histograms, percentiles, timelines.

All times are in nanoseconds.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from array import array  # generic at run time from Python 3.12 on

SAMPLES_BEYOND = 10
"""A percentile is judged only with this many samples beyond it on average."""

BITS = 10
"""Linear steps per power of two, as a power of two: values are exact up to 2048 ns, then to 1/1024."""
_STEPS = 1 << BITS
_SECOND = 1_000_000_000


_KNEW = frozenset({0, 3})  # NOERROR, NXDOMAIN: the server gave an answer


def errors(rcodes: Mapping[int, int]) -> int:
    """Counts the answers that are none, such as SERVFAIL.

    Args:
        rcodes: rcode -> how many queries were answered with it.
    """
    return sum(count for rcode, count in rcodes.items() if rcode not in _KNEW)


def samples_needed(quantile: float) -> int:
    """Returns how many samples a percentile needs to be judged: 10 / (1 - quantile).

    Args:
        quantile: At least 0 and below 1, e.g. 0.99 for p99, which needs 1000.
    """
    return math.ceil(round(SAMPLES_BEYOND / (1 - quantile), 6))


@dataclass(slots=True)
class Histogram:
    """Counts by value, with high dynamic range: log-linear buckets of 1/1024 of their value.

    Source of the form: http://hdrhistogram.org.

    Attributes:
        counts: Bucket -> number of values in it. It suffices to make the histogram again.
        maximum: The largest value, exactly.
    """

    counts: Counter[int] = field(default_factory=Counter)
    maximum: int = 0

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """Counts values, each at least 0.

        Raises:
            ValueError: One is negative.
        """
        distinct = Counter(values)
        if min(distinct, default=0) < 0:
            raise ValueError("a histogram of times has no negative values")
        counts: Counter[int] = Counter()
        for value, count in distinct.items():
            counts[_bucket(value)] += count
        return cls(counts, max(distinct, default=0))

    def __add__(self, other: Self) -> Self:
        """Returns the histogram of the values of both."""
        counts = Counter(self.counts)
        counts.update(other.counts)  # `+` would go through both
        return type(self)(counts, max(self.maximum, other.maximum))

    def __len__(self) -> int:
        return self.counts.total()

    def judges(self, quantile: float) -> bool:
        """Tells whether there are enough values for a verdict on this percentile."""
        return len(self) >= samples_needed(quantile)

    def percentile(self, quantile: float) -> int:
        """Returns the smallest value that at least this share of the values does not exceed (nearest rank).

        Args:
            quantile: From 0 to 1, e.g. 0.99 for p99.

        Returns:
            The upper end of the value's bucket: never below the exact one, and less than 1/1024 above it.

        Raises:
            ValueError: There are no values.
        """
        if not self.counts:
            raise ValueError("no values, no percentile")
        rank = max(1, math.ceil(round(quantile * len(self), 6)))
        for bucket in sorted(self.counts):
            rank -= self.counts[bucket]
            if rank <= 0:
                break
        return min(_highest(bucket), self.maximum)

    def values(self) -> Iterator[tuple[int, int]]:
        """Yields the values in order, each with how often it is there; a value is its bucket's upper end."""
        for bucket in sorted(self.counts):
            yield min(_highest(bucket), self.maximum), self.counts[bucket]


def _bucket(value: int) -> int:
    """Numbers the buckets in the order of their values: 2048 of width 1, then 1024 of width 2, of 4, 8..."""
    shift = max(0, value.bit_length() - BITS - 1)
    return (shift << BITS) + (value >> shift)


def _highest(bucket: int) -> int:
    """Returns the largest value of a bucket."""
    shift = max(0, (bucket >> BITS) - 1)
    return ((bucket - (shift << BITS) + 1) << shift) - 1


@dataclass(frozen=True, slots=True)
class Samples:
    """What became of every query of a plan: columns of one length, in the plan's order.

    Attributes:
        start_ns: When the plan began, since 1970.
        deadline_ns: What each query had, from its intended time.
        intended_ns: When each was to be sent, since the start.
        lag_ns: From there until it was sent.
        elapsed_ns: From sent to received; -1 where no answer came by the deadline.
        rcodes: Of the answers; without meaning for lost queries.
    """

    start_ns: int
    deadline_ns: int
    intended_ns: "array[int]"
    lag_ns: "array[int]"
    elapsed_ns: "array[int]"
    rcodes: bytes

    def __len__(self) -> int:
        return len(self.intended_ns)

    @property
    def lost(self) -> int:
        """How many queries had no answer by their deadline."""
        return self.elapsed_ns.count(-1)

    def latencies(self) -> list[int]:
        """Returns the time from intended to received, query by query; the deadline where it is lost."""
        pairs = zip(self.lag_ns, self.elapsed_ns, strict=True)
        return [self.deadline_ns if elapsed < 0 else lag + elapsed for lag, elapsed in pairs]

    def latency(self) -> Histogram:
        """Returns the histogram of `latencies`: what clients feel, lost queries and all."""
        return Histogram.of(self.latencies())

    def send_to_receive(self) -> Histogram:
        """Returns the histogram of answered queries from sent to received, as a capture sees them."""
        return Histogram.of(elapsed for elapsed in self.elapsed_ns if elapsed >= 0)

    def lag(self) -> Histogram:
        """Returns the histogram of the schedule lag: whether the generator kept its plan."""
        return Histogram.of(self.lag_ns)

    def rcode_counts(self) -> Counter[int]:
        """Counts the answered queries by rcode."""
        pairs = zip(self.rcodes, self.elapsed_ns, strict=True)
        return Counter(rcode for rcode, elapsed in pairs if elapsed >= 0)


@dataclass(frozen=True, slots=True)
class Interval:
    """The queries that were intended for one interval.

    Attributes:
        sent: How many there are.
        lost: How many had no answer by their deadline.
        rcodes: rcode -> how many were answered with it.
        latency: From intended to received; the deadline for lost ones.
    """

    sent: int
    lost: int
    rcodes: Mapping[int, int]
    latency: Histogram

    @property
    def answered(self) -> int:
        """How many had an answer in time."""
        return self.sent - self.lost

    @property
    def refused(self) -> int:
        """How many were answered by an error, such as SERVFAIL."""
        return errors(self.rcodes)


def timeline(runs: Iterable[Samples], width_ns: int = _SECOND) -> dict[int, Interval]:
    """Returns the intervals of runs that went on at the same time.

    Args:
        runs: Of one pod each.
        width_ns: Of an interval.

    Returns:
        Interval since the earliest start, from 0 -> what happened to its queries, in order; those for which
        no query was intended are not there.
    """
    runs = list(runs)
    start = min((run.start_ns for run in runs), default=0)
    latencies: dict[int, list[int]] = {}
    rcodes: dict[int, Counter[int]] = {}
    for run in runs:
        rows = zip(run.intended_ns, run.elapsed_ns, run.rcodes, run.latencies(), strict=True)
        for intended, elapsed, rcode, latency in rows:
            interval = (run.start_ns - start + intended) // width_ns
            latencies.setdefault(interval, []).append(latency)
            answered = rcodes.setdefault(interval, Counter())
            if elapsed >= 0:
                answered[rcode] += 1
    return {
        interval: Interval(
            sent=len(latencies[interval]),
            lost=len(latencies[interval]) - rcodes[interval].total(),
            rcodes=rcodes[interval],
            latency=Histogram.of(latencies[interval]),
        )
        for interval in sorted(latencies)
    }
