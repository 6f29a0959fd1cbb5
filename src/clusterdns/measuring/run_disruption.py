"""The parts of a run that `resilience.*` judges."""

from collections.abc import Sequence
from functools import partial

from clusterdns.cluster.dns_pods import dns_namespaces, node_caches
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.settling import settled_topology
from clusterdns.errors import HarnessError
from clusterdns.measuring.corefile_changes import RELOAD_SECONDS, CorefileChanges
from clusterdns.measuring.disruption import Disruptor, asked_addresses
from clusterdns.measuring.dns_changes import DNSChanges, Replaceable, serving_pods
from clusterdns.measuring.dns_workloads import (
    DAEMONSET,
    DEPLOYMENT,
    DNSWorkload,
    WorkloadChanges,
    dns_workloads,
)
from clusterdns.measuring.part import part
from clusterdns.measuring.run_core import CoreRun
from clusterdns.measuring.soak import soak
from clusterdns.model.disruption import Disruption
from clusterdns.model.pods import CLUSTER_FIRST
from clusterdns.model.soak import Soak
from clusterdns.model.topology import LayerKind, Topology

API_AWAY_SECONDS = 20.0
"""How long the API server of a lab is away."""

_SEVERAL = 2  # windows that are watched where several pods follow each other
_MARGIN = 5.0  # seconds that are watched before and after what takes a known time


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
        """Replaces DNS pods and cordons nodes."""
        return DNSChanges(self.cluster, self.run_id, self.settings.pod_ready_timeout, self.foreign)

    @part
    def workload_changes(self) -> WorkloadChanges:
        """Rolls workloads out and scales them."""
        return WorkloadChanges(self.cluster, self.settings.pod_ready_timeout)

    @part
    def dns_workloads(self) -> Sequence[DNSWorkload]:
        """What serves the cluster's DNS behind Services."""
        return dns_workloads(self.cluster, self.topology)

    @part
    def dns_restart(self) -> Sequence[Disruption]:
        """Every DNS pod evicted, a DaemonSet's deleted, the next when its successor is ready."""
        changes, of_daemonsets = self.dns_changes, self._layers_of_daemonsets()
        return [
            self.disruptor.during(
                f"{pod} replaced",
                pod.node,
                partial(changes.delete if layer in of_daemonsets else changes.evict, pod),
                seconds=self.settings.disruption_window,
            )
            for layer, pods in serving_pods(self.topology).items()
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
            self.disruptor.during(
                f"{pod} replaced",
                pod.node,
                partial(self.dns_changes.delete, pod, alone=True),
                seconds=self.settings.disruption_window,
            )
            for pod in pods[: self.settings.disruption_nodes]
        ]

    @part
    def node_drain(self) -> Sequence[Disruption]:
        """Some nodes with DNS pods cordoned, these evicted, the nodes uncordoned; DaemonSets' pods stay."""
        by_node: dict[str, list[Replaceable]] = {}
        of_daemonsets = self._layers_of_daemonsets()
        now = settled_topology(self.cluster, zone=self.settings.zone)
        for layer, pods in serving_pods(now).items():
            for pod in pods if layer not in of_daemonsets else ():
                by_node.setdefault(pod.node, []).append(pod)
        return [
            self._drained(node, by_node[node]) for node in sorted(by_node)[: self.settings.disruption_nodes]
        ]

    @part
    def dns_rollout(self) -> Sequence[Disruption]:
        """Every workload that serves DNS rolled out."""
        roll_out = self.workload_changes.roll_out
        return [
            self.disruptor.during(
                f"{workload} rolled out", "", partial(roll_out, workload), seconds=self._long
            )
            for workload in self.dns_workloads
        ]

    @part
    def config_reload(self) -> Sequence[Disruption]:
        """The Corefile of every workload of CoreDNS changed, and changed back afterwards."""
        pod = next(iter(self.disruptor.pods.values()))
        changes = CorefileChanges(self.cluster, self.prober, pod, self.run_id)
        return [
            self._reloaded(workload, changes)
            for workload in self.dns_workloads
            if workload.layer.kind is LayerKind.COREDNS
        ]

    @part
    def dns_scale(self) -> Sequence[Disruption]:
        """Every Deployment that serves DNS scaled to twice its replicas and back."""
        return [self._scaled(workload) for workload in self.dns_workloads if workload.kind == DEPLOYMENT]

    @part
    def api_outage(self) -> Sequence[Disruption]:
        """The API server away for a while.

        Raises:
            HarnessError: it is not ours to stop.
        """
        if self.stop_api is None:
            raise HarnessError("the API server is not ours to stop")
        stop = self.stop_api
        seconds = max(self._long, API_AWAY_SECONDS + 2 * _MARGIN)
        return [
            self.disruptor.during("the API server away", "", partial(stop, API_AWAY_SECONDS), seconds=seconds)
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
            return self.disruptor.during(
                what, node, partial(self.dns_changes.drain, pods), seconds=self._long
            )

    def _reloaded(self, workload: DNSWorkload, changes: CorefileChanges) -> Disruption:
        with changes.changing(workload) as change:
            what = f"Corefile of {workload} changed"
            seconds = max(self._long, RELOAD_SECONDS + _MARGIN)
            disruption = self.disruptor.during(what, "", change.there, seconds=seconds)
            change.back()
            return disruption

    def _scaled(self, deployment: DNSWorkload) -> Disruption:
        replicas, changes = deployment.spec["replicas"], self.workload_changes

        def up_and_down() -> None:
            changes.scale(deployment, 2 * replicas)
            changes.scale(deployment, replicas)

        what = f"{deployment} scaled {replicas} -> {2 * replicas} -> {replicas}"
        with changes.scaled_back(deployment):
            return self.disruptor.during(what, "", up_and_down, seconds=self._long)

    @property
    def _long(self) -> float:
        return _SEVERAL * self.settings.disruption_window

    def _layers_of_daemonsets(self) -> set[str]:
        return {workload.layer.name for workload in self.dns_workloads if workload.kind == DAEMONSET}
