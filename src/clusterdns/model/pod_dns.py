"""The resolv.conf that the kubelet writes for a pod.

Source: pkg/kubelet/network/dns/dns.go and the limits of pkg/apis/core/validation in Kubernetes 1.34.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clusterdns.model.resolver import MAX_NAME, ResolvConf

MAX_NAMESERVERS = 3
MAX_SEARCH_DOMAINS = 32
MAX_SEARCH_CHARACTERS = 2048
"""Of the whole search list, the spaces between its domains counted."""
CLUSTER_OPTIONS = (("ndots", "5"),)
"""Hard-coded in the kubelet for pods that use the cluster's DNS; the node's own options do not reach them."""


class DNSPolicy(StrEnum):
    """A pod's `dnsPolicy`."""

    CLUSTER_FIRST = "ClusterFirst"
    CLUSTER_FIRST_WITH_HOST_NET = "ClusterFirstWithHostNet"
    DEFAULT = "Default"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class DNSConfig:
    """A pod's `dnsConfig`, as submitted.

    Attributes:
        nameservers: Added after the policy's own.
        searches: Added after the policy's own.
        options: (name, value or None); they replace the policy's own of the same name.
    """

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterDNS:
    """What the kubelet knows of the cluster's DNS when it makes a pod.

    Attributes:
        zone: The cluster domain, such as "cluster.local".
        namespace: The pod's namespace.
        nameservers: The kubelet's `clusterDNS` addresses.
    """

    zone: str
    namespace: str
    nameservers: tuple[str, ...]


def cluster_search(namespace: str, zone: str, host_suffixes: Sequence[str]) -> tuple[str, ...]:
    """Lists the search domains of a pod that uses the cluster's DNS, before dnsConfig and limits.

    Source: `generateSearchesForDNSClusterFirst`; of equal domains the first stays (`omitDuplicates`, which
    compares them letter by letter).

    Args:
        namespace: The pod's namespace.
        zone: The cluster domain.
        host_suffixes: The node's search list.

    Returns:
        `<namespace>.svc.<zone>`, `svc.<zone>`, `<zone>`, then the node's.
    """
    return _unique((f"{namespace}.svc.{zone}", f"svc.{zone}", zone, *host_suffixes))


def pod_resolv_conf(
    policy: DNSPolicy,
    *,
    host_network: bool,
    dns_config: DNSConfig | None,
    cluster: ClusterDNS,
    host: ResolvConf,
) -> ResolvConf:
    """Builds the resolv.conf that the kubelet gives a pod (`GetPodDNS`).

    ClusterFirst on a pod in the host's network means Default. The limits (3 nameservers, 32 domains of at
    most 253 characters, 2,048 characters in all) cut from the end, silently but for an event.

    Args:
        policy: The pod's dnsPolicy.
        host_network: Whether the pod is in the node's network namespace.
        dns_config: The pod's dnsConfig.
        cluster: The cluster's DNS for this pod.
        host: What a pod with policy Default sees on the same node.

    Returns:
        The expected configuration.
    """
    if policy is DNSPolicy.NONE:
        base = ResolvConf()
    elif policy is DNSPolicy.DEFAULT or (policy is DNSPolicy.CLUSTER_FIRST and host_network):
        base = host
    else:
        search = cluster_search(cluster.namespace, cluster.zone, host.search)
        base = ResolvConf(cluster.nameservers, search, CLUSTER_OPTIONS)
    if dns_config is not None:
        base = ResolvConf(
            nameservers=_unique((*base.nameservers, *dns_config.nameservers)),
            search=_unique((*base.search, *dns_config.searches)),
            options=(*base.options, *((name, value or None) for name, value in dns_config.options)),
        )
    return ResolvConf(base.nameservers[:MAX_NAMESERVERS], _within_limits(base.search), base.options)


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _within_limits(search: Sequence[str]) -> tuple[str, ...]:
    kept = [domain for domain in search[:MAX_SEARCH_DOMAINS] if len(domain) <= MAX_NAME]
    while len(" ".join(kept)) > MAX_SEARCH_CHARACTERS:
        kept.pop()
    # The kubelet compares and measures dnsConfig's domains as submitted; `ResolvConf` is written without
    # final dots.
    return tuple(domain.removesuffix(".") or "." for domain in kept)
