"""The parts of a run that `resilience.*` judges."""

from collections.abc import Sequence

from clusterdns.cluster.dns_pods import dns_namespaces, node_caches
from clusterdns.cluster.facts import read_topology
from clusterdns.measuring.disruption import Disruptor, Replaceable, asked_addresses, serving_pods
from clusterdns.measuring.part import part
from clusterdns.measuring.run_core import CoreRun
from clusterdns.measuring.soak import soak
from clusterdns.model.disruption import Disruption
from clusterdns.model.pods import CLUSTER_FIRST
from clusterdns.model.soak import Soak
from clusterdns.model.topology import Topology


class DisruptionRun(CoreRun):
    """What clients go through while DNS pods are replaced."""

    @part
    def disruptor(self) -> Disruptor:
        """Replaces DNS pods, and sees what clients go through."""
        return Disruptor(
            self.cluster,
            self.prober,
            self.probes.of(CLUSTER_FIRST),
            asked_addresses(self.topology),
            self.topology.zone.value,
            self.workload.privileged_namespace,
            self.settings,
            self.foreign,
        )

    @part
    def dns_restart(self) -> Sequence[Disruption]:
        """Every DNS pod evicted, the next when its successor is ready."""
        by_layer = serving_pods(self.topology)
        return [self.disruptor.evict(pod) for pods in by_layer.values() for pod in pods]

    @part
    def node_cache_restart(self) -> Sequence[Disruption]:
        """The node caches of some nodes deleted, the next when its successor is ready."""
        pods = [
            Replaceable(pod["metadata"]["namespace"], pod["metadata"]["name"])
            for pod in node_caches(self.cluster)
            if pod["spec"]["nodeName"] in self.disruptor.pods
        ]
        return [self.disruptor.delete(pod) for pod in pods[: self.settings.disruption_nodes]]

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
