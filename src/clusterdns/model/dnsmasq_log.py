"""What a dnsmasq's query log tells: requests, durations, TCP sessions.

All times are in microseconds, points in time since 1970.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from clusterdns.model.latency import Histogram


class SlowRequest(NamedTuple):
    """A request that took long.

    Attributes:
        microseconds: First to last line.
        first_us: When it began.
        serial, client, query, name: As logged, so that it is found again.
    """

    microseconds: int
    first_us: int
    serial: str
    client: str
    query: str
    name: str


class Session(NamedTuple):
    """What one TCP child logged.

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
        saturation: How long there were as many.
        width: Of a bin of the timeline.
        bins: Bin -> the most sessions in it; those in which none began or ended are left out.
    """

    limit: int
    peak: int = 0
    peak_us: int | None = None
    saturated_us: int | None = None
    saturation: int = 0
    width: int = 100_000
    bins: dict[int, int] = field(default_factory=dict)


class SessionFigures:
    """The TCP sessions of a log.

    dnsmasq logs neither accept nor close: its children are there before and after. Figures are lower bounds.

    Attributes:
        concurrency: How many there were at once.
        durations: Of sessions.
        reused: How many PIDs came a second time.
        untimed: How many there were without time stamps.
    """

    def __init__(self, concurrency: Concurrency) -> None:
        """Know of none yet."""
        self.concurrency = concurrency
        self.durations = Histogram()
        self.reused = 0
        self.untimed = 0
        self._longest: list[Session] = []

    def longest(self) -> list[Session]:
        """Return the longest sessions, longest first."""
        return sorted(self._longest, reverse=True)


class LogSummary:
    """What a log tells.

    Attributes:
        requests: How many.
        answered: How many had an answer.
        nxdomain: How many of these had NXDOMAIN.
        without_pid: How many do not tell the process that served them.
        first_us, last_us: The log's beginning and end; None without stamps.
        coarse: Whether all stamps are whole seconds, so that no shorter time can be told.
        backwards: How many answered requests end before they begin: the clock was set back. They have no
            duration.
        stepped_back_us: How far time goes back at most; 0 where that is less than requests that overlap
            explain.
        durations: Of answered requests, first to last line.
        names: Name -> requests. The rarest of very many are left out, here and in `clients`.
        clients: Address -> requests.
        sessions: TCP sessions.
    """

    def __init__(self, sessions: SessionFigures) -> None:
        """Know of nothing yet."""
        self.requests = 0
        self.answered = 0
        self.nxdomain = 0
        self.without_pid = 0
        self.first_us: int | None = None
        self.last_us: int | None = None
        self.coarse = True
        self.backwards = 0
        self.stepped_back_us = 0
        self.durations = Histogram()
        self.names: Counter[bytes] = Counter()
        self.clients: Counter[bytes] = Counter()
        self.sessions = sessions
        self._slowest: list[SlowRequest] = []

    @property
    def seconds(self) -> float:
        """From the log's beginning to its end; 0 without stamps."""
        return ((self.last_us or 0) - (self.first_us or 0)) / 1e6

    def slowest(self) -> list[SlowRequest]:
        """Return the slowest requests, slowest first."""
        return sorted(self._slowest, reverse=True)
