"""Nodes that are lost while a run goes on: their pods are asked nothing more, and the others are judged."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.candidates import CORDONED, trouble
from clusterdns.errors import AdmissionRefused, ClusterError, HarnessError, NodeLost, ProbeError
from clusterdns.parallel import in_parallel

_NOTHING = ("python3", "-c", "")  # a program that does nothing: probe images have no other for sure
_SECONDS = 5.0  # for that

T = TypeVar("T")
R = TypeVar("R")


class Losses:
    """Which nodes are lost.

    Attributes:
        why: Node -> the reason.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Lose none yet."""
        self._cluster = cluster
        self.why: dict[str, str] = {}

    def refuse(self, node: str) -> None:
        """Raise NodeLost where a node is lost."""
        if node in self.why:
            raise NodeLost(f"node {node} was lost in mid-run: {self.why[node]}")

    @contextmanager
    def explaining(self, namespace: str, pod: str, node: str, container: str) -> Iterator[None]:
        """Raise NodeLost in place of a failure in a pod that cannot be reached, where the API server can."""
        try:
            yield
        except (ClusterError, ProbeError):
            self._look(namespace, pod, node, container)
            raise

    def _look(self, namespace: str, pod: str, node: str, container: str) -> None:
        self.refuse(node)
        try:
            reason = _gone(self._named("nodes", node), self._named("pods", pod, namespace), pod)
        except HarnessError:
            return  # the API server's trouble, not the node's
        reason = reason or self._unreachable(namespace, pod, container)
        if reason:
            self.why.setdefault(node, reason)
            self.refuse(node)

    def _unreachable(self, namespace: str, pod: str, container: str) -> str:
        """Return why no program runs in a pod that is there; "" where one does."""
        try:
            with self._cluster.exec(namespace, pod, container, _NOTHING) as session:
                session.returncode(_SECONDS)
        except AdmissionRefused:
            return ""
        except (ClusterError, ProbeError) as error:
            return f"pod {pod} cannot be reached any longer: {error}"
        return ""

    def _named(self, resource: str, name: str, namespace: str | None = None) -> Object | None:
        """Return an object, by what a run may do in any case: list."""
        return next(self._cluster.list(resource, namespace=namespace, fields=f"metadata.name={name}"), None)


def on_nodes_left(function: Callable[[T], R], items: Iterable[T]) -> list[tuple[T, R]]:
    """Return each item with what `function` returns for it, without those whose node is lost.

    Raises:
        NodeLost: every node is.
    """

    def attempt(item: T) -> tuple[T, R] | NodeLost:
        try:
            return item, function(item)
        except NodeLost as lost:
            return lost

    results = in_parallel(attempt, items)
    left = [result for result in results if not isinstance(result, NodeLost)]
    for lost in results:
        if isinstance(lost, NodeLost) and not left:
            raise lost
    return left


def by_those_left(measure: Callable[[], R]) -> R:
    """Return what nodes measure together; it is measured anew where one of them is lost meanwhile."""
    try:
        return measure()
    except NodeLost:
        return measure()


def _gone(node: Object | None, pod: Object | None, name: str) -> str:
    """Return why a pod is no longer what it was, or will soon not be; "" where the API knows of nothing."""
    if node is None:
        return "it was removed from the cluster"
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return "; ".join(filter(None, [f"pod {name} was removed by somebody else", trouble(node)]))
    status = pod.get("status", {})
    if status.get("phase") in ("Failed", "Succeeded"):
        return f"pod {name} ended: {status.get('message') or status.get('reason') or status['phase']}"
    return "" if (why := trouble(node)) == CORDONED else why
