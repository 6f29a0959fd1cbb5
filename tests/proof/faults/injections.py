"""What is done to runs of the suite and to commands, drawn from a seed so that it can be had again."""

import itertools
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.proof.faults.proxy import BAD_ANSWERS, Fault


class Kind(StrEnum):
    """Where a fault comes from."""

    SIGNAL = "signal"
    API = "API"
    ANSWER = "bad answer"
    NODE = "node"


class Program(StrEnum):
    """What a fault comes over."""

    AUDIT = "audit"
    CLEANUP = "cleanup"
    READING = "run that reads"
    PROBING = "run with probe pods"
    PROBING_TWO = "run with probe pods on two nodes"


class NodeFault(StrEnum):
    """What happens to a node, or to the DNS pods there."""

    PROBES_GONE = "probe pods deleted at once"
    CORDONED = "node cordoned"
    DRAINED = "node drained"
    KUBELET = "kubelet restarted"
    DNS_POD = "DNS pod deleted"
    DNS_POD_AT_ONCE = "DNS pod deleted at once"
    ROLLED_OUT = "DNS rolled out"


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KILLED = signal.SIGKILL.name
TWICE = " twice"

_SIGNALS = (*(number.name for number in SIGNALS), *(number.name + TWICE for number in SIGNALS), KILLED)
_API = tuple(fault for fault in Fault if fault not in BAD_ANSWERS)
_FAULTS = {Kind.SIGNAL: _SIGNALS, Kind.API: _API, Kind.ANSWER: BAD_ANSWERS, Kind.NODE: tuple(NodeFault)}
_COMMON = (Program.AUDIT, Program.CLEANUP, Program.READING, Program.PROBING, Program.PROBING)
_MIX = (Kind.SIGNAL, Kind.API, Kind.ANSWER, Kind.SIGNAL, Kind.API, Kind.NODE)


@dataclass(frozen=True)
class Injection:
    """One fault.

    Attributes:
        number: Of the injection.
        kind: Where it comes from.
        fault: Which: a signal, a `Fault` or a `NodeFault`.
        program: What it comes over.
        instant: When, as a part of the time that the program takes, or of its requests.
        lasting: Whether it goes on until the program ends.
    """

    number: int
    kind: Kind
    fault: str
    program: Program
    instant: float
    lasting: bool

    def __str__(self) -> str:
        lasting = ", lasting" if self.lasting else ""
        return f"{self.number}: {self.fault} at {self.instant:.0%} of {self.program}{lasting}"


def drawn(seed: int, count: int) -> Iterator[Injection]:
    """Yield injections: a third signals and API faults each, a sixth bad answers and node faults each.

    Every fault comes about as often as the others of its kind; what it comes over, and when, is random.
    """
    chance = random.Random(seed)  # noqa: S311 - it has to be had again
    faults = {
        kind: itertools.cycle(chance.sample(of_kind, len(of_kind))) for kind, of_kind in _FAULTS.items()
    }
    for number, kind in zip(range(count), itertools.cycle(_MIX), strict=False):
        yield Injection(
            number,
            kind,
            next(faults[kind]),
            Program.PROBING_TWO if kind is Kind.NODE else chance.choice(_COMMON),
            chance.random(),
            lasting=kind in (Kind.API, Kind.ANSWER) and chance.random() < 1 / 3,
        )
