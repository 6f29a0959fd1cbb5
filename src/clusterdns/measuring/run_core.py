"""The parts of a run that others stand on: the topology, the probe pods, what these were given."""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.cadvisor import Container
from clusterdns.cluster.candidates import candidate
from clusterdns.cluster.dns_pods import cpu_limited_pods
from clusterdns.cluster.network_policies import read_network_policies
from clusterdns.cluster.permissions import Grant
from clusterdns.cluster.settling import settled_topology
from clusterdns.cluster.workload import Workload
from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring.asked_servers import server_addresses
from clusterdns.measuring.lookups import CapturedLookups, capture_lookups
from clusterdns.measuring.outside import ask_outside
from clusterdns.measuring.part import part
from clusterdns.measuring.pod_times import time_pods
from clusterdns.measuring.probes import (
    Probes,
    identities,
    nameservers_given,
    node_views,
    search_list_events,
    start_probes,
)
from clusterdns.measuring.reachability import Reachability
from clusterdns.measuring.throttling import counted_periods, throttling_since
from clusterdns.model.conntrack import ConntrackTable, ConntrackUse, use
from clusterdns.model.network_policies import Ways
from clusterdns.model.node_choice import NodeChoice, choose
from clusterdns.model.outside import OutsideAnswer
from clusterdns.model.pod_times import PodTimes
from clusterdns.model.pods import HOST_NETWORK, NodeView
from clusterdns.model.reachability import TRANSPORTS, Attempt
from clusterdns.model.resolver import Libc
from clusterdns.model.tcp_paths import tcp_paths
from clusterdns.model.throttling import CpuPeriods, Throttling
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.probing.conntrack import conntrack_table
from clusterdns.probing.identity import Identity
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import Prober
from clusterdns.settings import Settings

_MUSL_TOOL = "getaddrinfo-musl"


class CoreRun:
    """One run against one cluster, what others stand on. Close it when the run ends, however it ends."""

    def __init__(  # noqa: PLR0913 - all that a run is made of
        self,
        cluster: Cluster,
        settings: Settings,
        *,
        foreign: bool,
        run_id: str | None = None,
        load_questions: Sequence[tuple[str, str]] = (),
        missing: Mapping[Grant, Sequence[str]] | None = None,
        probing: bool = False,
        stop_api: Callable[[float], None] | None = None,
    ) -> None:
        """Measure nothing yet.

        Args:
            cluster: What is measured.
            settings: Every limit and choice.
            foreign: Whether the cluster is somebody else's: not ours to load or to break.
            run_id: Marks what the run makes; letters and digits.
            load_questions: Names and types that load at a rate asks for (`load_plans.load_questions`); names
                that no cache holds where there are none.
            missing: Permissions that the credentials lack (`preflight.Preflight`).
            probing: Whether any of its checks uses probe pods.
            stop_api: Keeps the API server from answering for so many seconds, where that is ours to do.
        """
        self.cluster = cluster
        self.settings = settings
        self.foreign = foreign
        self.run_id = run_id or secrets.token_hex(4)
        self.load_questions = load_questions
        self.missing = missing or {}
        self.probing = probing
        self.stop_api = stop_api

    @part
    def declared_topology(self) -> Topology:
        """What serves the cluster's DNS, as far as its objects tell."""
        return settled_topology(self.cluster, zone=self.settings.zone)

    @part
    def topology(self) -> Topology:
        """What serves the cluster's DNS, found by the nameservers of probe pods where there are any."""
        declared = self.declared_topology
        if not self.probing:
            return declared
        try:
            given = nameservers_given(self.identities, declared.nameservers)
        except HarnessError as error:
            return replace(declared, not_read=(*declared.not_read, f"resolv.conf of pods: {error}"))
        if not given or given.keys() == {fact.value for fact in declared.nameservers}:
            return declared
        return settled_topology(self.cluster, nameservers=given, zone=self.settings.zone)

    @part
    def network_policies(self) -> Ways:
        """The NetworkPolicies on pods' way to what serves DNS."""
        return read_network_policies(self.cluster, self.topology)

    @part
    def workload(self) -> Workload:
        """What this run makes in the cluster."""
        settings = self.settings
        return Workload(self.cluster, self.run_id, expiry=settings.expiry, timeout=settings.cleanup_timeout)

    @part
    def node_objects(self) -> Sequence[Object]:
        """Every node, as the API tells it."""
        return list(self.cluster.list("nodes"))

    @part
    def node_choice(self) -> NodeChoice:
        """Which nodes get probe pods, and why others do not.

        Raises:
            ProbeError: none can.
        """
        topology = self.declared_topology
        caches = {node for layer in topology.of_kind(LayerKind.NODE_LOCAL) for node in layer.nodes}
        serving = {node for layer in topology.layers for node in layer.nodes} - caches
        most = None if self.settings.probe_nodes == "all" else self.settings.probe_nodes
        choice = choose([candidate(node, serving, caches) for node in self.node_objects], most)
        if not choice.nodes:
            reasons = "; ".join(f"{node} {reason}" for node, reason in list(choice.left_out.items())[:3])
            raise ProbeError(f"no node can run probe pods: {reasons or 'there is none'}")
        return choice

    @part
    def probe_image(self) -> str:
        """The image of the probe pods."""
        chosen = set(self.node_choice.nodes)
        held = [
            {name for image in node["status"].get("images") or () for name in image.get("names") or ()}
            for node in self.node_objects
            if node["metadata"]["name"] in chosen
        ]
        told = [images for images in held if images]  # a node that tells of none says nothing about ours
        return self.settings.image(set.intersection(*told) if told else ())

    @part
    def prober(self) -> Prober:
        """Makes probe pods and runs operations in them."""
        settings = self.settings
        return Prober(
            self.cluster, ready_timeout=settings.pod_ready_timeout, agent_timeout=settings.agent_timeout
        )

    @part
    def probes(self) -> Probes:
        """One ready pod of every variant on every chosen node."""
        return start_probes(
            self.cluster, self.prober, self.workload, self.node_choice.nodes, self.probe_image
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
        _ = self.views  # so that every pod has been started
        namespaces = {pod.namespace for pod in self.probes.pods.values()}
        return search_list_events(self.cluster, sorted(namespaces))

    @part
    def libcs(self) -> Sequence[Libc]:
        """The C libraries whose resolvers the probe image has."""
        tools = next(iter(self.identities.values())).tools
        return [Libc.GLIBC, *([Libc.MUSL] if _MUSL_TOOL in tools else [])]

    @part
    def dnsmasq_by_tcp(self) -> bool:
        """Whether each query in flight may take one of the 20 TCP connections that a dnsmasq serves."""
        return any(path.into_dnsmasq for path in tcp_paths(self.topology))

    @part
    def query_turn(self) -> AbstractContextManager[object]:
        """Held by a part while it sends many queries, where several at a time would do harm.

        Where caches reach dnsmasq by TCP, each query in flight is a child of dnsmasq, and stays one while
        the cache keeps the connection: parts that query side by side would take all of its 20 children.
        """
        if self.dnsmasq_by_tcp:
            return threading.Lock()
        return nullcontext()

    @part
    def lookups(self) -> CapturedLookups:
        """Every lookup, and the queries that it put on the wire."""
        views, libcs = self.views, self.libcs
        with self.query_turn:
            return capture_lookups(
                self.prober,
                self.probes,
                views,
                zone=self.topology.zone.value,
                external_name=self.settings.external_name,
                libcs=libcs,
            )

    @part
    def outside(self) -> Sequence[OutsideAnswer]:
        """What the cluster's DNS says of names outside the cluster, on every node."""
        views = self.views
        with self.query_turn:
            return ask_outside(
                self.prober,
                self.probes,
                views,
                self.topology,
                external_name=self.settings.external_name,
                run_id=self.run_id,
                timeout=self.settings.query_timeout,
            )

    @part
    def serving_pods(self) -> Mapping[str, str]:
        """Address -> DNS pod, of as many as records are asked of."""
        servers = server_addresses(self.topology, self.settings.record_servers)
        return {server.address: server.server for server in servers if server.pod}

    @part
    def pod_times(self) -> Sequence[PodTimes]:
        """How long each DNS pod takes, asked from every node."""
        timeout = self.settings.query_timeout
        with self.query_turn:
            return time_pods(self.prober, self.probes, self.topology, self.serving_pods, timeout)

    @part
    def limited_pods(self) -> Mapping[str, str]:
        """Running DNS pod ("namespace/name") with a CPU limit -> node."""
        return cpu_limited_pods(self.cluster, self.topology.namespaces)

    @part
    def first_cpu_periods(self) -> Mapping[Container, CpuPeriods]:
        """What cAdvisor says of them before they are asked much."""
        return counted_periods(self.cluster, self.limited_pods)

    @part
    def throttling(self) -> Sequence[Throttling]:
        """How often they have been held back since then."""
        return throttling_since(self.first_cpu_periods, self.cluster, self.limited_pods)

    def _conntrack_tables(self) -> Mapping[str, ConntrackTable]:
        pods = sorted(self.probes.of(HOST_NETWORK).items())
        read = on_nodes_left(lambda pod: conntrack_table(self.prober, pod[1]), pods)
        return {node: table for (node, _), table in read}

    @part
    def first_conntrack_tables(self) -> Mapping[str, ConntrackTable]:
        """Node -> its kernel's table of connections, before much is asked."""
        return self._conntrack_tables()

    @part
    def conntrack_use(self) -> Sequence[ConntrackUse]:
        """What has become of these since then; a node that is lost by now is taken as it was."""
        first = self.first_conntrack_tables
        last = {**first, **self._conntrack_tables()}
        return list(filter(None, (use(table, last[node]) for node, table in first.items())))

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
        """Transport -> whether node caches' addresses answer on every node, and a daemon's on its nodes."""
        topology, ask = self.topology, self.reachability.ask

        def attempts(transport: str) -> Iterator[Attempt]:
            yield from ask(topology.node_local_addresses(), transport)
            for daemon in topology.of_kind(LayerKind.NODE_DNS):
                addresses = {fact.value: daemon.name for fact in daemon.addresses}
                yield from ask(addresses, transport, nodes=daemon.nodes)

        return {transport: list(attempts(transport)) for transport in TRANSPORTS}

    def close(self) -> list[str]:
        """Remove all that the run has made; return what could not be removed, in words."""
        if not CoreRun.workload.is_measured(self):
            return []
        # A cluster of ours does as it is told; of another's it is seen that nothing keeps a namespace there.
        return self.workload.close(wait=self.foreign)
