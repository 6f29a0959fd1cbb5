"""Open-loop load from probe pods: a plan, sent whatever becomes of the answers, and what came of it."""

import base64
import math
import secrets
import sys
import time
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar

from clusterdns.errors import ProbeError
from clusterdns.model.latency import Samples
from clusterdns.parallel import in_parallel
from clusterdns.probing.pods import Answer, ProbePod, Prober
from clusterdns.probing.wire import question

LEAD_SECONDS = 5.0
"""From the request to the start of pods that start together: for exec to reach all, and for their clocks."""

_PLACEHOLDER = "00000000"
_ROW = 25  # bytes per query: three of int64 and one of uint8


class Protocol(StrEnum):
    """How queries travel."""

    UDP = "udp"
    TCP_HELD = "tcp-held"  # over connections made beforehand, in a pipeline
    TCP_FRESH = "tcp-fresh"  # each over a connection of its own


@dataclass(frozen=True, slots=True)
class Constant:
    """Queries at equal distances.

    Attributes:
        rate: Queries per second.
        seconds: For how long.
    """

    rate: float
    seconds: float
    pattern: ClassVar = "constant"


@dataclass(frozen=True, slots=True)
class Poisson:
    """Queries that arrive independently of each other.

    Attributes:
        rate: Queries per second, on average.
        seconds: For how long.
        seed: Of the arrivals: the same gives the same.
    """

    rate: float
    seconds: float
    seed: int = 0
    pattern: ClassVar = "poisson"


@dataclass(frozen=True, slots=True)
class Bursts:
    """Many queries at once, again and again.

    Attributes:
        size: Queries per burst.
        interval: Seconds from one burst to the next.
        seconds: For how long.
    """

    size: int
    interval: float
    seconds: float
    pattern: ClassVar = "bursts"


Schedule = Constant | Poisson | Bursts


@dataclass(frozen=True, slots=True)
class Template:
    """A query that is sent many times.

    Attributes:
        wire: The message.
        number_at: The offset of eight digits of its first label that become the number of the query in its
            plan; None sends the same name every time.
    """

    wire: bytes
    number_at: int | None = None


def fixed(name: str, rtype: str) -> Template:
    """Returns a template that asks for one name."""
    return Template(question(name, rtype))


def distinct(parent: str, rtype: str) -> Template:
    """Returns a template that asks for another name below `parent` every time, which no cache holds.

    Names of different templates, and so of different runs, are different too.
    """
    label = f"{secrets.token_hex(4)}-{_PLACEHOLDER}"
    wire = question(f"{label}.{parent}", rtype)
    return Template(wire, wire.index(label.encode()) + label.index("-") + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A load, fixed in advance.

    Attributes:
        address: Of the server.
        port: Of the server.
        protocol: How queries travel.
        schedule: When they are sent.
        templates: Used in turn; one that is listed twice is sent twice as often.
        sockets: UDP sockets, or held connections, that queries go over in turn.
        deadline: Seconds from a query's intended time, after which it is lost.
    """

    address: str
    port: int = 53
    protocol: Protocol = Protocol.UDP
    schedule: Schedule
    templates: Sequence[Template]
    sockets: int = 16
    deadline: float = 5.0

    def request(self, start_ns: int | None = None) -> dict[str, Any]:
        """Returns it as the agent takes it.

        Args:
            start_ns: When to start, by the nodes' clocks, since 1970; None is at once.
        """
        messages = [
            {"wire": base64.b64encode(template.wire).decode(), "number_at": template.number_at}
            for template in self.templates
        ]
        return {
            "address": self.address,
            "port": self.port,
            "protocol": self.protocol.value,
            "schedule": {"pattern": self.schedule.pattern, **asdict(self.schedule)},
            "messages": messages,
            "sockets": self.sockets,
            "timeout": self.deadline,
            "start_ns": start_ns,
        }


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of a plan in one pod.

    Attributes:
        samples: What became of every query.
        late: Answers after the deadline, as far as they were waited for.
        duplicates: Further answers to a query that has one.
        strays: Answers to nothing that was sent on their socket.
        failures: errno's name -> how often a socket failed with it; "EOF": a server ended a connection that
            owed answers.
        connections: How many TCP connections were begun.
        cpu_seconds: What the generator used.
    """

    samples: Samples
    late: int
    duplicates: int
    strays: int
    failures: Mapping[str, int]
    connections: int
    cpu_seconds: float


def run_load(prober: Prober, pod: ProbePod, plan: Plan) -> LoadResult:
    """Carries out a plan from one pod.

    Raises:
        ProbeError: It could not be carried out, or the pod lost answers that had arrived.
    """
    return read_result(prober.run(pod, "load", plan.request()), plan, pod)


def run_load_together(prober: Prober, plans: Iterable[tuple[ProbePod, Plan]]) -> list[LoadResult]:
    """Carries out plans from several pods that start at the same time, by their nodes' clocks.

    Raises:
        ProbeError: As `run_load`; or a pod was too late for the common start, as those are that `in_parallel`
            does not run at the same time.
    """
    start_ns = time.time_ns() + math.ceil(LEAD_SECONDS * 1e9)

    def one(task: tuple[ProbePod, Plan]) -> LoadResult:
        pod, plan = task
        return read_result(prober.run(pod, "load", plan.request(start_ns)), plan, pod)

    return in_parallel(one, plans)


def read_result(answers: Sequence[Answer], plan: Plan, pod: ProbePod) -> LoadResult:
    """Reads what the agent answered.

    Raises:
        ProbeError: The pod lost answers that had arrived: what is missing was not the server's doing.
    """
    counts = answers[-1]
    if counts["dropped"]:
        raise ProbeError(
            f"load in pod {pod.name} on {pod.node} had no room for {counts['dropped']} answers that arrived: "
            "use more sockets, or a lower rate"
        )
    intended, lag, elapsed = array("q"), array("q"), array("q")
    rcodes = bytearray()
    for answer in answers:
        if "samples" in answer:
            data = zlib.decompress(base64.b64decode(answer["samples"]))
            size = len(data) // _ROW * 8
            for number, column in enumerate((intended, lag, elapsed)):
                column.frombytes(data[number * size : (number + 1) * size])
            rcodes += data[3 * size :]
    if sys.byteorder == "big":
        for column in (intended, lag, elapsed):
            column.byteswap()
    return LoadResult(
        samples=Samples(
            start_ns=counts["start_ns"],
            deadline_ns=int(plan.deadline * 1e9),
            intended_ns=intended,
            lag_ns=lag,
            elapsed_ns=elapsed,
            rcodes=bytes(rcodes),
        ),
        late=counts["late"],
        duplicates=counts["duplicates"],
        strays=counts["strays"],
        failures=counts["failures"],
        connections=counts["connections"],
        cpu_seconds=counts["cpu_seconds"],
    )
