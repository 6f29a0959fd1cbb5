"""Open-loop load on a cluster's DNS: where it goes, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clusterdns.model.latency import Histogram, Samples, errors
from clusterdns.model.tcp_paths import tcp_paths
from clusterdns.model.topology import DNS_PORT, LayerKind, Service, Topology

KUBE_DNS, UPSTREAM, DNS_POD, NODE_LOCAL = "kube-dns", "upstream", "dns-pod", "node-local"
DESTINATIONS = (DNS_POD, UPSTREAM, KUBE_DNS, NODE_LOCAL)
"""Those past every cache first: what is saturated behind a cache stays so for a while."""

BURSTS, CONSTANT, POISSON = "bursts", "constant", "poisson"


class Protocol(StrEnum):
    """How queries travel."""

    UDP = "udp"
    TCP_HELD = "tcp-held"  # over connections made beforehand, in a pipeline
    TCP_FRESH = "tcp-fresh"  # each over a connection of its own


@dataclass(frozen=True, slots=True)
class LoadStep:
    """How load is sent: one case of the latency checks at each destination.

    Attributes:
        protocol: How queries travel.
        pattern: BURSTS, CONSTANT or POISSON.
        rate: Queries per second from each node; 0 for bursts.
    """

    protocol: Protocol
    pattern: str
    rate: float = 0.0

    def __str__(self) -> str:
        return f"{self.protocol}-{self.pattern}" + (f"-{self.rate:g}" if self.rate else "")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where load goes.

    Attributes:
        name: One of DESTINATIONS.
        address: Of the server.
        what: It is, in words.
        cached: Whether a cache on the client's own node answers there.
        dnsmasq: Whether what arrives there by TCP is dnsmasq's to serve.
        tcp_into_dnsmasq: Whether the cache there asks dnsmasq by TCP.
        port: The server's.
    """

    name: str
    address: str
    what: str
    cached: bool = False
    dnsmasq: bool = False
    tcp_into_dnsmasq: bool = False
    port: int = DNS_PORT


@dataclass(frozen=True, slots=True)
class PodLoad:
    """What came of a plan in one pod.

    Attributes:
        node: Where the pod runs.
        samples: What became of every query.
        late: Answers after the deadline, as far as they were waited for.
        duplicates: Further answers to a query that has one.
        strays: Answers to nothing that was sent on their socket.
        failures: errno's name -> how often a socket failed with it; "EOF": a server ended a connection that
            owed answers.
        connections: How many TCP connections were begun.
        cpu_seconds: What the generator used.
    """

    node: str
    samples: Samples
    late: int
    duplicates: int
    strays: int
    failures: Mapping[str, int]
    connections: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of one plan that was carried out by several pods at the same time.

    Attributes:
        destination: Where it went.
        step: How it was sent.
        plan: In words.
        pods: What came of it in each; at least one.
        lag_limit_ms: How late (p99) the generator may have been, or the result says nothing of the server.
    """

    destination: Destination
    step: LoadStep
    plan: str
    pods: Sequence[PodLoad]
    lag_limit_ms: float

    @property
    def samples(self) -> list[Samples]:
        """Every pod's."""
        return [pod.samples for pod in self.pods]

    @property
    def sent(self) -> int:
        """How many queries the plans held."""
        return sum(len(samples) for samples in self.samples)

    @property
    def lost(self) -> int:
        """How many of them had no answer by their deadline."""
        return sum(samples.lost for samples in self.samples)

    @property
    def rcodes(self) -> Counter[int]:
        """The answered ones by rcode."""
        return sum((samples.rcode_counts() for samples in self.samples), Counter())

    @property
    def refused(self) -> int:
        """How many were answered by an error, such as SERVFAIL."""
        return errors(self.rcodes)

    @property
    def socket_failures(self) -> Counter[str]:
        """What sockets failed with -> how often."""
        return sum((Counter(pod.failures) for pod in self.pods), Counter())

    def latency(self) -> Histogram:
        """Returns the times from intended to received, the deadline for lost queries."""
        return sum((samples.latency() for samples in self.samples), Histogram())

    def send_to_receive(self) -> Histogram:
        """Returns the times of the answered queries from sent to received."""
        return sum((samples.send_to_receive() for samples in self.samples), Histogram())

    def lag(self) -> Histogram:
        """Returns how late queries were sent."""
        return sum((samples.lag() for samples in self.samples), Histogram())


def upstream_service(topology: Topology) -> Service | None:
    """Returns the Service that node caches ask, ready or not; None where there is none."""
    upstreams = {cache.upstream for cache in topology.of_kind(LayerKind.NODE_LOCAL)}
    services = (service for service in topology.services if service.name in upstreams)
    return next((service for service in services if service.addresses), None)


def destinations(topology: Topology) -> dict[str, Destination | str]:
    """Returns every one of DESTINATIONS, or why the cluster does not have it."""
    caches = topology.of_kind(LayerKind.NODE_LOCAL)
    answered_by_cache = topology.node_local_addresses()
    into_dnsmasq = any(
        path.into_dnsmasq and path.layer.kind is LayerKind.NODE_LOCAL for path in tcp_paths(topology)
    )

    def at(name: str, address: str, what: str, service: Service | None = None) -> Destination:
        cached = address in answered_by_cache
        return Destination(
            name,
            address,
            what,
            cached=cached,
            dnsmasq=not cached and service is not None and _has_dnsmasq(topology, service),
            tcp_into_dnsmasq=cached and into_dnsmasq,
            port=topology.port_of(address),
        )

    upstream = upstream_service(topology)
    serving = [service for service in topology.services if service.addresses and service.ready]
    usual = sorted(
        (service for service in serving if service is not upstream),
        key=lambda service: not service.name.endswith("/kube-dns"),
    )
    reached: dict[str, Destination | str] = {
        DNS_POD: "no pod serves the cluster's DNS",
        UPSTREAM: "no node cache, and so no upstream Service of its own" if not caches else "it is not ready",
        KUBE_DNS: "no Service serves the cluster's DNS",
        NODE_LOCAL: "nothing answers DNS on an address of the node",
    }
    if usual:
        pod = min(usual[0].ready, key=lambda backend: backend.pod)
        reached[DNS_POD] = at(DNS_POD, pod.address, f"pod {pod.pod}", usual[0])
        reached[KUBE_DNS] = at(KUBE_DNS, usual[0].addresses[0], f"Service {usual[0].name}", usual[0])
    if upstream and upstream.ready:
        reached[UPSTREAM] = at(UPSTREAM, upstream.addresses[0], f"Service {upstream.name}", upstream)
    services = {address for service in topology.services for address in service.addresses}
    for layer in (*caches, *topology.of_kind(LayerKind.CLOUD_DNS, LayerKind.NODE_DNS)):
        own = [fact.value for fact in layer.addresses if fact.value not in services]
        if own:
            reached[NODE_LOCAL] = at(NODE_LOCAL, own[0], f"{layer.kind} on each node")
            break
    return reached


def _has_dnsmasq(topology: Topology, service: Service) -> bool:
    layers = (topology.layer(backend.layer) for backend in service.ready)
    return any(layer is not None and layer.kind is LayerKind.KUBE_DNS for layer in layers)
