"""A watch around something else: running before it starts, complete when it has ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from clusterdns.errors import ProbeError
from clusterdns.model.saturation import Sample, Timeline
from clusterdns.probing.pods import Operation, ProbePod

HZ = 10


class Watch:
    """A watch that goes on."""

    def __init__(self, operation: Operation, pod: ProbePod) -> None:
        """Take over an operation that is ready."""
        self._operation = operation
        self._pod = pod
        self._samples: list[Sample] = []
        self._cpu_seconds = 0.0

    def unbroken_ms(self, gap_ms: float) -> float:
        """Return the longest stretch, so far, without a gap of `gap_ms` or more between two samples.

        Raises:
            ProbeError: the watch failed.
        """
        self._samples += [Sample(**answer) for answer in self._operation.so_far()]
        return Timeline(self._samples).longest_unbroken_ms(gap_ms)

    def end(self) -> None:
        """End it.

        Raises:
            ProbeError: it failed.
        """
        self._operation.stop()
        *samples, counts = self._operation.collect()
        self._samples += [Sample(**sample) for sample in samples]
        self._cpu_seconds = counts["cpu_seconds"]

    def timeline(self) -> Timeline:
        """Return all that was seen, of a watch that has ended.

        Raises:
            ProbeError: it saw nothing.
        """
        if not self._samples:
            pod = self._pod
            raise ProbeError(f"watch of pod {pod.name} on {pod.node} took no sample: run again")
        return Timeline(tuple(self._samples), self._cpu_seconds)


@contextmanager
def watching(operation: Operation, pod: ProbePod) -> Iterator[Watch]:
    """Watch while the context lasts.

    Args:
        operation: an open `watch`.
        pod: whose.

    Raises:
        ProbeError: the watch was not ready, or failed.
    """
    with operation:
        operation.ready()
        watch = Watch(operation, pod)
        yield watch
        watch.end()


def request(process: str | None, seconds: float) -> dict[str, object]:
    """Return the request for a watch of a server's process, or of a namespace's counters alone."""
    return {"process": process, "port": 53, "hz": HZ, "seconds": seconds}
