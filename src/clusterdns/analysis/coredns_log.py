"""CoreDNS' error log: the time-outs of its forward plugin."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TIMEOUT = re.compile(
    r"plugin/errors: \d+ (?P<name>\S+) (?P<rtype>\S+): "
    r"(?P<phase>dial|read|write) (?P<transport>udp|tcp) "
    r"(?:\S+->)?\[?(?P<address>[0-9a-f.:]+?)\]?:\d+: i/o timeout"
)


@dataclass(frozen=True, slots=True)
class ForwardTimeout:
    """One query that was forwarded and ran into a time-out.

    Attributes:
        name, rtype: What was asked.
        phase: "dial", "read" or "write".
        transport: "udp" or "tcp".
        address: The upstream's.
        line: As logged.
    """

    name: str
    rtype: str
    phase: str
    transport: str
    address: str
    line: str


def forward_timeouts(lines: Iterable[str]) -> Iterator[ForwardTimeout]:
    """Yield the time-outs among the lines of a log; all other lines are passed over."""
    for line in lines:
        found = _TIMEOUT.search(line)
        if found:
            yield ForwardTimeout(line=line.strip(), **found.groupdict())
