"""What became of TCP connections: how long they lived, what for, and how they ended."""

from collections import Counter
from heapq import nlargest
from typing import NamedTuple

import numpy as np

from clusterdns.analysis.arrays import Ints
from clusterdns.analysis.capture.concurrency import LevelOverTime
from clusterdns.analysis.capture.connections import NEVER, Connections
from clusterdns.analysis.histograms import histogram
from clusterdns.model.latency import Histogram

SLOW_NS = 1_000_000_000
"""A SYN lost to a full listen queue is sent again after a second; nothing healthy takes as long."""
_PORTS_REMEMBERED = 1 << 17


class SlowConnection(NamedTuple):
    """A connection on which somebody waited for longer than a second.

    Attributes:
        wait_ns: For how long.
        phase: What for.
        opened_ns: Its first packet, since 1970.
        client, client_port, server, server_port: Whose; addresses as numbers.
        queries, responses: How many of each.
    """

    wait_ns: int
    phase: str
    opened_ns: int
    client: int
    client_port: int
    server: int
    server_port: int
    queries: int
    responses: int


class Lifetimes:
    """TCP connections in total; times in nanoseconds. Sixteen octets a connection are kept for concurrency.

    Attributes:
        count: How many there were.
        before: How many were open before the capture.
        refused: How many got no SYN-ACK.
        syns_again: How many sent their SYN more than once: a full listen queue drops it.
        accepted: How many the server's kernel took into its backlog, known by an acknowledgement of more than
            the SYN, by data, or by a FIN of the server's.
        served: How many of them got an octet back.
        unanswered: How many of them asked and got none: they waited in the listen queue for a server that
            never took them.
        dropped: How many got a SYN-ACK, sent something, and had nothing of it acknowledged: the client alone
            held them, the server's kernel had no room.
        uncertain: How many got a SYN-ACK and sent nothing that would tell.
        too_late: How many got it when the client had given up and closed.
        ends: Who began to end how many: "client", "server", either's " (reset)", or "nobody".
        queries: Queries on a connection -> connections, of those that got a SYN-ACK.
        handshake: SYN to SYN-ACK.
        first_reply: The first query to the first octet back.
        lifetime: SYN to the end, of those that ended.
        closing: The first FIN to the end.
        busy_ns: How long they had a query waiting, added up.
        idle_ns: How long they were open otherwise, added up.
        reopened: The time from the end of a connection to the next one from the same port.
    """

    def __init__(self, worst: int) -> None:
        """Know of none yet; so many of the slow ones are kept."""
        self.count = self.before = self.refused = self.syns_again = 0
        self.accepted = self.served = self.unanswered = self.dropped = self.uncertain = self.too_late = 0
        self.busy_ns = self.idle_ns = 0
        self.ends: Counter[str] = Counter()
        self.queries: Counter[int] = Counter()
        self.slow: Counter[str] = Counter()
        self.handshake, self.first_reply = Histogram(), Histogram()
        self.lifetime, self.closing, self.reopened = Histogram(), Histogram(), Histogram()
        self.slowest: list[SlowConnection] = []
        self._worst = worst
        self._spans: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}
        self._waits: dict[tuple[int, int], list[tuple[Ints, Ints]]] = {}
        self._ended: dict[tuple[int, ...], int] = {}

    def take(self, some: Connections) -> None:
        """Take connections that are over."""
        some = some.only((some.opened_ns < NEVER) | (some.queries > 0))  # not strays of earlier ones
        if not len(some):
            return
        answered, queried, replied = (
            times < NEVER for times in (some.answered_ns, some.queried_ns, some.replied_ns)
        )
        held = (some.taken_ns < NEVER) | replied
        opened, closed = some.opened_ns < NEVER, some.closed_ns < NEVER
        end = np.where(some.ended_ns < NEVER, some.ended_ns, some.last_ns)
        self.count += len(some)
        self.before += _many(~opened)
        refused = opened & ~answered & ~held
        self.refused += _many(refused)
        self.syns_again += _many(some.syns > 1)
        told = queried | (some.client_fin_ns < NEVER)
        self.accepted += _many(held)
        self.served += _many(replied)
        self.unanswered += _many(held & queried & ~replied)
        self.dropped += _many(answered & ~held & told)
        self.uncertain += _many(answered & ~held & ~told)
        given_up = np.minimum(some.client_fin_ns, some.client_reset_ns)
        self.too_late += _many(queried & replied & (given_up < some.replied_ns))
        self.queries.update(some.queries[~refused].tolist())
        self.ends.update(_ends(some).tolist())
        self.handshake += _between(some.opened_ns, some.answered_ns, opened & answered)
        self.first_reply += _between(some.queried_ns, some.replied_ns, queried & replied)
        self.lifetime += _between(some.opened_ns, some.closed_ns, opened & closed)
        self.closing += _between(some.fin_ns, some.closed_ns, closed)
        # Queries that were never answered waited until the end.
        lost = some.responses < some.queries
        since = np.maximum(some.busy_until_ns, np.where(queried, some.queried_ns, end))
        busy = some.busy_ns + np.where(lost, np.maximum(end - since, 0), 0)
        self.busy_ns += int(busy.sum())
        self.idle_ns += int(np.maximum(end - some.first_ns - busy, 0).sum())
        self._reopen(some, end)
        self._remember(some, end)
        since, until = _held(some)
        spans = (some.server, some.server_port, since, until)
        self._spread(self._spans, [column[held] for column in spans])
        waits = (some.server, some.server_port, since, np.minimum(some.replied_ns, until))
        self._spread(self._waits, [column[held] for column in waits])

    def servers(self) -> list[tuple[int, int]]:
        """Return the servers, as numbers of an address and a port."""
        return sorted(self._spans)

    def open(self, server: tuple[int, int]) -> LevelOverTime:
        """Return how many connections to a server its kernel or the server itself held at once."""
        return _concurrency(self._spans[server])

    def waiting(self, server: tuple[int, int]) -> LevelOverTime:
        """Return how many of them had not had an octet back: those in the backlog, and those just served."""
        return _concurrency(self._waits.get(server, []))

    @staticmethod
    def _spread(table: dict[tuple[int, int], list[tuple[Ints, Ints]]], columns: list[Ints]) -> None:
        """Add begins and ends to a table by server."""
        address, port, begin, end = columns
        for server in {*zip(address.tolist(), port.tolist(), strict=True)}:
            its = (address == server[0]) & (port == server[1])
            table.setdefault(server, []).append((begin[its], end[its]))

    def _reopen(self, some: Connections, end: Ints) -> None:
        columns = (some.client, some.client_port, some.server, some.server_port, some.first_ns, end)
        gaps = []
        for *ends, began_ns, ended_ns in zip(*(column.tolist() for column in columns), strict=True):
            before = self._ended.pop(tuple(ends), None)
            if before is not None and began_ns >= before:
                gaps.append(began_ns - before)
            self._ended[tuple(ends)] = ended_ns
        for key in list(self._ended)[: max(0, len(self._ended) - _PORTS_REMEMBERED)]:
            del self._ended[key]
        self.reopened += Histogram.of(gaps)

    def _remember(self, some: Connections, end: Ints) -> None:
        """Remember the slow ones."""
        never = np.zeros(len(some), np.int64)
        opened = some.opened_ns < NEVER
        asked = (some.queries > some.responses) & (some.queried_ns < NEVER)
        since = np.maximum(some.busy_until_ns, np.where(asked, some.queried_ns, 0))
        waits = {
            "SYN-ACK": np.where(opened, np.minimum(some.answered_ns, end) - some.first_ns, never),
            "response": np.maximum(some.longest_ns, np.where(asked, end - since, never)),
            "close": np.where(some.closed_ns < NEVER, some.closed_ns - some.fin_ns, never),
        }
        for phase, wait in waits.items():
            rows = np.flatnonzero(wait > SLOW_NS)
            self.slow[phase] += len(rows)
            rows = rows[np.argsort(-wait[rows])][: self._worst]
            columns = (
                wait,
                some.first_ns,
                some.client,
                some.client_port,
                some.server,
                some.server_port,
                some.queries,
                some.responses,
            )
            found = zip(*(column[rows].tolist() for column in columns), strict=True)
            self.slowest += [SlowConnection(took, phase, *rest) for took, *rest in found]
        self.slowest = nlargest(self._worst, self.slowest)


def _held(some: Connections) -> tuple[Ints, Ints]:
    """Return from when until when the server's side held connections that it took.

    A client that has closed does not end that: its connection stays in the backlog until the server takes it.
    """
    # With a full backlog Linux answers a SYN and drops the client's acknowledgement and what follows, until
    # something of that is sent again and there is room. A bare acknowledgement is let in without a sign: what
    # is certain is the server's first acknowledgement of data.
    at_once = (some.syn_acks <= 1) & (some.ignored_ns == 0) & (some.confirmed_ns < NEVER)
    taken = np.minimum(some.taken_ns, some.replied_ns)
    since = np.where(at_once, np.minimum(some.confirmed_ns, taken), taken)
    since = np.where(some.opened_ns < NEVER, since, some.first_ns)
    closed = np.minimum(some.server_fin_ns, np.minimum(some.server_reset_ns, some.client_reset_ns))
    until = np.where(closed < NEVER, closed, np.where(some.closed_ns < NEVER, NEVER, some.ended_ns))
    return since, np.maximum(until, since)


def _ends(some: Connections) -> np.ndarray:
    client = some.closed_by_client
    reset = np.minimum(some.client_reset_ns, some.server_reset_ns) <= some.fin_ns
    words = np.where(
        client, np.where(reset, "client (reset)", "client"), np.where(reset, "server (reset)", "server")
    )
    return np.where(some.fin_ns < NEVER, words, "nobody")


def _between(start: Ints, end: Ints, which: np.ndarray) -> Histogram:
    took = end[which] - start[which]
    return histogram(took[took >= 0])


def _many(which: np.ndarray) -> int:
    return int(np.count_nonzero(which))


def _concurrency(spans: list[tuple[Ints, Ints]]) -> LevelOverTime:
    begins = [np.zeros(0, np.int64), *(begin for begin, _ in spans)]
    ends = [np.zeros(0, np.int64), *(end for _, end in spans)]
    return LevelOverTime.of(np.concatenate(begins), np.concatenate(ends))
