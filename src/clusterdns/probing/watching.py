"""A watch around something else: running before it starts, complete when it has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from clusterdns.errors import ProbeError
from clusterdns.model.saturation import Sample, Timeline
from clusterdns.probing.pods import Answer, Operation, ProbePod

HZ = 10
LONGEST_GAP_NS = 300_000_000
"""Between two samples: in as much, a queue could have stood for as long as is judged."""


@contextmanager
def watching(operation: Operation, pod: ProbePod) -> Iterator[list[Timeline]]:
    """Watch while the context lasts; the list holds the one timeline when it has ended.

    Args:
        operation: an open `watch`.
        pod: whose.

    Raises:
        ProbeError: the watch was not ready, failed, or looked away from a server for `LONGEST_GAP_NS`.
    """
    timelines: list[Timeline] = []
    with operation:
        operation.ready()
        yield timelines
        operation.stop()
        timelines.append(_timeline(operation.collect(), pod))


def request(process: str | None, seconds: float) -> dict[str, object]:
    """Return the request for a watch of a server's process, or of a namespace's counters alone."""
    return {"process": process, "port": 53, "hz": HZ, "seconds": seconds}


def _timeline(answers: list[Answer], pod: ProbePod) -> Timeline:
    samples = tuple(Sample(**answer) for answer in answers[:-1])
    gap = max((after.time_ns - before.time_ns for before, after in pairwise(samples)), default=0)
    # Counters tell at the end what happened; workers and queues are only seen while they are looked at.
    if not samples or (samples[0].workers is not None and gap >= LONGEST_GAP_NS):
        raise ProbeError(
            f"watch of pod {pod.name} on {pod.node} took {len(samples)} samples, up to {gap / 1e6:.0f} ms "
            "apart: run again when the node is less busy"
        )
    return Timeline(samples, answers[-1]["cpu_seconds"])
