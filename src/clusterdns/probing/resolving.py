"""The agent's `resolve`: getaddrinfo(3) as applications call it."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.errors import ProbeError
from clusterdns.model.lookups import Lookup
from clusterdns.probing.pods import ProbePod, Prober

GIVEN_UP = "given up"
"""The failure of a lookup that was not made."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One call of getaddrinfo.

    Attributes:
        failure: Its error, such as "EAI_NONAME", or "timeout"; `GIVEN_UP` where it was not made; None where
            it gave addresses.
        addresses: What it gave.
        start_ns: Wall clock.
        end_ns: Wall clock.
    """

    failure: str | None
    addresses: tuple[str, ...]
    start_ns: int
    end_ns: int


def resolve(  # noqa: PLR0913 - what bounds them
    prober: Prober,
    pod: ProbePod,
    lookups: Sequence[Lookup],
    *,
    timeout: float,
    give_up: int | None = None,
    seconds: float | None = None,
    pause: float = 0.0,
) -> list[Resolved]:
    """Make lookups in a pod, strictly one after the other; return what came of each, in their order.

    Args:
        prober: Runs the operation.
        pod: Makes them.
        lookups: Which.
        timeout: Seconds for each.
        give_up: Lookups of an address family without an answer after which no more are made of it; None for
            all.
        seconds: After which none is begun; None for no such bound.
        pause: Seconds from the end of one to the beginning of the next.

    Raises:
        ProbeError: the agent failed, fell silent, or did not make all of them.
    """
    request: dict[str, object] = {
        "lookups": [
            {"name": lookup.name, "family": lookup.family, "libc": lookup.libc.value} for lookup in lookups
        ],
        "timeout": timeout,
        "pause": pause,
    }
    if give_up is not None:
        request["give_up"] = give_up
    if seconds is not None:
        request["seconds"] = seconds
    answers = {
        answer["lookup"]: Resolved(
            answer["failure"], tuple(answer["addresses"]), answer["start_ns"], answer["end_ns"]
        )
        for answer in prober.run(pod, "resolve", request)
        if "lookup" in answer
    }
    if len(answers) != len(lookups):
        raise ProbeError(
            f"resolve in pod {pod.name} on {pod.node}: {len(answers)} of {len(lookups)} lookups came back"
        )
    return [answers[index] for index in range(len(lookups))]
