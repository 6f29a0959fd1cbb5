"""The root of what is measured: one object per run, whose parts are made when they are first asked for."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.templates import network
from clusterdns.cluster.workload import Workload
from clusterdns.measuring.lookups import CapturedLookups, capture_lookups
from clusterdns.measuring.part import part
from clusterdns.measuring.probes import (
    Probes,
    identities,
    node_views,
    search_list_events,
    start_probes,
)
from clusterdns.measuring.propagation import (
    PathPoller,
    change_limit,
    watch_creations,
    watch_deletion,
    watch_update,
)
from clusterdns.measuring.query_matrix import ask_query_matrix
from clusterdns.measuring.querying import Querier, server_addresses, spread_nodes
from clusterdns.measuring.reachability import Reachability
from clusterdns.measuring.record_objects import RecordObjects, check_unchanged, create_record_objects
from clusterdns.measuring.service_changes import ServiceChanges
from clusterdns.model.convergence import Convergence
from clusterdns.model.dns_profiles import DNSProfile, profile_of
from clusterdns.model.pods import DEFAULT, NodeView
from clusterdns.model.query_matrix import QueryMatrix
from clusterdns.model.resolver import Libc
from clusterdns.model.topology import LayerKind, Topology
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
    def dns_profile(self) -> DNSProfile:
        """What the cluster's implementation makes of its freedom."""
        return profile_of({layer.kind for layer in self.topology.layers} - {LayerKind.NODE_LOCAL})

    @part
    def record_objects(self) -> RecordObjects:
        """The Services that records are asked for."""
        return create_record_objects(
            self.cluster,
            self.workload,
            run_id=self.run_id,
            zone=self.topology.zone.value,
            external_name=self.settings.external_name,
            image=self.probe_image,
            reads_endpoints=self.dns_profile.reads_endpoints,
            timeout=self.settings.pod_ready_timeout,
        )

    @part
    def querier(self) -> Querier:
        """Asks for records, from pods whose packets nobody captures."""
        settings, pods = self.settings, self.probes.of(DEFAULT)
        return Querier(
            self.prober,
            {node: pods[node] for node in spread_nodes(pods, settings.record_nodes)},
            server_addresses(self.topology, settings.record_servers),
            timeout=settings.query_timeout,
            concurrency=settings.record_concurrency,
        )

    @part
    def path_poller(self) -> PathPoller:
        """Asks along every path while Services change."""
        querier = self.querier
        return PathPoller(self.prober, querier.pods, querier.paths(sizes=[None], tcp=False))

    @part
    def service_changes(self) -> ServiceChanges:
        """Makes and changes Services, after those that records are asked for."""
        return ServiceChanges(
            self.cluster,
            self.workload,
            self.record_objects,
            zone=self.topology.zone.value,
            network=network(self.run_id)["network"],
            reads_endpoints=self.dns_profile.reads_endpoints,
        )

    @part
    def creations(self) -> Sequence[Convergence]:
        """When each path showed Services that were created."""
        return watch_creations(self.service_changes, self.path_poller, self.settings.propagation_limit)

    @part
    def update(self) -> Sequence[Convergence]:
        """When each path showed that a Service had another endpoint."""
        settings = self.settings
        return watch_update(
            self.service_changes, self.path_poller, settings.negative_ttl_limit, change_limit(settings)
        )

    @part
    def deletion(self) -> Sequence[Convergence]:
        """When each path showed that a Service was gone."""
        settings = self.settings
        return watch_deletion(
            self.service_changes, self.path_poller, settings.negative_ttl_limit, change_limit(settings)
        )

    @part
    def query_matrix(self) -> QueryMatrix:
        """Every question about records along every path, once what was created last is known everywhere."""
        objects = self.record_objects
        matrix = ask_query_matrix(
            self.querier,
            self.topology,
            profile=self.dns_profile,
            objects=objects,
            newest=self.creations,
            views=self.views,
            external_name=self.settings.external_name,
        )
        check_unchanged(self.cluster, objects)
        return matrix

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
