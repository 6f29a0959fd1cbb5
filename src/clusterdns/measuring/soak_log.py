"""The logs of a soak's probers, followed whatever becomes of connections, and what they add up to."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.http import whole_lines
from clusterdns.errors import HarnessError, ProbeError
from clusterdns.model.soak import UNASKED, Event, PathHistory, Soak, Stretch, Trouble
from clusterdns.model.topology import Topology
from clusterdns.probing.soak import Calls, Foreign, Line, PathSecond, SoakPlan, Started, read_line

_FOLLOW_SECONDS = 60.0  # of one request for a log: what it breaks off with is noticed that soon
_AGAIN = 1.0  # seconds after which a log is asked for again
_OVERLAP = 5  # seconds of a log that are read twice
_CLOCK_SECONDS = 4.0  # of lines that come as they are written: then the difference of two clocks is known
_DRAIN = 2.0  # seconds after the end in which lines are still taken
_SETTLING = 30.0  # seconds that a node which joins has until its pods reach DNS: kube-proxy is new, too
_FAILURES = 100  # of lookups that are told one by one


@dataclass(frozen=True, slots=True)
class FollowedPod:
    """A pod that a soak follows.

    Attributes:
        namespace: Its own.
        name: Its own.
        node: Where it runs.
        joined: Whether it came while the soak was under way: its node may have no network yet.
    """

    namespace: str
    name: str
    node: str
    joined: bool


class SoakRecord:
    """What all probers measured, in seconds since the soak's start."""

    def __init__(self, cluster: Cluster, plan: SoakPlan, start: float, *, slow_ns: int) -> None:
        """Take where probers run and what they do, when the soak began (monotonic), and what is slow."""
        self._cluster = cluster
        self._plan = plan
        self._start = start
        self._slow_ns = slow_ns
        self._followed: set[str] = set()
        self._ended: set[str] = set()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._paths: dict[tuple[str, str], PathHistory] = {}
        self._asking: dict[tuple[str, str], str] = {}
        self._measured: dict[str, list[list[float]]] = {}
        self._lookups = 0
        self._failed_lookups = 0
        self._slowest = 0.0
        self._failures: list[Event] = []
        self.trouble: dict[str, str] = {}
        """Node -> why its prober's log could not be read on."""

    def follow(self, prober: FollowedPod) -> None:
        """Begin to follow a prober, unless it is followed already."""
        if prober.name not in self._followed:
            self._followed.add(prober.name)
            threading.Thread(target=self._follow, args=(prober,), daemon=True).start()

    def ended(self, prober: FollowedPod) -> bool:
        """Return whether a prober that was followed has come to its end."""
        return prober.name in self._ended

    def close(self) -> None:
        """Take no more lines than have come by now, and a moment later."""
        time.sleep(_DRAIN)
        with self._lock:
            self._closed.set()
            for path in self._paths.values():
                path.interrupt()

    def result(  # noqa: PLR0913 - all that a soak's result has besides
        self,
        *,
        began: str,
        seconds: float,
        ended: str,
        events: Sequence[Event],
        unprobed: dict[str, str],
        topologies: tuple[Topology, Topology],
    ) -> Soak:
        """Return what it all adds up to.

        Raises:
            ProbeError: nothing was measured.
        """
        if not any(path.queries for path in self._paths.values()):
            reason = next(iter((unprobed | self.trouble).values()), "their logs hold nothing")
            raise ProbeError(f"the soak's probers measured nothing: {reason}")
        paths = [self._paths[key] for key in sorted(self._paths)]
        stretches = [stretch for path in paths for stretch in path.stretches]
        return Soak(
            began=began,
            seconds=seconds,
            ended=ended,
            slow_ms=self._slow_ns / 1e6,
            paths=[path.figures() for path in paths],
            stretches=sorted([*stretches, *self._not_measured(seconds)], key=lambda part: part.start_s),
            events=events,
            lookups=self._lookups,
            failed_lookups=self._failed_lookups,
            slowest_lookup_s=round(self._slowest, 3),
            lookup_failures=sorted(self._failures, key=lambda failure: failure.at_s),
            unprobed={**self.trouble, **unprobed},
            facts_before=topologies[0].in_short(),
            facts_after=topologies[1].in_short(),
        )

    def _not_measured(self, seconds: float) -> Iterator[Stretch]:
        """Yield the times in which a node that was asked from once was not asked from."""
        for node, spans in self._measured.items():
            edges = [[0.0, 0.0], *spans, [seconds, seconds]]
            for (_, earlier), (later, _) in pairwise(edges):
                if later - earlier > self._plan.timeout + _CLOCK_SECONDS:
                    yield Stretch(node, "", Trouble.UNMEASURED, earlier, later)

    def _follow(self, prober: FollowedPod) -> None:
        try:
            self._read(prober)
        except ProbeError as error:
            self.trouble[prober.node] = str(error)
        self._ended.add(prober.name)

    def _read(self, prober: FollowedPod) -> None:
        """Read a prober's log to its end, or the soak's, and again where the connection breaks off.

        Raises:
            ProbeError: the prober says that it cannot go on.
        """
        path = f"/api/v1/namespaces/{prober.namespace}/pods/{prober.name}/log"
        reader = _Reader(self._plan)
        while not self._closed.is_set():
            age = int(time.monotonic() - self._start - reader.written_s) + _OVERLAP
            query = {"follow": "true", "sinceSeconds": str(age)} if reader.begun else {"follow": "true"}
            try:
                what = f"the log of {prober.name}"
                for line in whole_lines(
                    self._cluster.chunks(path, query, seconds=_FOLLOW_SECONDS, what=what)
                ):
                    for said in reader.take(line, time.monotonic() - self._start):
                        self._add(prober, said, reader.offset)
                    if self._closed.is_set():
                        return
            except ProbeError:
                raise
            except HarnessError:  # the log holds it all: it is asked for again
                pass
            self._closed.wait(_AGAIN)
            if self._gone(prober):
                return

    def _gone(self, prober: FollowedPod) -> bool:
        try:
            return self._cluster.find("pods", prober.name, namespace=prober.namespace) is None
        except HarnessError:
            return False

    def _add(self, prober: FollowedPod, said: Line, offset: float) -> None:
        with self._lock:
            if self._closed.is_set():
                return
            if isinstance(said, Foreign):
                self.trouble[prober.node] = f"the soak's program: no line of its own: {said.text!r}"
                return
            self.trouble.pop(prober.node, None)  # it is read on
            if isinstance(said, PathSecond):
                self._add_second(prober, said, offset)
            elif isinstance(said, Calls):
                self._add_calls(prober.node, said, offset)

    def _add_second(self, prober: FollowedPod, said: PathSecond, offset: float) -> None:
        begins = said.second + offset
        if begins < 0:  # before the soak: other probers were starting
            return
        if all(took == UNASKED for took in said.took_ns):  # a paused node measures nothing, not silence
            return
        key = (prober.node, said.address)
        path = self._paths.setdefault(key, PathHistory(*key, self._slow_ns))
        if self._asking.get(key) != prober.name:
            self._asking[key] = prober.name
            path.begin(_SETTLING if prober.joined else 0)
        path.add(begins, 1.0, said.took_ns)
        spans = self._measured.setdefault(prober.node, [])
        if spans and begins - spans[-1][1] <= self._plan.timeout + 1:
            spans[-1][1] = max(spans[-1][1], begins + 1)
        else:
            spans.append([begins, begins + 1])

    def _add_calls(self, node: str, said: Calls, offset: float) -> None:
        for call in said.calls:
            at = call.at_s + offset
            if at < 0:
                continue
            self._lookups += 1
            if call.failure is None:
                self._slowest = max(self._slowest, call.took_s)
                continue
            self._failed_lookups += 1
            if len(self._failures) < _FAILURES:
                what = f"{node}: {call.name}: {call.failure} after {call.took_s:.1f} s"
                self._failures.append(Event(round(at, 3), what))


class _Reader:
    """A prober's lines, each once, however often they come; timed by its clock, whose offset it learns.

    A line is written before it is read: the smallest difference of the two clocks is the best.
    """

    def __init__(self, plan: SoakPlan) -> None:
        self._plan = plan
        self._start = ""
        self._last: dict[str, Any] = {}
        self._waiting: list[Line] = []
        self._first: float | None = None  # when a line came
        self.offset = float("inf")
        """Seconds that the soak's clock is ahead of the prober's."""
        self.written_s = 0.0
        """When the last line was written, by the soak's clock: long before it comes after an outage."""

    @property
    def begun(self) -> bool:
        """Whether any line has been read."""
        return bool(self._start)

    def take(self, line: bytes, now: float) -> Iterator[Line]:
        """Yield what a line says, and what waited for the clocks, unless it has been read before."""
        said = read_line(line.decode("utf-8", "replace"), self._plan)
        if isinstance(said, Started):
            if said.start != self._start:  # the container was started again, with another clock
                self._start, self._last, self._first = said.start, {}, None
                self._waiting, self.offset = [], float("inf")
                self.written_s = now
            return
        if isinstance(said, Foreign):
            yield said
            return
        which, order = (said.address, said.second) if isinstance(said, PathSecond) else ("", said.now_s)
        if self._last.get(which, -1) >= order:
            return
        self._last[which] = order
        self._waiting.append(said)
        if self._first is None:
            self._first = now
        # At first many lines come at once, long after they were written.
        settling = now - self._first <= _CLOCK_SECONDS
        if settling:
            self.offset = min(self.offset, now - said.now_s)
        self.written_s = min(said.now_s + self.offset, now)  # clocks drift apart over hours
        if settling:
            return
        yield from self._waiting
        self._waiting = []
