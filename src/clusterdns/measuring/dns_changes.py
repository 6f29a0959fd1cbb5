"""What is done to DNS pods and their workloads, and undone again, whatever becomes of the run.

Pods that are evicted or deleted are replaced by their controllers: nothing has to be put back. What has to
be is put back when the block ends that it was changed in, before the run goes on or ends.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.inventory import serves_dns
from clusterdns.cluster.readiness import is_ready
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.cluster.workload import UNCORDON, cordon
from clusterdns.errors import ClusterError, HarnessError
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.parallel import in_parallel

LEAST_READY = 2
"""DNS pods of somebody else's cluster that are ready at any time."""

_RESTARTED = "kubectl.kubernetes.io/restartedAt"  # as `kubectl rollout restart` sets it
_BUDGET = "disruption budget"  # the API server's words where one forbids an eviction just now


@dataclass(frozen=True, slots=True)
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
    caches = {layer.name for layer in topology.of_kind(LayerKind.NODE_LOCAL)}
    by_layer: dict[str, set[tuple[str, str, str]]] = {}
    for backend in (backend for service in topology.services for backend in service.ready):
        if backend.layer and backend.layer not in caches:
            namespace, _, name = backend.pod.partition("/")
            by_layer.setdefault(backend.layer, set()).add((namespace, name, backend.node))
    return {layer: [Replaceable(*pod) for pod in sorted(pods)] for layer, pods in sorted(by_layer.items())}


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
    """Replaces DNS pods, cordons nodes, rolls workloads out and scales them.

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
        """Evict a pod of a Deployment, and wait until its successor is ready.

        Raises:
            ClusterError: a disruption budget does not allow it.
            HarnessError: too few pods would be left.
            DeadlineExceeded: the successor did not become ready in time.
        """
        before = self._spared(pod)
        wanted = len(self._siblings(pod, before))
        self.cluster.evict(pod.namespace, pod.name)
        self._await_successor(pod, before, wanted)

    def delete(self, pod: Replaceable) -> None:
        """Delete a pod of a DaemonSet, and wait until its successor is ready.

        Raises:
            DeadlineExceeded: it did not become so in time.
        """
        before = self._read(pod)
        wanted = len(self._siblings(pod, before))
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
        }
        self.cluster.delete(manifest)
        self._await_successor(pod, before, wanted)

    def drain(self, pods: Sequence[Replaceable]) -> None:
        """Evict the DNS pods of a node as `kubectl drain` does: all at once, each as soon as budgets allow.

        Raises:
            HarnessError: too few pods would be left.
            DeadlineExceeded: they were not evicted, or their successors not ready, in time.
        """
        known = {pod: self._spared(pod, leaving=len(pods)) for pod in pods}
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
        """Let no pod be placed on a node until the block ends; `cleanup` undoes what a kill leaves."""
        try:
            self._cordon(node, cordoned=True)
            yield
        finally:
            self._cordon(node, cordoned=False)

    def deployments(self, namespaces: Iterable[str]) -> list[Object]:
        """Return the Deployments that serve DNS."""
        return [
            deployment
            for namespace in namespaces
            for deployment in self.cluster.list("deployments", api="apps/v1", namespace=namespace)
            if serves_dns(deployment["spec"]["template"])
        ]

    def roll_out(self, deployment: Object) -> None:
        """Replace all pods of a Deployment by its own strategy, and wait until that is done.

        Raises:
            DeadlineExceeded: it was not in time.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        template = {"template": {"metadata": {"annotations": {_RESTARTED: now}}}}
        self._change(deployment, {"spec": template})

    def scale(self, deployment: Object, replicas: int) -> None:
        """Give a Deployment so many replicas, and wait until they are ready and others gone.

        Raises:
            DeadlineExceeded: they were not in time.
        """
        self._change(deployment, {"spec": {"replicas": replicas}})

    @contextmanager
    def scaled_back(self, deployment: Object) -> Iterator[None]:
        """Give a Deployment the replicas that it had when the block ends."""
        try:
            yield
        finally:
            self.scale(deployment, deployment["spec"]["replicas"])

    def _change(self, deployment: Object, patch: Object) -> None:
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        generation = self.cluster.patch("deployments", name, patch, namespace, api="apps/v1")["metadata"][
            "generation"
        ]

        def look() -> None:
            now = self.cluster.get("deployments", name, api="apps/v1", namespace=namespace)
            wanted, status = now["spec"]["replicas"], now.get("status", {})
            counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")]
            if status.get("observedGeneration", 0) < generation or counts != [wanted] * len(counts):
                raise NotYet(f"{counts[2]} of {wanted} replicas are available")

        wait_until(look, what=f"Deployment {name}", timeout=self.timeout)

    def _cordon(self, node: str, *, cordoned: bool) -> None:
        self.cluster.patch("nodes", node, cordon(self.run_id, self.timeout) if cordoned else UNCORDON)

    def _await_successor(
        self, pod: Replaceable, before: Object, wanted: int, gone: frozenset[str] | set[str] = frozenset()
    ) -> None:
        """Wait until as many pods of its controller are ready as before, those that are gone not counted."""

        def look() -> None:
            ready = [name for name in self._siblings(pod, before) if name not in {pod.name, *gone}]
            if len(ready) < wanted:
                raise NotYet(f"{len(ready)} of {wanted} pods like it are ready")

        wait_until(look, what=f"a successor of {pod}", timeout=self.timeout)

    def _spared(self, pod: Replaceable, *, leaving: int = 1) -> Object:
        """Return a pod that may be evicted with so many others like it.

        Raises:
            HarnessError: too few would be left of somebody else's.
        """
        before = self._read(pod)
        ready = len(self._siblings(pod, before))
        if self.foreign and ready - leaving < LEAST_READY:
            raise HarnessError(
                f"{pod} is not evicted: {ready} pods like it are ready, and {LEAST_READY} must stay"
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
