"""CoreDNS' error log: the time-outs of its forward plugin.

Source of the forms: plugin/errors/errors.go (a line for each error, or, with `consolidate`, one for many),
and Go's net.OpError, whose text has the phase, the network, and the addresses.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["ForwardTimeout", "forward_timeouts"]

_SOURCE = r"(?:\S+?(?:->|\\u003e|-\\u003e))?"  # the socket's own address; JSON may escape the arrow
_TIMEOUT = re.compile(
    r"\[(?:ERROR|WARNING|INFO)\] (?:plugin/errors: )?\d+ (?P<name>\S+) (?P<rtype>\S+): "
    r"(?:unreachable backend: )?(?P<phase>dial|read|write) (?P<transport>udp|tcp)[46]? "
    + _SOURCE
    + r"(?:\[(?P<bracketed>[^\]\s]+)\]|(?P<plain>[0-9.]+)):\d+: (?:i/o timeout|connect: connection timed out)"
)
_CONSOLIDATED = re.compile(
    r"\[(?:ERROR|WARNING|INFO)\] plugin/errors: (?P<count>\d{1,9}) errors like "
    r"'(?P<pattern>[^']*i/o timeout[^']*)'"
)
_PATTERN = re.compile(r"\b(?P<phase>dial|read|write)\b(?: (?P<transport>udp|tcp))?")


@dataclass(frozen=True, slots=True)
class ForwardTimeout:
    """Queries that were forwarded and ran into a time-out.

    Attributes:
        name, rtype: What was asked; "" for consolidated ones, which do not tell.
        phase: "dial", "read" or "write"; "" where it is not told.
        transport: "udp" or "tcp"; "" where it is not told.
        address: The upstream's, with its zone if it has one; "" where it is not told.
        line: As logged.
        count: How many it stands for.
    """

    name: str
    rtype: str
    phase: str
    transport: str
    address: str
    line: str
    count: int = 1


def forward_timeouts(lines: Iterable[str]) -> Iterator[ForwardTimeout]:
    """Yield the time-outs among the lines of a log; all other lines are passed over."""
    for line in lines:
        if "timeout" not in line and "timed out" not in line:
            continue
        if found := _TIMEOUT.search(line):
            yield ForwardTimeout(
                name=found["name"],
                rtype=found["rtype"],
                phase=found["phase"],
                transport=found["transport"],
                address=(found["bracketed"] or found["plain"]).lower(),
                line=line.strip(),
            )
        elif found := _CONSOLIDATED.search(line):
            told = _PATTERN.search(found["pattern"])
            yield ForwardTimeout(
                name="",
                rtype="",
                phase=told["phase"] if told else "",
                transport=(told["transport"] or "") if told else "",
                address="",
                line=line.strip(),
                count=int(found["count"]),
            )
