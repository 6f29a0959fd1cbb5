"""What came of the copy of kube-dns that logs every query: how it served, and what its log says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.dnsmasq_log import LogSummary
from clusterdns.model.load_figures import LoadFigures


@dataclass(frozen=True, slots=True)
class IdleConnections:
    """TCP connections that were opened and kept idle until answers stopped.

    Attributes:
        answered: Connections that were answered, one after the other.
        connected: Those that the server's kernel accepted in all.
        tried: How many there were at the most.
        udp_answered: Whether a query by UDP was answered meanwhile.
    """

    answered: int
    connected: int
    tried: int
    udp_answered: bool


@dataclass(frozen=True, slots=True)
class Ramp:
    """Idle connections to a dnsmasq, and what was seen of it meanwhile.

    Attributes:
        connections: What became of them.
        peak_workers: The most children that were seen.
        peak_queue: The most connections that were seen to wait.
    """

    connections: IdleConnections
    peak_workers: int
    peak_queue: int


@dataclass(frozen=True, slots=True)
class LoggedNames:
    """Names that were asked, and the log of the dnsmasq that was asked.

    Attributes:
        asked: The names.
        logged: Name -> requests in the log.
        counts: What belongs to no request, and what requests lack -> how many.
    """

    asked: Sequence[str]
    logged: Mapping[str, int]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LoggedLoad:
    """A load, and the log of a dnsmasq that served it.

    Attributes:
        what: What was done, in words.
        summary: Of the log.
        lines: How many it has.
        counts: What belongs to no request, and what requests lack -> how many.
        load: What the load's clients saw.
    """

    what: str
    summary: LogSummary
    lines: int
    counts: Mapping[str, int]
    load: LoadFigures
