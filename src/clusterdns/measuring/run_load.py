"""The parts of a run that `saturation.*` and `latency.*` judge."""

from collections.abc import Mapping, Sequence

from clusterdns.cluster.api import Object
from clusterdns.cluster.debug_deployment import live_deployment
from clusterdns.errors import HarnessError
from clusterdns.measuring.debug_deployment import DebugDeployment, make_debug_deployment
from clusterdns.measuring.http_timing import time_pages
from clusterdns.measuring.load_plans import templates_of
from clusterdns.measuring.loads import Loads
from clusterdns.measuring.observer import Observer, cluster_dns_addresses
from clusterdns.measuring.part import part
from clusterdns.measuring.query_log import QueryLog
from clusterdns.measuring.run_core import CoreRun
from clusterdns.measuring.scenarios import REST, BurstPaths, burst_paths, everyday_lookups
from clusterdns.measuring.watching import (
    ReadableCaches,
    WatchedServers,
    readable_caches,
    watch_pods,
    watch_servers,
)
from clusterdns.model.http_timing import HttpTiming
from clusterdns.model.load import Destination, destinations
from clusterdns.model.pods import CLUSTER_FIRST
from clusterdns.model.saturation import Lookups, Scenario
from clusterdns.probing.losses import by_those_left


class LoadRun(CoreRun):
    """What is seen of the cluster's DNS at rest and under load."""

    @part
    def http_timings(self) -> Sequence[HttpTiming]:
        """Requests for the external name's page, from every node."""
        settings = self.settings
        pods = self.probes.of(CLUSTER_FIRST).values()
        return time_pages(self.prober, pods, settings.external_name, settings.query_timeout)

    @part
    def watched_servers(self) -> WatchedServers:
        """The pods with dnsmasq, with a debug container in each, where that is allowed."""
        settings = self.settings
        return watch_servers(
            self.cluster,
            self.topology.namespaces,
            self.probe_image,
            settings.pod_ready_timeout,
            allowed=settings.allow_debug_containers or not self.foreign,
        )

    @part
    def readable_caches(self) -> ReadableCaches:
        """The node caches, where their metrics and logs may be read."""
        return readable_caches(self.cluster, self.topology.namespaces)

    @part
    def observer(self) -> Observer:
        """Watches the cluster's DNS while something is done."""
        return Observer(
            self.cluster,
            self.prober,
            self.probes,
            self.watched_servers,
            self.readable_caches,
            cluster_dns_addresses(self.topology),
        )

    @part
    def destinations(self) -> Mapping[str, Destination | str]:
        """Name -> where load may go, or why the cluster has no such."""
        return destinations(self.topology)

    @part
    def burst_paths(self) -> BurstPaths:
        """Where bursts go from each node."""
        return burst_paths(self.views, self.topology)

    @part
    def rest(self) -> Scenario:
        """What is seen under everyday use."""
        observer = self.observer
        with self.query_turn:
            return by_those_left(lambda: observer.observe_steady(REST, self._look_up_every_day))

    def _look_up_every_day(self) -> Lookups:
        pods = list(self.probes.of(CLUSTER_FIRST).values())
        return everyday_lookups(self.prober, pods, self.settings.external_name)

    @part
    def loads(self) -> Loads:
        """Sends load, each once."""
        return Loads(
            self.settings,
            self.prober,
            self.observer,
            self.probes.of(CLUSTER_FIRST),
            self.topology.zone.value,
            self.destinations,
            templates_of(self.load_questions, self.views[0].seen[CLUSTER_FIRST]),
        )

    @part
    def kube_dns(self) -> Object | None:
        """The Deployment of kube-dns with dnsmasq in it; None where there is none."""
        return live_deployment(self.cluster, self.topology.namespaces)

    @part
    def debug_deployment(self) -> DebugDeployment:
        """The copy of kube-dns that logs every query."""
        if self.kube_dns is None:
            raise HarnessError("there is no Deployment of kube-dns to copy")
        return make_debug_deployment(
            self.cluster,
            self.workload,
            self.topology,
            self.reachability,
            self.kube_dns,
            traffic=self.settings.debug_traffic,
            foreign=self.foreign,
            ready_timeout=self.settings.pod_ready_timeout,
        )

    @part
    def watched_copy(self) -> WatchedServers:
        """The copy's pod, with a debug container in it: it goes with the copy."""
        pod = self.debug_deployment.serving.pod
        return watch_pods(
            self.cluster,
            [self.cluster.get("pods", pod.name, namespace=pod.namespace)],
            self.probe_image,
            self.settings.pod_ready_timeout,
        )

    @part
    def query_log(self) -> QueryLog:
        """Asks the copy of kube-dns and reads its log."""
        return QueryLog(
            self.cluster,
            self.prober,
            self.reachability,
            self.settings,
            self.topology.zone.value,
            self.probes.of(CLUSTER_FIRST),
            self.debug_deployment,
        )
