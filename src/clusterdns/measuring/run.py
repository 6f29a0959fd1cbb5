"""The root of what is measured: one object per run, whose parts are made when they are first asked for."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.debug_deployment import live_deployment
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.workload import Workload
from clusterdns.errors import HarnessError
from clusterdns.measuring.debug_deployment import DebugDeployment, make_debug_deployment
from clusterdns.measuring.load_plans import templates_of
from clusterdns.measuring.loads import Loads
from clusterdns.measuring.lookups import CapturedLookups, capture_lookups
from clusterdns.measuring.observer import Observer, cluster_dns_addresses
from clusterdns.measuring.part import part
from clusterdns.measuring.probes import (
    Probes,
    identities,
    node_views,
    search_list_events,
    start_probes,
)
from clusterdns.measuring.query_log import QueryLog
from clusterdns.measuring.reachability import Reachability
from clusterdns.measuring.scenarios import REST, BurstPaths, burst_paths, everyday_lookups
from clusterdns.measuring.watching import ReadableCaches, WatchedServers, readable_caches, watch_servers
from clusterdns.model.load import Destination, destinations
from clusterdns.model.pods import CLUSTER_FIRST, NodeView
from clusterdns.model.resolver import Libc
from clusterdns.model.saturation import Scenario
from clusterdns.model.topology import Topology
from clusterdns.probing.identity import Identity
from clusterdns.probing.pods import Prober
from clusterdns.settings import Settings

_MUSL_TOOL = "getaddrinfo-musl"


class Run:
    """One run against one cluster. Close it when the run ends, however it ends."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        *,
        foreign: bool,
        run_id: str | None = None,
        load_questions: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Measure nothing yet.

        Args:
            cluster: What is measured.
            settings: Every limit and choice.
            foreign: Whether the cluster is somebody else's: not ours to load or to break.
            run_id: Marks what the run makes; letters and digits.
            load_questions: Names and types that load at a rate asks for (`load_plans.load_questions`); names
                that no cache holds where there are none.
        """
        self.cluster = cluster
        self.settings = settings
        self.foreign = foreign
        self.run_id = run_id or secrets.token_hex(4)
        self.load_questions = load_questions

    @part
    def topology(self) -> Topology:
        """What serves the cluster's DNS."""
        return read_topology(self.cluster)

    @part
    def workload(self) -> Workload:
        """What this run makes in the cluster."""
        settings = self.settings
        return Workload(self.cluster, self.run_id, expiry=settings.expiry, timeout=settings.cleanup_timeout)

    @part
    def probe_image(self) -> str:
        """The image of the probe pods."""
        held = [
            {name for image in node["status"].get("images", ()) for name in image.get("names") or ()}
            for node in self.cluster.list("nodes")
        ]
        return self.settings.image(set.intersection(*held) if held else ())

    @part
    def prober(self) -> Prober:
        """Makes probe pods and runs operations in them."""
        settings = self.settings
        return Prober(
            self.cluster, ready_timeout=settings.pod_ready_timeout, agent_timeout=settings.agent_timeout
        )

    @part
    def probes(self) -> Probes:
        """One ready pod of every variant on every node."""
        return start_probes(
            self.cluster, self.prober, self.workload, sorted(self.topology.nodes), self.probe_image
        )

    @part
    def identities(self) -> dict[tuple[str, str], Identity]:
        """(node, variant) -> what the pod says of itself."""
        return identities(self.prober, self.probes)

    @part
    def views(self) -> Sequence[NodeView]:
        """What every variant was given, node by node."""
        return node_views(self.probes, self.identities, self.topology.nodes)

    @part
    def search_list_events(self) -> Sequence[str]:
        """What kubelets say about search lists that they had to cut."""
        namespaces = (self.workload.namespace, self.workload.privileged_namespace)
        _ = self.views  # so that every pod has been started
        return search_list_events(self.cluster, namespaces)

    @part
    def libcs(self) -> Sequence[Libc]:
        """The C libraries whose resolvers the probe image has."""
        tools = next(iter(self.identities.values())).tools
        return [Libc.GLIBC, *([Libc.MUSL] if _MUSL_TOOL in tools else [])]

    @part
    def lookups(self) -> CapturedLookups:
        """Every lookup, and the queries that it put on the wire."""
        return capture_lookups(
            self.prober,
            self.probes,
            self.views,
            zone=self.topology.zone.value,
            external_name=self.settings.external_name,
            libcs=self.libcs,
        )

    @part
    def reachability(self) -> Reachability:
        """Asks DNS addresses from every node."""
        return Reachability(self.prober, self.probes, self.topology, self.settings.query_timeout)

    @part
    def watched_servers(self) -> WatchedServers:
        """The pods with dnsmasq, with a debug container in each, where that is allowed."""
        settings = self.settings
        return watch_servers(
            self.cluster,
            self.probe_image,
            settings.pod_ready_timeout,
            allowed=settings.allow_debug_containers or not self.foreign,
        )

    @part
    def readable_caches(self) -> ReadableCaches:
        """The node caches, where their metrics and logs may be read."""
        return readable_caches(self.cluster)

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
        pods = list(self.probes.of(CLUSTER_FIRST).values())
        return self.observer.observe_steady(
            REST, lambda: everyday_lookups(self.prober, pods, self.settings.external_name)
        )

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
        return live_deployment(self.cluster)

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
            self.probe_image,
        )

    def measure(self, parts: Iterable["part[Run, object]"]) -> "Callable[[], None]":
        """Begin to measure parts, side by side; what fails is told to whoever asks for the part.

        Returns:
            A function that waits until all are measured, or have failed.
        """
        wanted = list(dict.fromkeys(parts))
        pool = ThreadPoolExecutor(len(wanted) or 1, thread_name_prefix="measuring")
        for wanted_part in wanted:
            pool.submit(wanted_part.__get__, self, Run)
        return pool.shutdown

    def close(self) -> list[str]:
        """Remove all that the run has made; return what could not be removed, in words."""
        if not Run.workload.is_measured(self):
            return []
        # A cluster of ours does as it is told; of another's it is seen that nothing keeps a namespace there.
        return self.workload.close(wait=self.foreign)
