"""What is done to DNS pods and their nodes, and undone again, whatever becomes of the run.

Pods that are evicted or deleted are replaced by their controllers: nothing has to be put back. What has to
be is put back when the block ends that it was changed in, before the run goes on or ends.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.readiness import is_ready
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.cluster.workload import UNCORDON, cordon
from clusterdns.errors import ClusterError, HarnessError
from clusterdns.model.topology import Topology
from clusterdns.parallel import in_parallel

LEAST_READY = 2
"""DNS pods of somebody else's cluster that are ready at any time."""

_BUDGET = "disruption budget"  # the API server's words where one forbids an eviction just now


@dataclass(frozen=True, slots=True, order=True)
class Replaceable:
    """A pod that may be replaced.

    Attributes:
        namespace: Its own.
        name: Its own.
        node: Where it runs.
    """

    namespace: str
    name: str
    node: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def serving_pods(topology: Topology) -> dict[str, list[Replaceable]]:
    """Return layer -> its ready pods behind a Service, those of node caches left out."""
    by_layer: dict[str, set[Replaceable]] = {layer.name: set() for layer in topology.serving_layers()}
    for backend in (backend for service in topology.services for backend in service.ready):
        if backend.layer in by_layer:
            namespace, _, name = backend.pod.partition("/")
            by_layer[backend.layer].add(Replaceable(namespace, name, backend.node))
    return {layer: sorted(pods) for layer, pods in sorted(by_layer.items())}


def why_not_to_be_evicted(topology: Topology, *, foreign: bool) -> str | None:
    """Return why DNS pods may not be evicted one after the other; None where they may."""
    by_layer = serving_pods(topology)
    if not by_layer:
        return "no pod behind a Service serves this cluster's DNS"
    for layer, pods in by_layer.items():
        if foreign and len(pods) <= LEAST_READY:
            return (
                f"{layer} has {len(pods)} ready: without one of them fewer than {LEAST_READY} would be left"
            )
    return None


@dataclass(frozen=True)
class DNSChanges:
    """Replaces DNS pods and cordons nodes.

    Attributes:
        cluster: Where.
        run_id: Marks what has to be put back.
        timeout: Seconds for pods to become ready.
        foreign: Whether the cluster is somebody else's.
    """

    cluster: Cluster
    run_id: str
    timeout: float
    foreign: bool

    def evict(self, pod: Replaceable) -> None:
        """Evict a pod of a Deployment as soon as budgets allow, and wait until its successor is ready.

        Raises:
            HarnessError: too few pods would be left.
            DeadlineExceeded: it was not evicted, or the successor not ready, in time.
        """
        self.drain([pod])

    def delete(self, pod: Replaceable, *, alone: bool = False) -> None:
        """Delete a pod of a DaemonSet as its roll-out does, and wait until its successor is ready.

        Disruption budgets do not count for that, and those with maxUnavailable never allow an eviction of
        such a pod: a DaemonSet has no scale (k8s.io/kubernetes, pkg/controller/disruption).

        Args:
            pod: The pod.
            alone: Whether it answers on its node only, so that no others have to be left.

        Raises:
            HarnessError: too few pods would be left.
            DeadlineExceeded: the successor did not become ready in time.
        """
        before = self._read(pod) if alone else self._spared(pod, [pod])
        wanted = len(self._siblings(pod, before))
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
        }
        self.cluster.delete(manifest)
        self._await_successor(pod, before, wanted, {pod.name})

    def drain(self, pods: Sequence[Replaceable]) -> None:
        """Evict the DNS pods of a node as `kubectl drain` does: all at once, each as soon as budgets allow.

        Raises:
            HarnessError: too few pods would be left.
            DeadlineExceeded: they were not evicted, or their successors not ready, in time.
        """
        known = {pod: self._spared(pod, pods) for pod in pods}
        wanted = {pod: len(self._siblings(pod, before)) for pod, before in known.items()}

        def evicted(pod: Replaceable) -> None:
            def attempt() -> None:
                try:
                    self.cluster.evict(pod.namespace, pod.name)
                except ClusterError as error:
                    if _BUDGET not in str(error):
                        raise
                    raise NotYet(str(error)) from None

            wait_until(attempt, what=f"the eviction of {pod}", timeout=self.timeout)

        in_parallel(evicted, pods)
        gone = {pod.name for pod in pods}
        for pod, before in known.items():
            self._await_successor(pod, before, wanted[pod], gone)

    @contextmanager
    def cordoned(self, node: str) -> Iterator[None]:
        """Let no pod be placed on a node until the block ends; `cleanup` undoes what a kill leaves.

        A node that somebody else has cordoned stays cordoned.
        """
        nodes = self.cluster.list("nodes", fields=f"metadata.name={node}")
        if any(known["spec"].get("unschedulable") for known in nodes):
            yield
            return
        try:
            self._cordon(node, cordoned=True)
            yield
        finally:
            self._cordon(node, cordoned=False)

    def _cordon(self, node: str, *, cordoned: bool) -> None:
        self.cluster.patch("nodes", node, cordon(self.run_id, self.timeout) if cordoned else UNCORDON)

    def _await_successor(self, pod: Replaceable, before: Object, wanted: int, gone: Collection[str]) -> None:
        """Wait until as many pods of its controller are ready as before, those that are gone not counted."""

        def look() -> None:
            ready = [name for name in self._siblings(pod, before) if name not in gone]
            if len(ready) < wanted:
                raise NotYet(f"{len(ready)} of {wanted} pods like it are ready")

        wait_until(look, what=f"a successor of {pod}", timeout=self.timeout)

    def _spared(self, pod: Replaceable, leaving: Sequence[Replaceable]) -> Object:
        """Return a pod that may leave together with others, which need not be like it.

        Raises:
            HarnessError: too few would be left of somebody else's.
        """
        before = self._read(pod)
        ready = self._siblings(pod, before)
        names = {leaver.name for leaver in leaving if leaver.namespace == pod.namespace}
        if self.foreign and len(set(ready) - names) < LEAST_READY:
            raise HarnessError(
                f"{pod} is not evicted: {len(ready)} pods like it are ready, and {LEAST_READY} must stay"
            )
        return before

    def _read(self, pod: Replaceable) -> Object:
        found = self.cluster.find("pods", pod.name, namespace=pod.namespace)
        if found is None:
            raise ClusterError(f"pod {pod} is gone: somebody else replaces DNS pods at the same time")
        return found

    def _siblings(self, pod: Replaceable, before: Object) -> list[str]:
        """Return the names of the ready pods that the same controller owns."""
        return [
            sibling["metadata"]["name"]
            for sibling in self.cluster.list("pods", namespace=pod.namespace)
            if _owners(sibling) & _owners(before)
            and is_ready(sibling)
            and "deletionTimestamp" not in sibling["metadata"]
        ]


def _owners(pod: Object) -> set[str]:
    return {owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ()}
