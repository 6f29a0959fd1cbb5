"""What a capture tells of DNS: latency, losses, names, clients, sockets, connections; in bounded memory."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import NamedTuple, Self

import numpy as np

from clusterdns.analysis.arrays import Flags
from clusterdns.analysis.capture.decoder import Decoded
from clusterdns.analysis.capture.lifetimes import SLOW_NS, Lifetimes
from clusterdns.analysis.capture.names import text
from clusterdns.analysis.capture.transactions import Queries
from clusterdns.analysis.counting import keep_most
from clusterdns.analysis.expansions import Base, by_base
from clusterdns.analysis.histograms import histogram
from clusterdns.model.latency import Histogram

_NAMES, _SOCKETS = 1 << 18, 1 << 17  # that are remembered; then the rarest go
_SECOND = 1_000_000_000
_BINS = 4096  # of a timeline; then they are made twice as wide


class CapturedServer(NamedTuple):
    """Where queries go: an address as a number, a port, and whether by TCP."""

    address: int
    port: int
    tcp: bool


class SlowTransaction(NamedTuple):
    """A transaction that took long; without a response, what is not known is -1.

    Attributes:
        took_ns: First try to response.
        first_ns: When the first try was sent, since 1970.
        frame: The number of the last try's packet in the file.
        client, client_port: Who asked; the address as a number.
        tries: How often.
        rtype, name: What; the type's number, the name in wire format.
        rcode: What came of it.
    """

    took_ns: int
    first_ns: int
    frame: int
    client: int
    client_port: int
    tries: int
    rtype: int
    name: bytes
    rcode: int


@dataclass(slots=True)
class Moment:
    """What was asked in one bin of a timeline: transactions by their first try.

    Attributes:
        asked: How many.
        unanswered: How many of them never had a response.
        longest_ns: The longest latency of the others.
    """

    asked: int = 0
    unanswered: int = 0
    longest_ns: int = 0

    def add(self, other: Self) -> None:
        """Take in another one."""
        self.asked += other.asked
        self.unanswered += other.unanswered
        self.longest_ns = max(self.longest_ns, other.longest_ns)


@dataclass(slots=True)
class ServerFigures:
    """The transactions with one server over one protocol.

    Attributes:
        transactions: How many there were.
        unanswered: How many had no response by the capture's end.
        fell: How many of these may have had one, in a part of a TCP stream that the capture lacks.
        retried: How many were sent more than once, however long after.
        tries: Queries on the wire, retries and all.
        slow: How many took more than a second.
        backwards: Responses from before their queries: the clock was set back. They have no latency.
        rcodes: rcode -> responses.
        latency: First try to response, in nanoseconds: what the client waits.
        last_try: Last try to response.
        slowest: The slowest.
        timeline: Bin -> what was asked in it; a bin is `width_ns` wide and counted from 1970.
    """

    transactions: int = 0
    unanswered: int = 0
    fell: int = 0
    retried: int = 0
    tries: int = 0
    slow: int = 0
    backwards: int = 0
    rcodes: Counter[int] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=Histogram)
    last_try: Histogram = field(default_factory=Histogram)
    slowest: list[SlowTransaction] = field(default_factory=list)
    timeline: dict[int, Moment] = field(default_factory=dict)
    width_ns: int = _SECOND // 10

    def take(self, queries: Queries, worst: int) -> None:
        """Take queries of transactions that are over."""
        self.tries += len(queries)
        queries = queries.only(queries.last)
        answered = queries.answered
        took = queries.response_ns - queries.first_ns
        timed = answered & (took >= 0)
        self.transactions += len(queries)
        self.unanswered += _many(~answered)
        self.fell += _many(queries.fell & ~answered)
        self.retried += _many(queries.tries > 1)
        self.slow += _many(timed & (took > SLOW_NS))
        self.backwards += _many(answered & ~timed)
        self.rcodes.update(queries.rcode[answered].tolist())
        self.latency += histogram(took[timed])
        last = (queries.response_ns - queries.time_ns)[timed]
        self.last_try += histogram(last[last >= 0])
        self._remember(queries, np.where(timed, took, -1), worst)
        self._follow(queries, np.where(timed, took, 0), answered)

    def _remember(self, queries: Queries, took: np.ndarray, worst: int) -> None:
        rows = np.argsort(-took)[:worst]
        rows = rows[took[rows] >= 0]
        columns = (took, queries.first_ns, queries.frame, queries.client, queries.client_port, queries.tries)
        more = (queries.rtype, queries.name, queries.rcode)
        found = zip(*(column[rows].tolist() for column in (*columns, *more)), strict=True)
        self.slowest = nlargest(worst, [*self.slowest, *(SlowTransaction(*values) for values in found)])

    def _follow(self, queries: Queries, took: np.ndarray, answered: Flags) -> None:
        bins, which = np.unique(queries.first_ns // self.width_ns, return_inverse=True)
        asked, lost = (
            np.bincount(which, minlength=len(bins)),
            np.bincount(which[~answered], minlength=len(bins)),
        )
        longest = np.zeros(len(bins), np.int64)
        np.maximum.at(longest, which, took)
        for at, *values in zip(bins.tolist(), asked.tolist(), lost.tolist(), longest.tolist(), strict=True):
            self.timeline.setdefault(at, Moment()).add(Moment(*values))
        while len(self.timeline) > _BINS:
            self.width_ns *= 2
            wider: dict[int, Moment] = {}
            for at, moment in self.timeline.items():
                wider.setdefault(at // 2, Moment()).add(moment)
            self.timeline = wider


class Amplification(NamedTuple):
    """What one client's lookups cost.

    Attributes:
        client: Its address as a number.
        queries: First tries on the wire for the names that are remembered.
        lookups: How many lookups these are of, at least.
        worst: Its names, by the queries that they cost; those asked as they are count too.
    """

    client: int
    queries: int
    lookups: int
    worst: list[Base]


class CaptureSummary:
    """What a capture tells, once `of` has taken it in.

    Attributes:
        paths: CapturedServer -> its transactions.
        clients: Address as a number -> first tries.
        sockets: (client's address as a number, its port) -> transactions by UDP from it; of very many the
            rarest are left out.
        connections: TCP connections.
    """

    def __init__(self, worst: int) -> None:
        """Know of nothing yet; so many of the slowest are kept."""
        self.paths: dict[CapturedServer, ServerFigures] = {}
        self.clients: Counter[int] = Counter()
        self.sockets: Counter[tuple[int, int]] = Counter()
        self.connections = Lifetimes(worst)
        self._asked: Counter[tuple[int, int, bytes]] = Counter()
        self._worst = worst

    @classmethod
    def of(cls, capture: Iterable[Decoded], *, worst: int) -> Self:
        """Summarise a capture.

        Args:
            capture: What is over, as a `Decoder` yields it.
            worst: How many of the slowest transactions and connections are kept.
        """
        summary = cls(worst)
        for decoded in capture:
            summary.take(decoded)
        return summary

    @property
    def transactions(self) -> int:
        """How many transactions there were."""
        return sum(path.transactions for path in self.paths.values())

    def take(self, decoded: Decoded) -> None:
        """Take in what is over."""
        self.connections.take(decoded.connections)
        queries = decoded.queries
        key = (queries.server << 17) | (queries.server_port << 1) | queries.tcp
        for server in np.unique(key).tolist():
            path = self.paths.setdefault(
                CapturedServer(server >> 17, server >> 1 & 0xFFFF, bool(server & 1)), ServerFigures()
            )
            path.take(queries.only(key == server), self._worst)
        first = queries.only(queries.attempt == 1)
        names = [name.lower() for name in first.name.tolist()]
        clients = first.client.tolist()
        self.clients.update(clients)
        self._asked.update(zip(clients, first.rtype.tolist(), names, strict=True))
        datagrams = first.only(~first.tcp)
        self.sockets.update(zip(datagrams.client.tolist(), datagrams.client_port.tolist(), strict=True))
        keep_most(self._asked, _NAMES)
        keep_most(self.sockets, _SOCKETS)

    def names(self) -> Counter[str]:
        """Return the names asked for, in lower case, by first tries; of very many the rarest are left out."""
        names: Counter[bytes] = Counter()
        for (_, _, name), count in self._asked.items():
            names[name] += count
        return Counter({text(name): count for name, count in names.items()})

    def amplification(self, zone: str) -> list[Amplification]:
        """Return what each client's lookups cost, as far as `names` are remembered, the busiest client first.

        Args:
            zone: The cluster domain.
        """
        tables: dict[int, dict[int, dict[str, int]]] = {}
        for (client, rtype, name), count in self._asked.items():
            tables.setdefault(client, {}).setdefault(rtype, {})[text(name)] = count
        found = [self._cost(client, by_type, zone) for client, by_type in tables.items()]
        return sorted(found, key=lambda one: -self.clients[one.client])

    def _cost(self, client: int, by_type: Mapping[int, Mapping[str, int]], zone: str) -> Amplification:
        bases = [base for names in by_type.values() for base in by_base(names, zone)]
        worst = sorted(bases, key=lambda base: (-base.queries, base.name))[: self._worst]
        return Amplification(
            client, sum(base.queries for base in bases), sum(base.lookups for base in bases), worst
        )


def _many(which: Flags) -> int:
    return int(np.count_nonzero(which))
