"""Checks with a case that is skipped on a topology, with nothing broken: what is not there is not judged."""

_EVERYWHERE = {
    "metrics.cardinality",  # no sidecar
    "metrics.scraped",  # no Prometheus
    "records.stub-domains",
    "saturation.cpu-limit",
    "topology.spread",  # one zone
}
_NO_CACHE_POD = {"saturation.connection-churn", "saturation.health-checks", "saturation.node-timeouts"}
_NO_CACHE = _NO_CACHE_POD | {"topology.nodelocal-coverage"}
_NO_DNSMASQ = {
    "saturation.listen-overflow",
    "saturation.listen-queue",
    "saturation.tcp-workers",
    "topology.autoscaler",
}
_NO_DNS_POD = {"latency.dns-pods", "metrics.exposed", "metrics.selectors"}
_NO_COREDNS = {"metrics.truth"}
NO_FOREIGN_SUFFIX = {"resolver.wildcard"}
_BY_TOPOLOGY = {
    "aks-localdns-like": _NO_CACHE_POD | _NO_DNSMASQ,
    "coredns": _NO_CACHE | _NO_DNSMASQ | NO_FOREIGN_SUFFIX,
    "coredns-nodelocal": _NO_DNSMASQ | NO_FOREIGN_SUFFIX,
    "gardener-like": _NO_DNSMASQ | NO_FOREIGN_SUFFIX,
    "gke-1.36-like": _NO_DNSMASQ,
    "gke-clouddns": _NO_CACHE | _NO_DNSMASQ | _NO_DNS_POD | _NO_COREDNS,
    "gke-kubedns": _NO_CACHE | _NO_COREDNS,
    "gke-kubedns-nodelocal": set[str](),
    "lrp-like": _NO_DNSMASQ | NO_FOREIGN_SUFFIX,
    "openshift-like": _NO_CACHE | _NO_DNSMASQ | NO_FOREIGN_SUFFIX,
}


def skipped_on(topology: str) -> set[str]:
    """Return the ids of the checks of the core profile that have a skipped case on a topology."""
    return _EVERYWHERE | _BY_TOPOLOGY[topology]
