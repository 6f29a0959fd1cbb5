"""Open-loop load from probe pods: a plan, sent whatever becomes of the answers, and what came of it."""

import base64
import secrets
import sys
import time
import zlib
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from clusterdns.errors import ProbeError
from clusterdns.model.latency import Samples
from clusterdns.model.load import PodLoad, Protocol
from clusterdns.parallel import in_parallel
from clusterdns.probing.operations import Answer, Operation
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.wire import question

LEAD_NS = 300_000_000
"""From the word to start until the start: exec is to reach all pods by then."""

_PLACEHOLDER = "00000000"
_ROW = 25  # bytes per query: three of int64 and one of uint8


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

    def request(self) -> dict[str, Any]:
        """Returns it as the agent takes it."""
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
        }


def run_load(prober: Prober, pod: ProbePod, plan: Plan) -> PodLoad:
    """Carries out a plan from one pod.

    Raises:
        ProbeError: It could not be carried out, or the pod lost answers that had arrived.
    """
    return run_load_together(prober, [(pod, plan)])[0]


def run_load_together(prober: Prober, plans: Sequence[tuple[ProbePod, Plan]]) -> list[PodLoad]:
    """Carries out plans from several pods that start at the same time, by their nodes' clocks.

    Raises:
        ProbeError: As `run_load`; or a node's clock is so far behind the others' that it starts too late.
    """
    with ExitStack() as stack:

        def prepare(task: tuple[ProbePod, Plan]) -> tuple[Operation, int]:
            """Returns an operation that waits for its start, and its node's clock less our own."""
            pod, plan = task
            running = stack.enter_context(prober.open(pod, "load", plan.request()))
            return running, running.ready()["clock_ns"] - time.monotonic_ns()

        prepared = in_parallel(prepare, plans)
        # An answer takes time, so that each difference is too small by that; the largest is the best.
        now_ns = time.monotonic_ns() + max(ahead for _, ahead in prepared)
        for running, _ in prepared:
            running.tell(start_ns=now_ns + LEAD_NS)
        collected = in_parallel(lambda running_and_clock: running_and_clock[0].collect(), prepared)
    return [read_result(answers, plan, pod) for (pod, plan), answers in zip(plans, collected, strict=True)]


def read_result(answers: Sequence[Answer], plan: Plan, pod: ProbePod) -> PodLoad:
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
    return PodLoad(
        node=pod.node,
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
