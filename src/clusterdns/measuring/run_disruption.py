"""The parts of a run that `resilience.*` judges."""

from collections.abc import Iterator, Sequence
from functools import partial

from clusterdns.cluster.api import Object
from clusterdns.cluster.dns_pods import dns_namespaces, node_caches
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.settling import settled_topology
from clusterdns.errors import HarnessError
from clusterdns.measuring.disruption import Disruptor, asked_addresses
from clusterdns.measuring.dns_changes import DNSChanges, Replaceable, serving_pods
from clusterdns.measuring.part import part
from clusterdns.measuring.run_core import CoreRun
from clusterdns.measuring.soak import soak
from clusterdns.model.disruption import Disruption
from clusterdns.model.pods import CLUSTER_FIRST
from clusterdns.model.soak import Soak
from clusterdns.model.topology import Topology

API_AWAY_SECONDS = 20.0
"""How long the API server of a lab is away."""

_LONG = 2  # windows that are watched where several pods follow each other


class DisruptionRun(CoreRun):
    """What clients go through while DNS pods are replaced, or something else is done."""

    @part
    def disruptor(self) -> Disruptor:
        """Sees what clients go through."""
        return Disruptor(
            self.prober,
            self.probes.of(CLUSTER_FIRST),
            asked_addresses(self.topology),
            self.topology.zone.value,
            self.workload.privileged_namespace,
            self.settings,
        )

    @part
    def dns_changes(self) -> DNSChanges:
        """Replaces DNS pods and changes their workloads."""
        return DNSChanges(self.cluster, self.run_id, self.settings.pod_ready_timeout, self.foreign)

    @part
    def dns_restart(self) -> Sequence[Disruption]:
        """Every DNS pod evicted, the next when its successor is ready."""
        return [
            self.disruptor.during(f"{pod} replaced", pod.node, partial(self.dns_changes.evict, pod))
            for pods in serving_pods(self.topology).values()
            for pod in pods
        ]

    @part
    def node_cache_restart(self) -> Sequence[Disruption]:
        """The node caches of some nodes deleted, the next when its successor is ready."""
        pods = [
            Replaceable(pod["metadata"]["namespace"], pod["metadata"]["name"], pod["spec"]["nodeName"])
            for pod in node_caches(self.cluster)
            if pod["spec"]["nodeName"] in self.disruptor.pods
        ]
        return [
            self.disruptor.during(f"{pod} replaced", pod.node, partial(self.dns_changes.delete, pod))
            for pod in pods[: self.settings.disruption_nodes]
        ]

    @part
    def node_drain(self) -> Sequence[Disruption]:
        """Some nodes with DNS pods cordoned, these evicted, the nodes uncordoned."""
        by_node: dict[str, list[Replaceable]] = {}
        for pods in serving_pods(settled_topology(self.cluster, zone=self.settings.zone)).values():
            for pod in pods:
                by_node.setdefault(pod.node, []).append(pod)
        return [
            self._drained(node, by_node[node]) for node in sorted(by_node)[: self.settings.disruption_nodes]
        ]

    @part
    def dns_rollout(self) -> Sequence[Disruption]:
        """Every Deployment that serves DNS rolled out."""
        return [
            self.disruptor.during(
                f"Deployment {name} rolled out",
                "",
                partial(self.dns_changes.roll_out, found),
                windows=_LONG,
            )
            for name, found in self._deployments()
        ]

    @part
    def dns_scale(self) -> Sequence[Disruption]:
        """Every Deployment that serves DNS scaled to twice its replicas and back."""
        return [self._scaled(name, found) for name, found in self._deployments()]

    @part
    def api_outage(self) -> Sequence[Disruption]:
        """The API server away for a while.

        Raises:
            HarnessError: it is not ours to stop.
        """
        if self.stop_api is None:
            raise HarnessError("the API server is not ours to stop")
        stop = self.stop_api
        return [
            self.disruptor.during("the API server away", "", partial(stop, API_AWAY_SECONDS), windows=_LONG)
        ]

    @part
    def soak(self) -> tuple[Soak, Topology]:
        """What clients go through while something else goes on, and the topology afterwards."""
        topology = self.topology
        return soak(
            self.cluster,
            self.workload,
            topology,
            lambda: read_topology(self.cluster, zone=self.settings.zone),
            addresses=asked_addresses(topology),
            namespaces=dns_namespaces(self.cluster),
            image=self.probe_image,
            settings=self.settings,
        )

    def _drained(self, node: str, pods: Sequence[Replaceable]) -> Disruption:
        with self.dns_changes.cordoned(node):
            names = ", ".join(map(str, pods))
            what = f"{node} drained of {names}"
            return self.disruptor.during(what, node, partial(self.dns_changes.drain, pods), windows=_LONG)

    def _scaled(self, name: str, deployment: Object) -> Disruption:
        replicas = deployment["spec"]["replicas"]

        def up_and_down() -> None:
            self.dns_changes.scale(deployment, 2 * replicas)
            self.dns_changes.scale(deployment, replicas)

        what = f"Deployment {name} scaled {replicas} -> {2 * replicas} -> {replicas}"
        with self.dns_changes.scaled_back(deployment):
            return self.disruptor.during(what, "", up_and_down, windows=_LONG)

    def _deployments(self) -> Iterator[tuple[str, Object]]:
        for found in self.dns_changes.deployments(dns_namespaces(self.cluster)):
            yield f"{found['metadata']['namespace']}/{found['metadata']['name']}", found
