"""What came of the copy of kube-dns that logs every query: how it served, and what its log says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.dnsmasq_log import LogSummary


@dataclass(frozen=True, slots=True)
class Ramp:
    """Idle TCP connections opened until answers stopped.

    Attributes:
        answered: Connections that were answered, one after the other.
        connected: Those that the server's kernel took in all.
        tried: How many there were at the most.
        udp_answered: Whether a query by UDP was answered meanwhile.
        peak_workers: The most children that were seen.
        peak_queue: The most connections that were seen to wait.
    """

    answered: int
    connected: int
    tried: int
    udp_answered: bool
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
        load: What the load's clients saw, as measurements.
    """

    what: str
    summary: LogSummary
    lines: int
    counts: Mapping[str, int]
    load: Mapping[str, object]
