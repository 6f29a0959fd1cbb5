"""The soak's program in a pod of every node: its request, and the lines of its log.

The pod's log carries what was measured, so that nothing is lost while the API server is away.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.errors import ProbeError
from clusterdns.model.soak import LOST, REFUSED, UNASKED
from clusterdns.probing.load import Template

PROGRAM = "/opt/clusterdns/soak.py"
"""Where a pod of manifests/probe/soak.yaml has it."""

# As agent/soak.py writes times.
_STEPS = 184
_DIGITS = {
    digit: value
    for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_NONE, _UNASKED, _ERROR = "!!", "--", "#"

_SHOWN = 100  # characters of a line that is not the program's


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakPlan:
    """What every node's pod does until it ends.

    Attributes:
        addresses: Whom it asks.
        templates: Of the queries to each address, used in turn.
        rate: Queries per second to each address.
        timeout: Seconds after which a query is lost.
        names: Are looked up one after the other.
        pause: Seconds between two lookups.
        port: Of every server.
    """

    addresses: Sequence[str]
    templates: Sequence[Template]
    rate: int
    timeout: float
    names: Sequence[str]
    pause: float
    port: int = 53

    def argument(self) -> str:
        """Return it as the program takes it: one argument."""
        messages = [
            {"wire": base64.b64encode(template.wire).decode(), "number_at": template.number_at}
            for template in self.templates
        ]
        paths = [{"address": address, "port": self.port, "messages": messages} for address in self.addresses]
        request = {
            "paths": paths,
            "rate": self.rate,
            "timeout": self.timeout,
            "names": list(self.names),
            "pause": self.pause,
        }
        return json.dumps(request, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Started:
    """The program has begun; what comes after is timed from here.

    Attributes:
        start: Another one for each start.
    """

    start: str


@dataclass(frozen=True, slots=True)
class PathSecond:
    """What became of the queries to one address in one second.

    Attributes:
        now_s: When the line was written, since the program's start, as all its times.
        address: Whom they were sent to.
        second: Which, since the start.
        took_ns: Of each query, in order: the time that its answer took, exact to 0.2 %, or LOST, REFUSED,
            UNASKED.
    """

    now_s: float
    address: str
    second: int
    took_ns: Sequence[int]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of getaddrinfo.

    Attributes:
        at_s: When it began.
        took_s: How long it took.
        name: What was looked up.
        failure: Why there is no address, e.g. "EAI_AGAIN"; None where there is one.
    """

    at_s: float
    took_s: float
    name: str
    failure: str | None


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of getaddrinfo that have ended since the last such line.

    Attributes:
        now_s: When the line was written.
        calls: In order.
    """

    now_s: float
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A line that the program did not write.

    The kubelet says in a log that it cannot follow it any longer (kubernetes/kubernetes issue 64315).

    Attributes:
        text: How it begins.
    """

    text: str


Line = Started | PathSecond | Calls | Foreign


def read_line(line: str, plan: SoakPlan) -> Line:
    """Read a line of the program's log.

    Raises:
        ProbeError: it says why the program cannot go on.
    """
    try:
        said = json.loads(line)
        if "error" in said:
            raise ProbeError(f"the soak's program: {said['error']}")
        if "started" in said:
            return Started(said["started"])
        if "took" in said:
            took = said["took"]
            times = [_time(took[at : at + 2]) for at in range(0, len(took), 2)]
            path = plan.addresses[said["path"]]
            return PathSecond(said["now"], path, said["second"], times) if times else Foreign(line[:_SHOWN])
        calls = [Call(at, took, plan.names[name], failure) for at, took, name, failure in said["calls"]]
        return Calls(said["now"], calls)
    except (ValueError, KeyError, IndexError, TypeError):
        return Foreign(line[:_SHOWN])


def _time(code: str) -> int:
    if code == _NONE:
        return LOST
    if code == _UNASKED:
        return UNASKED
    if code.startswith(_ERROR):
        return REFUSED
    return round(2 ** ((_DIGITS[code[0]] << 6 | _DIGITS[code[1]]) / _STEPS) * 1000)
