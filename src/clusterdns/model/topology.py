"""What serves a cluster's DNS: its layers, with where each fact about them was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_ZONE = "cluster.local"
METADATA_ADDRESS = "169.254.169.254"
"""GKE's metadata server; it answers DNS too, and is what Cloud DNS for GKE gives to pods."""

DNSMASQ_TCP_LIMIT = 20
DNSMASQ_TCP_LIMIT_RAISED = 30
_RAISED_IN = (2, 93)


class LayerKind(StrEnum):
    """The implementations that are told apart."""

    KUBE_DNS = "kube-dns (dnsmasq)"
    COREDNS = "CoreDNS"
    NODE_LOCAL = "NodeLocal DNSCache"
    CLOUD_DNS = "Cloud DNS for GKE"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known of a cluster.

    Attributes:
        value: As text.
        source: Where it was read; for an assumption, why this is the safe side.
        assumed: Whether nothing in the cluster says so.
    """

    value: str
    source: str
    assumed: bool = False

    def __str__(self) -> str:
        return f"{self.value} ({'assumed: ' if self.assumed else ''}{self.source})"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a cluster's DNS.

    Attributes:
        kind: Which implementation.
        name: The workload, as "namespace/name", or the service's own name.
        addresses: Where it is asked, e.g. Service addresses.
        version: The implementation's.
        replicas: How many pods there are.
        ready: How many of them are ready.
        nodes: The nodes with a ready pod, sorted.
        limits: What bounds it, by name, e.g. "TCP connections per replica".
    """

    kind: LayerKind
    name: str
    addresses: tuple[Fact, ...]
    version: Fact
    replicas: int = 0
    ready: int = 0
    nodes: tuple[str, ...] = ()
    limits: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topology:
    """A cluster's DNS as it stands.

    Attributes:
        zone: The cluster domain.
        nodes: Every node and its zone label (topology.kubernetes.io/zone), "" where it has none.
        layers: Every layer found, those that pods ask first, first.
    """

    zone: Fact
    nodes: Mapping[str, str]
    layers: tuple[Layer, ...]

    def addresses(self) -> dict[str, str]:
        """Return every address that a pod may be given as its nameserver -> what it belongs to."""
        return {
            fact.value: f"{layer.kind}, {fact.source}" for layer in self.layers for fact in layer.addresses
        }


def dnsmasq_tcp_limit(arguments: tuple[str, ...], version: tuple[int, ...] | None) -> Fact:
    """Return how many TCP connections one dnsmasq serves at a time.

    Source: dnsmasq's src/config.h (MAX_PROCS: 20 through 2.92, 30 from 2.93) and its option
    --max-tcp-connections (2.90 and later).

    Args:
        arguments: dnsmasq's own.
        version: dnsmasq's, e.g. (2, 90); None when not known.
    """
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "--max-tcp-connections" and value.isdigit():
            return Fact(value, "argument --max-tcp-connections")
    if version is None:
        return Fact(str(DNSMASQ_TCP_LIMIT), "version not known, and no release has less", assumed=True)
    limit = DNSMASQ_TCP_LIMIT_RAISED if version >= _RAISED_IN else DNSMASQ_TCP_LIMIT
    return Fact(str(limit), f"compiled into dnsmasq {'.'.join(map(str, version))}")
