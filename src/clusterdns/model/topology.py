"""What serves a cluster's DNS: its layers, with where each fact about them was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from clusterdns.model.autoscaling import Autoscaler

T = TypeVar("T")

DEFAULT_ZONE = "cluster.local"
METADATA_ADDRESS = "169.254.169.254"
"""GKE's metadata server; it answers DNS too, and is what Cloud DNS for GKE gives to pods."""

DNS_PORT = 53

DNSMASQ_TCP_LIMIT = 20
"""Children of one dnsmasq: MAX_PROCS in its src/config.h, 20 in every release through 2.92."""

LAST_DNSMASQ_READ = (2, 92)
"""The newest release of dnsmasq whose limit is known; later ones are assumed to have the same."""

DEFAULT_EXPIRE = 10.0
"""Seconds after which CoreDNS may close an idle connection (plugin/forward)."""

TCP_LIMIT = "TCP connections per replica"
"""The name of dnsmasq's limit among a layer's limits."""

FORWARD_LIMIT = "queries forwarded at once per replica"
"""The name of dnsmasq's limit of queries in flight, past which it answers REFUSED, among a layer's limits."""

DNSMASQ_FORWARD_LIMIT = 150
"""dnsmasq(8), --dns-forward-max: its default."""


class LayerKind(StrEnum):
    """The implementations that are told apart."""

    KUBE_DNS = "kube-dns (dnsmasq)"
    COREDNS = "CoreDNS"
    NODE_LOCAL = "NodeLocal DNSCache"
    CLOUD_DNS = "Cloud DNS for GKE"
    NODE_DNS = "DNS of the node"  # a daemon without a pod, e.g. LocalDNS of AKS
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """Something known of a cluster.

    Attributes:
        value: What is known.
        source: Where it was read; for an assumption, why this is the safe side.
        assumed: Whether nothing in the cluster says so.
    """

    value: T
    source: str
    assumed: bool = False

    def __str__(self) -> str:
        return f"{self.value} ({'assumed: ' if self.assumed else ''}{self.source})"


@dataclass(frozen=True, slots=True)
class Forward:
    """One `forward` of a Corefile: which queries go where, and over which connections.

    Attributes:
        zones: In lower case, without the final dot; "." is the root.
        upstreams: Addresses (with a port where it is not 53), or files such as /etc/resolv.conf.
        force_tcp: Every query goes by TCP; has precedence over `prefer_udp`.
        prefer_udp: Queries that came by TCP go by UDP, too.
        expire: Seconds after which an idle connection may be closed.
        max_age: Seconds after which any connection is replaced; None where nothing bounds it.
        max_idle_conns: Most idle connections kept per upstream; None where nothing bounds them.
        max_concurrent: Most queries in flight, others are refused; None where nothing bounds them.
        source: Where it stands.
        assumed: Whether nothing in the cluster says so.
        unknown: Those of the upstreams that stand for an address which nothing in the cluster tells.
    """

    zones: tuple[str, ...]
    upstreams: tuple[str, ...]
    source: str
    force_tcp: bool = False
    prefer_udp: bool = False
    expire: float = DEFAULT_EXPIRE
    max_age: float | None = None
    max_idle_conns: int | None = None
    max_concurrent: int | None = None
    assumed: bool = False
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        how = "by TCP" if self.force_tcp else "by UDP" if self.prefer_udp else "as it was asked"
        assumed = ", assumed" if self.assumed else ""
        return f"{' '.join(self.zones)} to {' '.join(self.upstreams)} {how} ({self.source}{assumed})"


NO_DENIALS = Fact(value=False, source="nothing says so", assumed=True)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a cluster's DNS.

    Attributes:
        kind: Which implementation.
        name: The workload, as "namespace/name", or the service's own name.
        addresses: Where it is asked, e.g. Service addresses.
        version: The implementation's.
        replicas: How many pods there are, or are asked for where there is none.
        ready: How many of them are ready.
        nodes: The nodes with a ready pod, sorted.
        not_ready: The pods that are not, each with its node and why.
        limits: What bounds it, by name, e.g. `TCP_LIMIT`.
        coredns: The version of CoreDNS inside; None where there is no CoreDNS.
        forwards: Where queries go that it does not answer itself.
        caches_denials: Whether it caches NXDOMAIN of names outside the cluster.
        upstream: The Service that a NodeLocal DNSCache asks, "namespace/name"; else None.
        budget: The PodDisruptionBudget that covers it; None where there is none.
        faults: What keeps its configuration from being loaded when a pod restarts.
        port: Where its pods listen for DNS: behind port 53 of a Service, which may be another one.
        redirect: What sends queries for its addresses to it where no interface has these; else None.
    """

    kind: LayerKind
    name: str
    addresses: tuple[Fact[str], ...]
    version: Fact[str]
    replicas: int = 0
    ready: int = 0
    nodes: tuple[str, ...] = ()
    limits: Mapping[str, Fact[int]] = field(default_factory=dict)
    coredns: Fact[str] | None = None
    forwards: tuple[Forward, ...] = ()
    caches_denials: Fact[bool] = NO_DENIALS
    upstream: str | None = None
    budget: str | None = None
    faults: tuple[str, ...] = ()
    port: int = DNS_PORT
    redirect: str | None = None
    not_ready: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """Its workload's namespace, "" where it has no pods of a cluster."""
        namespace, slash, _ = self.name.partition("/")
        return namespace if slash else ""

    def __str__(self) -> str:
        addresses = ", ".join(map(str, self.addresses)) or "no address"
        limits = "".join(f"; {name}: {limit}" for name, limit in self.limits.items())
        coredns = f"; CoreDNS {self.coredns}" if self.coredns and self.coredns != self.version else ""
        replicas = f"{self.ready} of {self.replicas} ready" if self.replicas else "no pods"
        if self.kind is LayerKind.NODE_DNS:
            replicas = f"on {len(self.nodes)} nodes, no pods"
        port = f" on port {self.port}" if self.port != DNS_PORT else ""
        redirect = f"; reached by {self.redirect}" if self.redirect else ""
        where = f"({self.name}) at {addresses}{port}, {replicas}"
        return f"{self.kind} {self.version} {where}{coredns}{limits}{redirect}"


@dataclass(frozen=True, slots=True)
class Backend:
    """A pod behind a Service.

    Attributes:
        pod: "namespace/name".
        node: Its node's name, "" where not known.
        address: Its IP address.
        ready: Whether the Service sends queries to it.
        layer: The name of the layer that it is of; None for a pod that is not known.
        port: Where it is sent queries.
    """

    pod: str
    node: str
    address: str
    ready: bool
    layer: str | None
    port: int = DNS_PORT


@dataclass(frozen=True, slots=True)
class Service:
    """A Service that takes queries on port 53.

    Attributes:
        name: "namespace/name".
        addresses: Its cluster IPs; none for a headless one.
        backends: What its EndpointSlices list.
        selects: The layers whose pods its selector matches, ready or not.
        traffic_policy: Its internalTrafficPolicy: "Local" keeps queries on their node; "" where not told.
        affinity: Its sessionAffinity: "ClientIP" keeps a client with one pod; "" where not told.
    """

    name: str
    addresses: tuple[str, ...]
    backends: tuple[Backend, ...]
    selects: tuple[str, ...] = ()
    traffic_policy: str = ""
    affinity: str = ""

    @property
    def ready(self) -> tuple[Backend, ...]:
        """The backends that queries are sent to."""
        return tuple(backend for backend in self.backends if backend.ready)


@dataclass(frozen=True, slots=True)
class Provider:
    """Who runs the cluster.

    Attributes:
        name: "GKE"; "" where nothing tells.
        search_suffixes: How many suffixes its nodes add to a pod's search list; None where not known.
        upstream: Its own resolver, what /etc/resolv.conf of a node names; None where not known.
        notes: What an upgrade of this version changes, with the source.
        source: What tells who it is.
        limits: What its documentation says that its DNS bears, in words.
        documentation: Where that stands.
    """

    name: str = ""
    search_suffixes: int | None = None
    upstream: str | None = None
    notes: tuple[str, ...] = ()
    source: str = "no label, version or ConfigMap of a known platform"
    limits: tuple[str, ...] = ()
    documentation: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """A cluster's DNS as it stands.

    Attributes:
        zone: The cluster domain.
        nodes: Every node that runs Linux pods -> its zone label (topology.kubernetes.io/zone), "" where none.
        layers: Every layer found, those that pods ask first, first.
        services: Every Service that sends queries to a layer, or that a layer forwards to.
        left_out: Every other node -> why DNS pods cannot run there.
        schedulable: How many nodes take new pods; what autoscalers count.
        cores: CPU cores of these.
        autoscaler: What sets the replicas of the cluster's DNS, of value None where it cannot be read; None
            where nothing does.
        stub_domains: Domain -> the servers it is sent to.
        provider: Who runs the cluster.
        total: How many nodes there are, cordoned ones too.
        total_cores: CPU cores of these.
        nameservers: What pods are told to ask, where something tells it.
        unexplained: Those of the nameservers that nothing in the cluster answers on, and what was looked at.
        not_read: What could not be read, one line each.
        changing: What was being replaced while it was read, one line each.
    """

    zone: Fact[str]
    nodes: Mapping[str, str]
    layers: tuple[Layer, ...]
    services: tuple[Service, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    schedulable: int = 0
    cores: float = 0.0
    autoscaler: Fact[Autoscaler | None] | None = None
    stub_domains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: Provider = Provider()
    total: int = 0
    total_cores: float = 0.0
    nameservers: tuple[Fact[str], ...] = ()
    unexplained: tuple[str, ...] = ()
    not_read: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces with DNS pods or with Services that lead to them, sorted."""
        names = {layer.namespace for layer in self.layers}
        return tuple(sorted({service.name.partition("/")[0] for service in self.services} | names - {""}))

    def in_short(self) -> tuple[str, ...]:
        """Return the platform, the cluster domain and each layer, with where each was read, a line each."""
        return (
            f"platform: {self.provider.name or 'unknown'} ({self.provider.source})",
            f"cluster domain: {self.zone}",
            *(f"nameserver of pods: {nameserver}" for nameserver in self.nameservers),
            *map(str, self.layers),
            *(f"not read: {line}" for line in self.not_read),
            *(f"being replaced: {line}" for line in self.changing),
        )

    def port_of(self, address: str) -> int:
        """Return the port that answers at an address: 53 but for pods that listen on another one."""
        if any(address in service.addresses for service in self.services):
            return DNS_PORT
        backends = (backend for service in self.services for backend in service.backends)
        return next((backend.port for backend in backends if backend.address == address), DNS_PORT)

    @property
    def uses_nodes(self) -> bool:
        """Whether a layer sends what it does not know to the nameservers of its node, a file on it."""
        forwards = (forward for layer in self.layers for forward in layer.forwards)
        return any(upstream.startswith("/") for forward in forwards for upstream in forward.upstreams)

    def addresses(self) -> dict[str, str]:
        """Return every address that a pod may be given as its nameserver -> what it belongs to."""
        return {
            fact.value: f"{layer.kind}, {fact.source}" for layer in self.layers for fact in layer.addresses
        }

    def node_local_addresses(self) -> dict[str, str]:
        """Return every address that a node cache is to answer on -> the cache's name."""
        caches = self.of_kind(LayerKind.NODE_LOCAL)
        return {fact.value: layer.name for layer in caches for fact in layer.addresses}

    def serving_addresses(self) -> dict[str, str]:
        """Return the address of every ready DNS pod, and of every Service with one, or of the provider's."""
        clouds = self.of_kind(LayerKind.CLOUD_DNS)
        found = {fact.value: layer.name for layer in clouds for fact in layer.addresses}
        for service in self.services:
            found |= {backend.address: backend.pod for backend in service.ready}
            if service.ready:
                found |= dict.fromkeys(service.addresses, f"Service {service.name}")
        return found

    def serving_layers(self) -> tuple[Layer, ...]:
        """Return the layers with a ready pod that a Service leads to, node caches left out."""
        served = {backend.layer for service in self.services for backend in service.ready}
        return tuple(
            layer for layer in self.layers if layer.name in served and layer.kind is not LayerKind.NODE_LOCAL
        )

    def layer(self, name: str | None) -> Layer | None:
        """Return the layer called `name`, None where there is none."""
        return next((layer for layer in self.layers if layer.name == name), None)

    def of_kind(self, *kinds: LayerKind) -> tuple[Layer, ...]:
        """Return the layers of these kinds."""
        return tuple(layer for layer in self.layers if layer.kind in kinds)

    def behind(self, upstream: str) -> Service | None:
        """Return the Service that has an upstream's address or name.

        A pod's own address counts as a Service of one.

        Args:
            upstream: As in `Forward.upstreams`.
        """
        address = host(upstream)
        for service in self.services:
            if address in service.addresses or _names(address, service.name, self.zone.value):
                return service
        for service in self.services:
            backends = tuple(backend for backend in service.backends if backend.address == address)
            if backends:
                return Service(backends[0].pod, (address,), backends)
        return None

    def may_be_inside(self, forward: Forward, upstream: str) -> bool:
        """Return whether an upstream of a forward may be the cluster's own DNS although nothing tells."""
        if forward.unknown and upstream in forward.unknown:
            return True
        name = host(upstream).rstrip(".")
        inside = name.endswith((".svc", f".svc.{self.zone.value}"))
        return inside and self.behind(upstream) is None


def host(upstream: str) -> str:
    """Return the address in an upstream such as "10.0.0.1", "10.0.0.1:53", "tls://[fd00::1]:853"."""
    address = upstream.rpartition("://")[2]
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _names(text: str, service: str, zone: str) -> bool:
    """Return whether a host's name is that of a Service ("namespace/name") in the cluster domain."""
    namespace, _, name = service.partition("/")
    return text.rstrip(".").lower() in (f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.{zone}")
