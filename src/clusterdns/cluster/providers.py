"""Who runs a cluster, and what that implies for its DNS."""

import re
from collections.abc import Iterable, Iterator, Mapping

from clusterdns.model.topology import METADATA_ADDRESS, Fact, Layer, LayerKind, Provider

_GKE_LABEL = "cloud.google.com/gke-nodepool"
_GKE_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)-gke\.(\d+)")
_NODELOCAL_BY_DEFAULT = (1, 34, 1, 3720000)
_COREDNS_BASED = (1, 36, 0, 0)
_GKE_DOCUMENTATION = "cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache, …/kube-dns"


def provider(labels: Iterable[Mapping[str, str]], version: str) -> Provider:
    """Return who runs the cluster.

    Args:
        labels: Of every node.
        version: The API server's.
    """
    if not any(_GKE_LABEL in of_node for of_node in labels):
        return Provider()
    found = _GKE_VERSION.fullmatch(version)
    release = tuple(int(part) for part in found.groups()) if found else None
    return Provider("GKE", search_suffixes=3, upstream=METADATA_ADDRESS, notes=tuple(_gke_notes(release)))


def _gke_notes(release: tuple[int, ...] | None) -> Iterator[str]:
    if release is None:
        yield f"GKE's version is not known: see which DNS an upgrade brings ({_GKE_DOCUMENTATION})"
    elif release < _NODELOCAL_BY_DEFAULT:
        yield (
            "an upgrade to 1.34.1-gke.3720000 or later turns NodeLocal DNSCache on in new clusters; "
            f"kube-dns stays dnsmasq-based until 1.36 ({_GKE_DOCUMENTATION})"
        )
    elif release < _COREDNS_BASED:
        yield (
            "NodeLocal DNSCache is on by default while kube-dns is dnsmasq-based; "
            f"1.36 brings one based on CoreDNS ({_GKE_DOCUMENTATION})"
        )


def cloud_dns() -> Layer:
    """Return Cloud DNS for GKE: it answers on the metadata address and runs no pod that a user sees."""
    return Layer(
        kind=LayerKind.CLOUD_DNS,
        name="Cloud DNS",
        addresses=(Fact(METADATA_ADDRESS, "Google's documentation of Cloud DNS for GKE"),),
        version=Fact("unversioned", "a cloud service"),
        caches_denials=Fact(value=True, source="a resolver with a cache of its own"),
    )
