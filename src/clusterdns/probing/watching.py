"""A watch around something else: running before it starts, complete when it has ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from clusterdns.errors import ProbeError
from clusterdns.model.saturation import Sample, Timeline
from clusterdns.probing.pods import Answer, Operation, ProbePod

HZ = 10


@contextmanager
def watching(operation: Operation, pod: ProbePod) -> Iterator[list[Timeline]]:
    """Watch while the context lasts; the list holds the one timeline when it has ended.

    Args:
        operation: an open `watch`.
        pod: whose.

    Raises:
        ProbeError: the watch was not ready, failed, or saw nothing.
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
    *samples, counts = answers
    if not samples:
        raise ProbeError(f"watch of pod {pod.name} on {pod.node} took no sample: run again")
    return Timeline(tuple(Sample(**sample) for sample in samples), counts["cpu_seconds"])
