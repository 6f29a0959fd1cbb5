"""TCP sessions out of requests: each is one child of dnsmasq, from its first query to its last reply.

All times are in microseconds since 1970.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappush, heappushpop
from operator import itemgetter

import numpy as np

from clusterdns.analysis.arrays import Ints
from clusterdns.analysis.texts import Texts
from clusterdns.model.dnsmasq_log import Concurrency, Session, SessionFigures
from clusterdns.model.latency import Histogram

CHILD_LIFETIME_US = 150_000_000
"""A child ends after it, or when its peer closes. Source: dnsmasq's src/config.h, CHILD_LIFETIME."""

_SETTLE_US = 10_000_000  # between looks for children that have ended; as late may requests come
_FOREVER_US = 1 << 63
_BINS = 4096  # of a timeline; then they are made twice as wide


class Level:
    """Follows how many sessions there are, and keeps the figures of it.

    Attributes:
        figures: Up to here.
    """

    def __init__(self, limit: int) -> None:
        self.figures = Concurrency(limit)
        self._level = self._since_us = 0

    def follow(self, edges: Iterable[tuple[int, int]]) -> None:
        """Follow sessions that begin (+1) and end (-1), in order of time."""
        figures = self.figures
        for time_us, step in edges:
            if self._level >= figures.limit:
                figures.saturation += time_us - self._since_us
            self._level, self._since_us = self._level + step, time_us
            at = time_us // figures.width
            figures.bins[at] = max(figures.bins.get(at, 0), self._level)
            if self._level > figures.peak:
                figures.peak, figures.peak_us = self._level, time_us
            if self._level >= figures.limit and figures.saturated_us is None:
                figures.saturated_us = time_us
        while len(figures.bins) > _BINS:
            figures.width *= 2
            wider: dict[int, int] = {}
            for at, most in figures.bins.items():
                wider[at // 2] = max(wider.get(at // 2, 0), most)
            figures.bins = wider


@dataclass(slots=True)
class _Open:
    client: bytes
    first_us: int
    last_us: int
    requests: int


class Sessions(SessionFigures):
    """The sessions of a log, as its requests come; the figures are complete after `finish`."""

    def __init__(self, *, limit: int, worst: int) -> None:
        """Know of none yet.

        Args:
            limit: How many TCP connections dnsmasq serves at once.
            worst: How many of the longest sessions are kept.
        """
        self._level = Level(limit)
        super().__init__(self._level.figures)
        self._worst = worst
        self._main: set[bytes] = set()
        self._open: dict[bytes, _Open] = {}
        self._edges: list[tuple[int, int]] = []
        self._ended: list[int] = []
        self._settled_us = 0
        self._untimed: dict[bytes, bytes] = {}

    def take(self, pids: Texts, clients: Texts, first_us: Ints, last_us: Ints) -> None:
        """Take answered requests, by and large in order of time; the times are of first and last lines."""
        codes, distinct = pids.coded()
        # Without a PID nothing tells TCP from UDP.
        child = np.array([pid not in self._main and bool(pid) for pid in distinct], np.bool_)
        rows = np.flatnonzero(child[codes])
        rows = rows[np.argsort(codes[rows], kind="stable")]
        now = 0
        for code, client, requests, begin, first, last in _runs(codes, clients, first_us, last_us, rows):
            pid = distinct[code]
            session = self._open.get(pid)
            if pid in self._main:
                continue
            if session is None or session.client != client:
                session = _Open(client, begin, begin, 0)
                self._begin(pid, session)
                now = max(now, begin)
            session.requests += requests
            session.last_us = max(session.last_us, last)
            session.first_us = min(session.first_us, first)
        if now > self._settled_us + _SETTLE_US:
            self._settle(now - CHILD_LIFETIME_US - _SETTLE_US)
            self._settled_us = now

    def take_untimed(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Take requests without time stamps: PID, client."""
        for pid, client in rows:
            if pid and pid not in self._main and self._untimed.setdefault(pid, client) != client:
                self._main.add(pid)
                del self._untimed[pid]

    def finish(self) -> None:
        """End all sessions: there is no more to come."""
        self._settle(_FOREVER_US)
        self.untimed = len(self._untimed.keys() - self._main)

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
        ended = self._open.pop(pid)
        took = ended.last_us - ended.first_us
        self._ended.append(took)
        session = Session(
            took, ended.first_us, pid.decode("latin-1"), ended.client.decode("latin-1"), ended.requests
        )
        if len(self._longest) < self._worst:
            heappush(self._longest, session)
        elif self._worst:
            heappushpop(self._longest, session)
        self._edges += (ended.first_us, 1), (ended.last_us, -1)

    def _settle(self, until_us: int) -> None:
        """End the sessions that began before, and follow the edges before: no other can come to be there."""
        for pid in [pid for pid, session in self._open.items() if session.first_us < until_us]:
            self._end(pid)
        self._edges.sort(key=_in_time)
        due = bisect_left(self._edges, until_us, key=itemgetter(0))
        self._level.follow(self._edges[:due])
        del self._edges[:due]
        self.durations += Histogram.of(self._ended)
        self._ended.clear()


def _runs(
    codes: Ints, clients: Texts, first_us: Ints, last_us: Ints, rows: Ints
) -> Iterator[tuple[int, bytes, int, int, int, int]]:
    """Yield what one process did for one client without another in between.

    Args:
        codes: The requests' processes, each with its number.
        clients: Their sockets.
        first_us: When they began.
        last_us: When they ended.
        rows: Of these, those to look at, process by process.

    Yields:
        The process, the client, how many requests; the beginning of the first of them, the earliest
        beginning, the latest end.
    """
    if not len(rows):
        return
    clients, codes, first_us, last_us = clients.take(rows), codes[rows], first_us[rows], last_us[rows]
    hashes = clients.hashes()
    new = (codes[1:] != codes[:-1]) | (hashes[1:] != hashes[:-1])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    yield from zip(
        codes[starts].tolist(),
        clients.take(starts),
        np.diff(starts, append=len(rows)).tolist(),
        first_us[starts].tolist(),
        np.minimum.reduceat(first_us, starts).tolist(),
        np.maximum.reduceat(last_us, starts).tolist(),
        strict=True,
    )


def _in_time(edge: tuple[int, int]) -> tuple[int, int]:
    """Sort a beginning before an end of the same time."""
    return edge[0], -edge[1]
