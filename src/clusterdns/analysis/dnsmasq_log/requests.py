"""What a dnsmasq was asked and how long it took: requests in, a summary out, in constant memory."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop
from itertools import accumulate, compress
from operator import and_, sub
from typing import NamedTuple, Self, cast

from clusterdns.analysis.counting import keep_most
from clusterdns.analysis.dnsmasq_log.sessions import Sessions
from clusterdns.model.dnsmasq_log import LogSummary, SlowRequest
from clusterdns.model.latency import Histogram

_ENTRIES = 32_768  # of a table of names or clients; then the rarest go
_SECOND = 1_000_000
_LATE_US = 60 * _SECOND  # after it dnsmasq has given a query up (its src/forward.c: 4 * TIMEOUT)
_PENDING = 65_536  # durations that wait to be put into the histogram


class Requests(NamedTuple):
    """A batch of requests, by column, in ASCII as they are logged. A request is all lines of one serial.

    Attributes:
        first_us, last_us: Its first and last line, in microseconds since 1970; None without a stamp.
        pids: The process that served it: a TCP connection's child, or the main one.
        serials: Its number.
        clients: The socket that asked, as "ADDRESS/PORT".
        actions: What its first line says; "query[TYPE]", unless the log lacks its beginning.
        names: As asked.
        answers: What its last line says that the name is: "NXDOMAIN", an address …; empty without an answer.
    """

    first_us: Sequence[int | None]
    last_us: Sequence[int | None]
    pids: Sequence[bytes]
    serials: Sequence[bytes]
    clients: Sequence[bytes]
    actions: Sequence[bytes]
    names: Sequence[bytes]
    answers: Sequence[bytes]


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
        self._pending: list[int] = []
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
        self.requests += len(batch.names)
        self.nxdomain += batch.answers.count(b"NXDOMAIN")
        self.answered += len(batch.answers) - batch.answers.count(b"")
        self.without_pid += batch.pids.count(b"")
        self.names.update(batch.names)
        keep_most(self.names, _ENTRIES)
        for client, count in Counter(batch.clients).items():  # a TCP child's is always the same
            self.clients[client.partition(b"/")[0]] += count
        keep_most(self.clients, _ENTRIES)
        if b"" in batch.answers or None in batch.first_us or None in batch.last_us:
            answered = [bool(answer) for answer in batch.answers]
            timed = [None not in pair for pair in zip(batch.first_us, batch.last_us, strict=True)]
            self._children.take_untimed(
                compress(zip(batch.pids, batch.clients, strict=True), [not stamped for stamped in timed])
            )
            keep = list(map(and_, answered, timed))
            batch = Requests._make(list(compress(column, keep)) for column in batch)
        # What is left has its times.
        first, last = cast("Sequence[int]", batch.first_us), cast("Sequence[int]", batch.last_us)
        if not first:
            return
        self._follow_clock(first)
        self.first_us = min(*first, first[0] if self.first_us is None else self.first_us)
        self.last_us = max(*last, self.last_us or 0)
        self.coarse = self.coarse and not any(time % _SECOND for time in (*first, *last))
        durations = list(map(sub, last, first))
        self.backwards += sum(took < 0 for took in durations)
        self._remember(batch, durations)
        self._pending += durations
        if len(self._pending) > _PENDING:
            self._fold()
        self._children.take(zip(batch.pids, batch.clients, first, last, strict=True))

    def _follow_clock(self, first: Sequence[int]) -> None:
        """Look for steps back that are farther than an answer may be late."""
        latest = max(first)
        before = latest if self._latest_us is None else self._latest_us
        if max(latest, before) - min(first) > _LATE_US:
            farthest = max(map(sub, accumulate(first, max, initial=before), first))
            if farthest > max(_LATE_US, self.stepped_back_us):
                self.stepped_back_us = farthest
        self._latest_us = latest

    def _remember(self, batch: Requests, durations: Sequence[int]) -> None:
        """Remember the slowest requests of a batch."""
        full = len(self._slowest) >= self._worst
        if not self._worst or (full and max(durations) <= self._slowest[0].microseconds):
            return
        for index, took in enumerate(durations):
            full = len(self._slowest) >= self._worst
            if full and took <= self._slowest[0].microseconds:
                continue
            columns = (batch.serials, batch.clients, batch.actions, batch.names)
            texts = (column[index].decode("utf-8", "backslashreplace") for column in columns)
            slow = SlowRequest(took, batch.first_us[index] or 0, *texts)
            (heappushpop if full else heappush)(self._slowest, slow)

    def _fold(self) -> None:
        # A clock that was set back in between tells nothing of how long it took.
        self.durations += Histogram.of(took for took in self._pending if took >= 0)
        self._pending.clear()
