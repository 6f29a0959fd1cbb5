"""The pods whose resolv.conf is looked at on every node, and what was seen in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from clusterdns.model.pod_dns import ClusterDNS, DNSConfig, DNSPolicy, pod_resolv_conf
from clusterdns.model.resolver import ResolvConf


class Privilege(StrEnum):
    """What a probe pod needs beyond what Pod Security "restricted" allows."""

    NONE = "none"
    CAPTURE = "NET_RAW"
    HOST_NETWORK = "hostNetwork"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to configure a pod's DNS.

    Attributes:
        policy: dnsPolicy.
        host_network: Whether it shares the node's network.
        dns_config: dnsConfig, as submitted.
        capture: Whether its packets are looked at, so that it makes the lookups.
    """

    policy: DNSPolicy
    host_network: bool = False
    dns_config: DNSConfig | None = None
    capture: bool = False

    @property
    def privilege(self) -> Privilege:
        """What it needs."""
        if self.host_network:
            return Privilege.HOST_NETWORK
        return Privilege.CAPTURE if self.capture else Privilege.NONE


CLUSTER_FIRST = "cluster-first"
DEFAULT = "default"
NDOTS_ONE = "ndots-one"
HOST_NETWORK = "host-network"

# Addresses and names are of the ranges for documentation (RFC 5737, RFC 2606): none is ever asked.
VARIANTS: dict[str, Variant] = {
    CLUSTER_FIRST: Variant(DNSPolicy.CLUSTER_FIRST, capture=True),
    NDOTS_ONE: Variant(
        DNSPolicy.CLUSTER_FIRST, dns_config=DNSConfig(options=(("ndots", "1"),)), capture=True
    ),
    DEFAULT: Variant(DNSPolicy.DEFAULT),
    "none": Variant(
        DNSPolicy.NONE,
        dns_config=DNSConfig(("192.0.2.53",), ("a.example", "b.example"), (("ndots", "3"), ("edns0", None))),
    ),
    "merged": Variant(
        DNSPolicy.CLUSTER_FIRST,
        dns_config=DNSConfig(("192.0.2.53",), ("a.example",), (("timeout", "3"), ("edns0", None))),
    ),
    HOST_NETWORK: Variant(DNSPolicy.CLUSTER_FIRST_WITH_HOST_NET, host_network=True),
    "host-network-cluster-first": Variant(DNSPolicy.CLUSTER_FIRST, host_network=True),
}


@dataclass(frozen=True, slots=True)
class NodeView:
    """What pods on one node were given.

    Attributes:
        node: Its name.
        zone_label: Its topology.kubernetes.io/zone, "" where it has none.
        namespaces: Variant -> the pod's namespace.
        seen: Variant -> its resolv.conf.
    """

    node: str
    zone_label: str
    namespaces: Mapping[str, str]
    seen: Mapping[str, ResolvConf]

    def required(self, variant: str, zone: str, nameservers: tuple[str, ...]) -> ResolvConf:
        """Return the resolv.conf that the variant is documented to get on this node.

        The node's own part is what its pod of policy Default sees, never what the pod in question sees.

        Args:
            variant: A key of VARIANTS.
            zone: The cluster domain.
            nameservers: What ClusterFirst pods are to ask.
        """
        spec = VARIANTS[variant]
        cluster = ClusterDNS(zone=zone, namespace=self.namespaces[variant], nameservers=nameservers)
        return pod_resolv_conf(
            spec.policy,
            host_network=spec.host_network,
            dns_config=spec.dns_config,
            cluster=cluster,
            host=self.seen[DEFAULT],
        )
