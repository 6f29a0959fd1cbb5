"""The root of what is measured: one object per run, whose parts are made when they are first asked for."""

import secrets
from collections.abc import Mapping, Sequence

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.prometheus import PrometheusServer
from clusterdns.cluster.selectors import read_monitoring
from clusterdns.cluster.workload import Workload
from clusterdns.measuring.counters import Counters
from clusterdns.measuring.http_timing import time_pages
from clusterdns.measuring.lookups import CapturedLookups, capture_lookups
from clusterdns.measuring.metrics import read_metrics, read_sidecars
from clusterdns.measuring.part import part
from clusterdns.measuring.probes import (
    Probes,
    identities,
    node_views,
    search_list_events,
    start_probes,
)
from clusterdns.measuring.prometheus import ask_servers, find_servers
from clusterdns.measuring.reachability import Reachability
from clusterdns.model.http_timing import HttpTiming
from clusterdns.model.monitoring import Monitoring
from clusterdns.model.pods import CLUSTER_FIRST, NodeView
from clusterdns.model.reachability import TRANSPORTS, Attempt
from clusterdns.model.resolver import Libc
from clusterdns.model.scraping import Counted, Reading, Scraped, Sidecar
from clusterdns.model.topology import Topology
from clusterdns.probing.identity import Identity
from clusterdns.probing.pods import Prober
from clusterdns.settings import Settings

_MUSL_TOOL = "getaddrinfo-musl"


class Run:
    """One run against one cluster. Close it when the run ends, however it ends."""

    def __init__(
        self, cluster: Cluster, settings: Settings, *, foreign: bool, run_id: str | None = None
    ) -> None:
        """Measure nothing yet.

        Args:
            cluster: What is measured.
            settings: Every limit and choice.
            foreign: Whether the cluster is somebody else's: not ours to load or to break.
            run_id: Marks what the run makes; letters and digits.
        """
        self.cluster = cluster
        self.settings = settings
        self.foreign = foreign
        self.run_id = run_id or secrets.token_hex(4)

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
    def serving_by_tcp(self) -> Sequence[Attempt]:
        """Whether every DNS pod and Service answers by TCP, from every node."""
        return self.reachability.ask(self.topology.serving_addresses(), "tcp")

    @part
    def node_caches_asked(self) -> Mapping[str, Sequence[Attempt]]:
        """Transport -> whether the node cache's addresses answer on every node."""
        addresses = self.topology.node_local_addresses()
        return {transport: self.reachability.ask(addresses, transport) for transport in TRANSPORTS}

    @part
    def http_timings(self) -> Sequence[HttpTiming]:
        """Requests for the external name's page, from every node."""
        settings = self.settings
        pods = self.probes.of(CLUSTER_FIRST).values()
        return time_pages(self.prober, pods, settings.external_name, settings.query_timeout)

    @part
    def monitoring(self) -> Monitoring:
        """The DNS pods, and every object that has a part in scraping them."""
        return read_monitoring(self.cluster)

    @part
    def readings(self) -> Sequence[Reading]:
        """What every metrics port of every DNS pod answers."""
        return read_metrics(self.cluster, self.monitoring.pods)

    @part
    def counted(self) -> Sequence[Counted]:
        """Queries sent to every DNS pod that counts them, and what its counters say."""
        senders = self.probes.of(CLUSTER_FIRST)
        zone, timeout = self.topology.zone.value, self.settings.query_timeout
        return Counters(self.cluster, self.prober, senders, zone, timeout).count(self.monitoring.pods)

    @part
    def sidecars(self) -> Sequence[Sidecar]:
        """Some Envoy sidecars, and how many series they have."""
        settings = self.settings
        selector, most, timeout = (
            settings.sidecar_selector,
            settings.sidecar_samples,
            settings.prometheus_timeout,
        )
        return read_sidecars(self.cluster, selector, most, timeout)

    @part
    def prometheus_servers(self) -> Sequence[PrometheusServer]:
        """Every Prometheus that can be asked."""
        return find_servers(self.cluster, self.settings)

    @part
    def scraped(self) -> Sequence[Scraped]:
        """What every Prometheus that answers scrapes of the DNS pods."""
        return ask_servers(self.prometheus_servers, self.monitoring.pods)

    def close(self) -> list[str]:
        """Remove all that the run has made; return what could not be removed, in words."""
        if not Run.workload.is_measured(self):
            return []
        # A cluster of ours does as it is told; of another's it is seen that nothing keeps a namespace there.
        return self.workload.close(wait=self.foreign)
