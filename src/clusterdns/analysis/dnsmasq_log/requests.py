"""What a dnsmasq was asked and how long it took: requests in, a summary out, in constant memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Self

import numpy as np

from clusterdns.analysis.arrays import Columns, Ints
from clusterdns.analysis.counting import add, keep_most
from clusterdns.analysis.dnsmasq_log.sessions import Sessions
from clusterdns.analysis.histograms import histogram
from clusterdns.analysis.texts import Texts
from clusterdns.model.dnsmasq_log import LogSummary, SlowRequest

UNTIMED = -(1 << 63)
"""In a column of times: there is none."""

_ENTRIES = 32_768  # of a table of names or clients; then the rarest go
_SECOND = 1_000_000
_LATE_US = 60 * _SECOND  # after it dnsmasq has given a query up (its src/forward.c: 4 * TIMEOUT)
_PENDING = 65_536  # durations that wait to be put into the histogram


@dataclass(frozen=True, slots=True)
class Requests(Columns):
    """A batch of requests, by column, in ASCII as they are logged. A request is all lines of one serial.

    Attributes:
        first_us, last_us: Its first and last line, in microseconds since 1970; `UNTIMED` without a stamp.
        pids: The process that served it: a TCP connection's child, or the main one.
        serials: Its number.
        clients: The socket that asked, as "ADDRESS/PORT".
        addresses: The address of that.
        actions: What its first line says; "query[TYPE]", unless the log lacks its beginning.
        names: As asked.
        answers: What its last line says that the name is: "NXDOMAIN", an address …; empty without an answer.
    """

    first_us: Ints
    last_us: Ints
    pids: Texts
    serials: Texts
    clients: Texts
    addresses: Texts
    actions: Texts
    names: Texts
    answers: Texts

    @classmethod
    def of(
        cls,
        first_us: Sequence[int | None],
        last_us: Sequence[int | None],
        told: Sequence[tuple[bytes, ...]],
        answers: Sequence[bytes],
    ) -> Self:
        """Return requests that were read one by one.

        Args:
            first_us: None for a line without a stamp.
            last_us: The same.
            told: PID, serial, client, action, name of each.
            answers: As above.
        """
        pids, serials, clients, actions, names = zip(*told, strict=True)
        addresses = [client.partition(b"/")[0] for client in clients]
        columns = (pids, serials, clients, addresses, actions, names, answers)
        return cls(_times(first_us), _times(last_us), *map(Texts.of, columns))


def _times(told: Sequence[int | None]) -> Ints:
    return np.array([UNTIMED if time is None else time for time in told], np.int64)


class LogTally(LogSummary):
    """What a log tells, once `of` has taken it in."""

    def __init__(self, *, limit: int, worst: int) -> None:
        """Know of nothing yet.

        Args:
            limit: How many TCP connections dnsmasq serves at once.
            worst: How many of the slowest requests and the longest sessions are kept.
        """
        self._children = Sessions(limit=limit, worst=worst)
        super().__init__(self._children)
        self._worst = worst
        self._pending: list[Ints] = []
        self._latest_us: int | None = None

    @classmethod
    def of(cls, batches: Iterable[Requests], *, limit: int, worst: int = 10) -> Self:
        """Return the summary of a log; see the class for the arguments."""
        summary = cls(limit=limit, worst=worst)
        for batch in batches:
            summary._take(batch)
        summary._fold()
        summary._children.finish()
        return summary

    def _take(self, batch: Requests) -> None:
        answered = batch.answers.lengths() > 0
        self.requests += len(batch)
        self.nxdomain += int(np.count_nonzero(batch.answers.are(b"NXDOMAIN")))
        self.answered += int(np.count_nonzero(answered))
        self.without_pid += int(np.count_nonzero(batch.pids.lengths() == 0))
        add(self.names, batch.names.counts())
        keep_most(self.names, _ENTRIES)
        add(self.clients, batch.addresses.counts())
        keep_most(self.clients, _ENTRIES)
        timed = (batch.first_us != UNTIMED) & (batch.last_us != UNTIMED)
        if not timed.all():
            untimed = batch.only(~timed)
            self._children.take_untimed(zip(untimed.pids, untimed.clients, strict=True))
        batch = batch.only(answered & timed)
        if not len(batch):
            return
        first, last = batch.first_us, batch.last_us
        self._follow_clock(first)
        begin, end = int(first.min()), int(last.max())
        self.first_us = begin if self.first_us is None else min(begin, self.first_us)
        self.last_us = max(end, self.last_us or 0)
        self.coarse = self.coarse and not (np.any(first % _SECOND) or np.any(last % _SECOND))
        durations = last - first
        self.backwards += int(np.count_nonzero(durations < 0))
        self._remember(batch, durations)
        self._pending.append(durations[durations >= 0])  # a clock that was set back tells no duration
        if sum(map(len, self._pending)) > _PENDING:
            self._fold()
        self._children.take(batch.pids, batch.clients, first, last)

    def _follow_clock(self, first: Ints) -> None:
        """Look for steps back that are farther than an answer may be late."""
        latest = int(first.max())
        before = latest if self._latest_us is None else self._latest_us
        farthest = int((np.maximum(np.maximum.accumulate(first), before) - first).max())
        if farthest > max(_LATE_US, self.stepped_back_us):
            self.stepped_back_us = farthest
        self._latest_us = latest

    def _remember(self, batch: Requests, durations: Ints) -> None:
        """Remember the slowest requests of a batch."""
        full = len(self._slowest) >= self._worst
        if not self._worst:
            return
        for row in np.flatnonzero(durations > self._slowest[0].microseconds) if full else range(len(batch)):
            full = len(self._slowest) >= self._worst
            took = int(durations[row])
            if full and took <= self._slowest[0].microseconds:
                continue
            columns = (batch.serials, batch.clients, batch.actions, batch.names)
            texts = (column[row].decode("utf-8", "backslashreplace") for column in columns)
            slow = SlowRequest(took, int(batch.first_us[row]), *texts)
            (heappushpop if full else heappush)(self._slowest, slow)

    def _fold(self) -> None:
        if self._pending:
            self.durations += histogram(np.concatenate(self._pending))
        self._pending.clear()
