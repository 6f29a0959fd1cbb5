"""The agent's `resolve`: getaddrinfo(3) as applications call it."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.errors import ProbeError
from clusterdns.model.lookups import Lookup
from clusterdns.probing.pods import ProbePod, Prober


@dataclass(frozen=True, slots=True)
class Resolved:
    """One call of getaddrinfo.

    Attributes:
        failure: Its error, such as "EAI_NONAME", or "timeout"; None where it gave addresses.
        addresses: What it gave.
        start_ns: Wall clock.
        end_ns: Wall clock.
    """

    failure: str | None
    addresses: tuple[str, ...]
    start_ns: int
    end_ns: int


def resolve(prober: Prober, pod: ProbePod, lookups: Sequence[Lookup]) -> list[Resolved]:
    """Make lookups in a pod, strictly one after the other; return what came of each, in their order.

    Raises:
        ProbeError: the agent failed, fell silent, or did not make all of them.
    """
    request = {
        "lookups": [
            {"name": lookup.name, "family": lookup.family, "libc": lookup.libc.value} for lookup in lookups
        ]
    }
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
