"""The agent's `watch`: a server's children, listen queue and counters, while something else is done."""

from collections.abc import Iterator
from contextlib import contextmanager

from clusterdns.errors import ProbeError
from clusterdns.model.saturation import Sample, Timeline
from clusterdns.probing.operations import Answer, Operation
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import DNS_PORT

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
        self._samples += map(_sample, self._operation.so_far())
        return Timeline(self._samples).longest_unbroken_ms(gap_ms) if self._samples else 0.0

    def end(self) -> None:
        """End it.

        Raises:
            ProbeError: it failed.
        """
        self._operation.stop()
        *samples, counts = self._operation.collect()
        self._samples += map(_sample, samples)
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
def watching_server(
    prober: Prober, pod: ProbePod, process: str, container: str, *, seconds: float
) -> Iterator[Watch]:
    """Watch a server in somebody else's pod while the context lasts.

    Args:
        prober: Runs the watch.
        pod: The server's.
        process: The server's name (comm).
        container: The debug container that shares the server's PID namespace.
        seconds: After which the watch ends by itself.

    Raises:
        ProbeError: the watch was not ready, or failed.
    """
    with _watching(prober.open_unmounted(pod, "watch", _request(process, seconds), container), pod) as watch:
        yield watch


@contextmanager
def watching_counters(prober: Prober, pod: ProbePod, *, seconds: float) -> Iterator[Watch]:
    """Watch the counters of a probe pod's network namespace alone; otherwise as `watching_server`."""
    with _watching(prober.open(pod, "watch", _request(None, seconds)), pod) as watch:
        yield watch


@contextmanager
def _watching(operation: Operation, pod: ProbePod) -> Iterator[Watch]:
    with operation:
        operation.ready()
        watch = Watch(operation, pod)
        yield watch
        watch.end()


def _request(process: str | None, seconds: float) -> dict[str, object]:
    return {"process": process, "port": DNS_PORT, "hz": HZ, "seconds": seconds}


def _sample(answer: Answer) -> Sample:
    return Sample(
        time_ns=answer["time_ns"],
        workers=answer["workers"],
        queue=answer["queue"],
        established=answer["established"],
        overflows=answer["overflows"],
        drops=answer["drops"],
        insert_failed=answer["insert_failed"],
        conntrack_drops=answer["conntrack_drops"],
    )
