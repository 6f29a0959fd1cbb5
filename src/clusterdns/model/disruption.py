"""What clients go through while something is done to a cluster's DNS."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clusterdns.model.latency import Histogram, Samples, errors


@dataclass(frozen=True, slots=True)
class PathOutage:
    """What became of the queries along one path.

    Attributes:
        node: Where they were sent.
        address: Whom they were sent to.
        queries: How many were sent.
        failed: How many were not answered in time, or by an error such as SERVFAIL.
        gap_s: The longest time from one good answer's query to the next one's with a failed query between
            them, or to an end of the window; 0 where none failed.
        disturbed_s: From the first failed query to the first good one after the last; 0 where none failed.
        recovered: Whether the last queries of the window were answered.
        p99_ms: Of good answers, from sent to received; None where there are none.
    """

    node: str
    address: str
    queries: int
    failed: int
    gap_s: float
    disturbed_s: float
    recovered: bool
    p99_ms: float | None

    @property
    def failed_percent(self) -> float:
        """The share of queries that failed."""
        return 100 * self.failed / self.queries


@dataclass(frozen=True, slots=True)
class Disruption:
    """What clients went through while something was done.

    Attributes:
        what: What was done, e.g. "kube-system/coredns-a replaced".
        node: Where; "" where that was nowhere in particular.
        ready_again_s: Seconds until all was done, and as many pods were ready as before; None where that took
            too long.
        paths: Of each node and address.
        lookups: How many calls of getaddrinfo were made.
        failed_lookups: Of those that failed: node, name and failure.
        slowest_lookup_s: Of the calls that did not fail; 0 where there is none.
        lag_ms: How late (p99) the generator sent its queries.
        unfinished: What was waited for in vain; "" where nothing was.
    """

    what: str
    node: str
    ready_again_s: float | None
    paths: Sequence[PathOutage]
    lookups: int
    failed_lookups: Sequence[str]
    slowest_lookup_s: float
    lag_ms: float
    unfinished: str = ""


def path_outage(node: str, address: str, samples: Samples) -> PathOutage:
    """Return what became of the queries along one path; there is at least one.

    All times follow from the intended times of the queries, so that nodes' clocks do not matter.
    """
    good = [
        elapsed >= 0 and not errors({rcode: 1})
        for elapsed, rcode in zip(samples.elapsed_ns, samples.rcodes, strict=True)
    ]
    times = samples.intended_ns
    took = [elapsed for elapsed, answered in zip(samples.elapsed_ns, good, strict=True) if answered]
    failed = [index for index, answered in enumerate(good) if not answered]
    if not failed:
        return PathOutage(
            node,
            address,
            queries=len(good),
            failed=0,
            gap_s=0.0,
            disturbed_s=0.0,
            recovered=True,
            p99_ms=_p99_ms(took),
        )
    # The ends of the window count as good answers: what was before and after is not known.
    marks = [(-1, times[0]), *((at, times[at]) for at, answered in enumerate(good) if answered)]
    marks.append((len(good), times[-1]))
    gap = max(later - earlier for (at, earlier), (next_, later) in pairwise(marks) if next_ > at + 1)
    disturbed = times[min(failed[-1] + 1, len(good) - 1)] - times[failed[0]]
    return PathOutage(
        node,
        address,
        queries=len(good),
        failed=len(failed),
        gap_s=gap / 1e9,
        disturbed_s=disturbed / 1e9,
        recovered=good[-1],
        p99_ms=_p99_ms(took),
    )


def _p99_ms(took: Sequence[int]) -> float | None:
    return Histogram.of(took).percentile(0.99) / 1e6 if took else None
