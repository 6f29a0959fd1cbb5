"""The Deployments and DaemonSets that serve a cluster's DNS: rolled out, scaled, and put back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.objects import name_of
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.model.topology import Layer, Topology

DEPLOYMENT, DAEMONSET = "Deployment", "DaemonSet"
_RESOURCES = {DEPLOYMENT: "deployments", DAEMONSET: "daemonsets"}
_APPS = "apps/v1"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"  # as `kubectl rollout restart` sets it


@dataclass(frozen=True, slots=True)
class DNSWorkload:
    """A workload whose pods are a layer of the cluster's DNS.

    Attributes:
        kind: DEPLOYMENT or DAEMONSET.
        namespace: Its own.
        name: Its own.
        layer: Of which its pods are.
        spec: Its specification, as it was read.
    """

    kind: str
    namespace: str
    name: str
    layer: Layer
    spec: Object

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def dns_workloads(cluster: Cluster, topology: Topology) -> list[DNSWorkload]:
    """Return the workloads of the layers whose pods a Service leads to, node caches left out."""
    layers = {layer.name: layer for layer in topology.serving_layers()}
    return [
        DNSWorkload(kind, namespace, name, layers[f"{namespace}/{name}"], workload["spec"])
        for kind, resource in _RESOURCES.items()
        for namespace in sorted({layer.namespace for layer in layers.values()} - {""})
        for workload in cluster.list(resource, api=_APPS, namespace=namespace)
        for name in [name_of(workload)]
        if f"{namespace}/{name}" in layers
    ]


@dataclass(frozen=True)
class WorkloadChanges:
    """Changes workloads, and waits until their controllers have carried it out.

    Attributes:
        cluster: Where.
        timeout: Seconds for pods to become ready.
    """

    cluster: Cluster
    timeout: float

    def roll_out(self, workload: DNSWorkload) -> None:
        """Replace all pods of a workload by its own strategy, and wait until that is done.

        Raises:
            DeadlineExceeded: it was not in time.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        template = {"template": {"metadata": {"annotations": {_RESTARTED: now}}}}
        self._change(workload, {"spec": template})

    def scale(self, deployment: DNSWorkload, replicas: int) -> None:
        """Give a Deployment so many replicas, and wait until they are ready and others gone.

        Raises:
            DeadlineExceeded: they were not in time.
        """
        self._change(deployment, {"spec": {"replicas": replicas}})

    @contextmanager
    def scaled_back(self, deployment: DNSWorkload) -> Iterator[None]:
        """Give a Deployment the replicas that it had when the block ends."""
        try:
            yield
        finally:
            self.scale(deployment, deployment.spec["replicas"])

    def _change(self, workload: DNSWorkload, patch: Mapping[str, Any]) -> None:
        resource, name, namespace = _RESOURCES[workload.kind], workload.name, workload.namespace
        patched = self.cluster.patch(resource, name, patch, namespace, api=_APPS)
        generation = patched["metadata"]["generation"]

        def look() -> None:
            now = self.cluster.get(resource, name, api=_APPS, namespace=namespace)
            wanted, counts = _pods(workload.kind, now)
            unseen = now.get("status", {}).get("observedGeneration", 0) < generation
            if unseen or any(count != wanted for count in counts):
                present, updated, available = counts
                told = (
                    f"{wanted} pods are wanted: {present} there, {updated} up to date, {available} available"
                )
                raise NotYet(f"{told}; not seen by its controller yet" if unseen else told)

        wait_until(look, what=f"the change of {workload}", timeout=self.timeout)


def _pods(kind: str, workload: Object) -> tuple[int, list[int]]:
    """Return how many pods there are to be, and how many there are, are up to date and are available."""
    status = workload.get("status", {})
    if kind == DEPLOYMENT:
        wanted, counts = workload["spec"]["replicas"], ("replicas", "updatedReplicas", "availableReplicas")
    else:
        wanted = status.get("desiredNumberScheduled", 0)
        counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    return wanted, [status.get(count, 0) for count in counts]
