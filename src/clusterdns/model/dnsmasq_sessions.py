"""TCP sessions out of requests: each is one child of dnsmasq, from its first query to its last reply.

dnsmasq logs neither accept nor close: its children are there before and after. Figures are lower bounds.
All times are in microseconds since 1970.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappushpop
from operator import itemgetter
from typing import NamedTuple

from clusterdns.model.latency import Histogram

CHILD_LIFETIME_US = 150_000_000
"""A child ends after it, or when its peer closes. Source: dnsmasq's src/config.h, CHILD_LIFETIME."""

_SETTLE_US = 10_000_000  # between looks for children that have ended; as late may requests come
_FOREVER_US = 1 << 63
_BINS = 4096  # of a timeline; then they are made twice as wide


class Session(NamedTuple):
    """What one child logged.

    Attributes:
        microseconds: First query to last reply.
        first_us: When it began.
        pid, client: Whose; the client as "ADDRESS/PORT".
        requests: How many it served.
    """

    microseconds: int
    first_us: int
    pid: str
    client: str
    requests: int


@dataclass(slots=True)
class Concurrency:
    """How many sessions there are at once.

    Attributes:
        limit: dnsmasq's.
        peak, peak_us: The most, and when it was first reached.
        saturated_us: When the limit was first reached; None where it was not.
        saturation: How long there were as many, in microseconds.
        width: Of a bin of the timeline, in microseconds.
        bins: Bin -> the most sessions in it; those in which none began or ended are left out.
    """

    limit: int
    peak: int = 0
    peak_us: int | None = None
    saturated_us: int | None = None
    saturation: int = 0
    width: int = 100_000
    bins: dict[int, int] = field(default_factory=dict)
    _level: int = 0
    _level_us: int = 0

    def follow(self, edges: Iterable[tuple[int, int]]) -> None:
        """Follow sessions that begin (+1) and end (-1), in order of time."""
        for time_us, step in edges:
            if self._level >= self.limit:
                self.saturation += time_us - self._level_us
            self._level, self._level_us = self._level + step, time_us
            at = time_us // self.width
            self.bins[at] = max(self.bins.get(at, 0), self._level)
            if self._level > self.peak:
                self.peak, self.peak_us = self._level, time_us
            if self._level >= self.limit and self.saturated_us is None:
                self.saturated_us = time_us
        while len(self.bins) > _BINS:
            self.width *= 2
            wider: dict[int, int] = {}
            for at, most in self.bins.items():
                wider[at // 2] = max(wider.get(at // 2, 0), most)
            self.bins = wider


@dataclass(slots=True)
class _Open:
    client: bytes
    first_us: int
    last_us: int
    requests: int = 1


class Sessions:
    """The sessions of a log, as its requests come.

    Attributes:
        concurrency: How many there were at once; complete after `finish`.
        durations: Of sessions, in microseconds; the same.
        reused: How many PIDs came a second time.
    """

    def __init__(self, *, limit: int, worst: int) -> None:
        """Know of none yet.

        Args:
            limit: How many TCP connections dnsmasq serves at once.
            worst: How many of the longest sessions are kept.
        """
        self.concurrency = Concurrency(limit)
        self.durations = Histogram()
        self.reused = 0
        self._longest: list[Session] = [Session(-1, 0, "", "", 0)] * worst
        self._main: set[bytes] = set()
        self._open: dict[bytes, _Open] = {}
        self._edges: list[tuple[int, int]] = []
        self._ended: list[int] = []
        self._settled_us = 0

    def take(self, rows: Iterable[tuple[bytes, bytes, int, int]]) -> None:
        """Take answered requests, by and large in order of time: PID, client, first and last line."""
        opened, now = self._open, 0
        for pid, client, first_us, last_us in rows:
            if pid in self._main:
                continue
            session = opened.get(pid)
            if session is None or session.client != client:
                self._begin(pid, _Open(client, first_us, last_us))
                now = max(now, first_us)
                continue
            session.requests += 1
            session.last_us = max(session.last_us, last_us)
            session.first_us = min(session.first_us, first_us)
        if now > self._settled_us + _SETTLE_US:
            self._settle(now - CHILD_LIFETIME_US - _SETTLE_US)
            self._settled_us = now

    def finish(self) -> None:
        """End all sessions: there is no more to come."""
        self._settle(_FOREVER_US)

    def longest(self) -> list[Session]:
        """Return the longest sessions, longest first."""
        return sorted((one for one in self._longest if one.requests), reverse=True)

    def _begin(self, pid: bytes, session: _Open) -> None:
        before = self._open.get(pid)
        if before and session.first_us - before.first_us < CHILD_LIFETIME_US:
            # A child serves one socket, and no PID is given to another so soon: this is the main process.
            self._main.add(pid)
            del self._open[pid]
            return
        if before:
            self.reused += 1
            self._end(pid)
        self._open[pid] = session

    def _end(self, pid: bytes) -> None:
        one = self._open.pop(pid)
        took = one.last_us - one.first_us
        self._ended.append(took)
        heappushpop(
            self._longest, Session(took, one.first_us, pid.decode(), one.client.decode(), one.requests)
        )
        self._edges += (one.first_us, 1), (one.last_us, -1)

    def _settle(self, until_us: int) -> None:
        """End the sessions that began before, and follow the edges before: no other can come to be there."""
        for pid in [pid for pid, one in self._open.items() if one.first_us < until_us]:
            self._end(pid)
        self._edges.sort(key=_in_time)
        due = bisect_left(self._edges, until_us, key=itemgetter(0))
        self.concurrency.follow(self._edges[:due])
        del self._edges[:due]
        self.durations += Histogram.of(self._ended)
        self._ended.clear()


def _in_time(edge: tuple[int, int]) -> tuple[int, int]:
    """Sort a beginning before an end of the same time."""
    return edge[0], -edge[1]
