"""What clients go through over hours: every path's queries, and the stretches of time in which they suffered.

Memory does not grow with time: latencies are kept as a histogram, times as stretches. All times are in
seconds since the soak began. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from clusterdns.model.latency import Histogram

LOST, REFUSED, UNASKED = -1, -2, -3
"""In place of a time: no answer by the deadline, an error such as SERVFAIL, not asked as it was too late."""

_MERGED = 1.0  # seconds between two stretches of trouble that are told as one
_MOST = 1_000  # stretches that are kept of a path; further ones are only counted
_SLOW_SHARE = 0.1  # of a second's answers that make it a slow one


class Trouble(StrEnum):
    """What a stretch of time was like."""

    SILENT = "silent"  # queries had no answer, or an error
    SLOW = "slow"  # a tenth of the answers, or more, took long
    UNMEASURED = "not measured"  # nobody asked


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which a path was in trouble, or was not asked.

    Attributes:
        node: Where the queries were sent.
        address: Whom they were sent to; "" for all that the node asks.
        trouble: What it was like.
        start_s: When it began: with the last good answer's query before a failed one.
        end_s: When it ended: with the first good answer's query after the last failed one.
        queries: How many were sent meanwhile.
        failed: How many of them had no answer, or an error.
        gap_s: The longest time without a good answer within it; 0 where there is none.
    """

    node: str
    address: str
    trouble: Trouble
    start_s: float
    end_s: float
    queries: int = 0
    failed: int = 0
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What became of all queries along one path.

    Attributes:
        node: Where they were sent.
        address: Whom they were sent to.
        measured_s: For how long.
        queries: How many were sent.
        failed: How many had no answer in time, or an error.
        gap_s: The longest time from one good answer's query to the next one's with a failed one between.
        p50_ms, p99_ms: Of good answers, from sent to received; None where there is none.
        silent, slow: How many stretches of trouble there were.
    """

    node: str
    address: str
    measured_s: float
    queries: int
    failed: int
    gap_s: float
    p50_ms: float | None
    p99_ms: float | None
    silent: int
    slow: int

    @property
    def failed_percent(self) -> float:
        """The share of queries that failed."""
        return 100 * self.failed / self.queries if self.queries else 0.0


@dataclass(slots=True)
class PathHistory:
    """One path, second by second; `add` takes its seconds in order.

    Attributes:
        node: Where the queries are sent.
        address: Whom they are sent to.
        slow_ns: From how long on an answer is slow.
    """

    node: str
    address: str
    slow_ns: int
    measured_s: float = 0.0
    queries: int = 0
    failed: int = 0
    gap_s: float = 0.0
    stretches: list[Stretch] = field(default_factory=list)
    counts: dict[Trouble, int] = field(default_factory=lambda: dict.fromkeys(Trouble, 0))
    latency: Histogram = field(default_factory=Histogram)
    _settling_s: float = 0.0
    _last_good: float | None = None
    _open: Stretch | None = None  # silent, and not ended yet
    _end: float | None = None  # of what was measured
    _ends: dict[Trouble, float] = field(default_factory=dict)  # of the last stretch of each kind

    def begin(self, settling_s: float) -> None:
        """Take it that somebody else asks from now on.

        Args:
            settling_s: Seconds in which nothing counts before the first good answer: a node that joins has no
                network at first.
        """
        self.interrupt()
        self._settling_s = settling_s

    def add(self, start_s: float, length_s: float, took_ns: Sequence[int]) -> None:
        """Take what became of a second's queries, evenly spaced in it.

        Args:
            start_s: When it began.
            length_s: How long it was.
            took_ns: Of each query, in order: the time that its answer took, or LOST, REFUSED, UNASKED.
        """
        if self._end is not None and start_s - self._end > _MERGED:
            self.interrupt()
        if self._settling_s > 0:
            self._settling_s -= length_s
            if all(took < 0 for took in took_ns):
                return
            self._settling_s = 0
        step = length_s / len(took_ns)
        for index, took in enumerate(took_ns):
            self._take(start_s + index * step, took)
        good = [took for took in took_ns if took >= 0]
        self.latency += Histogram.of(good)
        self.measured_s += length_s
        self._end = start_s + length_s
        if good and sum(took > self.slow_ns for took in good) >= max(1, _SLOW_SHARE * len(good)):
            slow = Stretch(self.node, self.address, Trouble.SLOW, start_s, self._end, len(good))
            self._keep(slow)

    def interrupt(self) -> None:
        """End what is open: what comes after was not measured, or is not known yet."""
        if self._open is not None and self._end is not None:
            self._close(self._end)
        self._last_good = self._open = None

    def figures(self) -> PathFigures:
        """Return what became of all queries so far."""
        return PathFigures(
            self.node,
            self.address,
            round(self.measured_s, 3),
            self.queries,
            self.failed,
            round(self.gap_s, 3),
            self._percentile_ms(0.5),
            self._percentile_ms(0.99),
            self.counts[Trouble.SILENT],
            self.counts[Trouble.SLOW],
        )

    def _take(self, at: float, took: int) -> None:
        if took == UNASKED:
            return
        self.queries += 1
        if took >= 0:
            if self._open is not None:
                self._close(at)
            self._last_good = at
            return
        self.failed += 1
        began = at if self._last_good is None else self._last_good
        before = self._open or Stretch(self.node, self.address, Trouble.SILENT, began, at)
        self._open = replace(before, queries=before.queries + 1, failed=before.failed + 1)

    def _close(self, at: float) -> None:
        assert self._open is not None  # noqa: S101 - for mypy: callers have looked
        gap = at - self._open.start_s
        self.gap_s = max(self.gap_s, gap)
        self._keep(replace(self._open, end_s=at, gap_s=gap))
        self._open = None

    def _keep(self, stretch: Stretch) -> None:
        """Take a stretch down, as part of the last of its kind where hardly any time is between them."""
        last_end = self._ends.get(stretch.trouble)
        self._ends[stretch.trouble] = stretch.end_s
        if last_end is None or stretch.start_s - last_end > _MERGED:
            self.counts[stretch.trouble] += 1
            if len(self.stretches) < _MOST:
                self.stretches.append(stretch)
            return
        # At most two of the other kind fit between, and where there are too many it was only counted.
        for index in range(len(self.stretches) - 1, max(len(self.stretches) - 4, -1), -1):
            last = self.stretches[index]
            if last.trouble is stretch.trouble and stretch.start_s - last.end_s <= _MERGED:
                self.stretches[index] = replace(
                    last,
                    end_s=stretch.end_s,
                    queries=last.queries + stretch.queries,
                    failed=last.failed + stretch.failed,
                    gap_s=max(last.gap_s, stretch.gap_s),
                )
                return

    def _percentile_ms(self, quantile: float) -> float | None:
        return round(self.latency.percentile(quantile) / 1e6, 3) if len(self.latency) else None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the cluster.

    Attributes:
        at_s: When it was seen.
        what: In words, e.g. "node node-1 was cordoned".
    """

    at_s: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What clients went through, and what happened meanwhile.

    Attributes:
        began: When, in UTC, as ISO 8601 writes it.
        seconds: How long it went on.
        ended: Why it ended.
        slow_ms: From how long on an answer was slow.
        paths: Every node's way to every address.
        stretches: In which a path was in trouble or not asked, by their beginning.
        events: What happened to the cluster, in order.
        lookups: Calls of getaddrinfo.
        failed_lookups: How many of them failed.
        slowest_lookup_s: Of those that did not.
        lookup_failures: The first of the failed ones: when, where, what.
        unprobed: Node -> why nothing was measured there.
        facts_before, facts_after: What serves the cluster's DNS, in lines.
    """

    began: str
    seconds: float
    ended: str
    slow_ms: float
    paths: Sequence[PathFigures]
    stretches: Sequence[Stretch]
    events: Sequence[Event]
    lookups: int
    failed_lookups: int
    slowest_lookup_s: float
    lookup_failures: Sequence[Event]
    unprobed: dict[str, str]
    facts_before: Sequence[str]
    facts_after: Sequence[str]


def meanwhile(stretch: Stretch, events: Iterable[Event], *, before_s: float = 10.0) -> list[Event]:
    """Return what happened during a stretch, or shortly before it began."""
    return [event for event in events if stretch.start_s - before_s <= event.at_s <= stretch.end_s]


def told_together(stretches: Iterable[Stretch]) -> list[tuple[Stretch, int]]:
    """Return the longest of those stretches that overlap, with how many these are, by their beginning."""
    groups: list[list[Stretch]] = []
    end_s = 0.0  # of the last group
    for stretch in sorted(stretches, key=lambda stretch: stretch.start_s):
        if groups and stretch.start_s <= end_s:
            groups[-1].append(stretch)
            end_s = max(end_s, stretch.end_s)
        else:
            groups.append([stretch])
            end_s = stretch.end_s
    return [
        (max(group, key=lambda known: (known.gap_s, known.end_s - known.start_s)), len(group))
        for group in groups
    ]
