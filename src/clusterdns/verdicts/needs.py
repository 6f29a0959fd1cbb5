"""What checks need of a cluster or of the probe image: without it they are skipped, with the reason."""

from clusterdns.check import Need
from clusterdns.measuring.run import Run
from clusterdns.model.pods import Privilege
from clusterdns.model.resolver import Libc
from clusterdns.model.topology import LayerKind

CAPTURE = Need("capture", lambda run: run.probes.refused.get(Privilege.CAPTURE))
"""Pods that capture packets."""

HOST_NETWORK = Need("host-network", lambda run: run.probes.refused.get(Privilege.HOST_NETWORK))
"""Pods that share the node's network."""

MUSL = Need(
    "musl",
    lambda run: (
        None if Libc.MUSL in run.libcs else "the probe image holds no getaddrinfo-musl (images/probe has it)"
    ),
)

NODELOCAL = Need(
    "nodelocal",
    lambda run: (
        None
        if run.topology.of_kind(LayerKind.NODE_LOCAL)
        else f"no pod in {', '.join(run.topology.namespaces)} is a node cache"
    ),
)

NODE_CACHES = Need(
    "nodelocal",
    lambda run: (
        None
        if run.topology.of_kind(LayerKind.NODE_LOCAL, LayerKind.NODE_DNS)
        else f"no pod in {', '.join(run.topology.namespaces)} is a node cache, nor is a daemon known"
    ),
)
"""The same, or a daemon of the platform's in its place."""

AUTOSCALER = Need(
    "autoscaler",
    lambda run: None if run.topology.autoscaler else "no ConfigMap beside the DNS pods sets their replicas",
)


def _why_no_dns_pods(run: Run) -> str | None:
    pods = run.monitoring.pods
    if not pods:
        return "no pod of this cluster serves its DNS"
    if not any(pod.metrics for pod in pods):
        return "it is not known where the DNS pods of this cluster have their metrics"
    return None


DNS_PODS = Need("dns-pods", _why_no_dns_pods)
"""Pods of the cluster's DNS that have metrics."""

COUNTERS = Need(
    "counters",
    lambda run: (
        None
        if any(pod.asks for pod in run.monitoring.pods)
        else "neither CoreDNS nor a node cache: dnsmasq's counters leave out what comes by TCP"
    ),
)
"""DNS pods whose counters count every query."""

SIDECARS = Need(
    "sidecars",
    lambda run: None if run.sidecars else f"no running pod is labelled {run.settings.sidecar_selector}",
)
"""Pods with an Envoy sidecar."""

PROMETHEUS = Need(
    "prometheus",
    lambda run: (
        None
        if run.prometheus_servers
        else "no Service is labelled as a Prometheus': name yours with "
        "--prometheus-service or --prometheus-url"
    ),
)
"""A Prometheus to ask."""

DNSMASQ = Need("dnsmasq", lambda run: run.watched_servers.refused)
"""Pods with dnsmasq that can be watched."""

NODE_CACHE = Need("node-cache", lambda run: run.readable_caches.refused)
"""NodeLocal DNSCache whose metrics may be read."""

NODE_CACHE_LOGS = Need("node-cache-logs", lambda run: run.readable_caches.unlogged)
"""NodeLocal DNSCache whose logs may be read, too."""

KUBE_DNS_DEPLOYMENT = Need(
    "kube-dns-deployment",
    lambda run: (
        None if run.kube_dns else f"no Deployment in {', '.join(run.topology.namespaces)} has dnsmasq in it"
    ),
)
"""A Deployment of kube-dns that can be copied; not to be confused with the destination kube-dns."""

DEBUG_COPY = Need("debug-copy", lambda run: run.debug_deployment.refused)
"""The copy of kube-dns that logs queries."""

WATCHED_COPY = Need("watched-copy", lambda run: run.watched_copy.refused)
"""A debug container in that copy."""


def destination(name: str) -> Need:
    """Return the need of a place that load can be sent to, one of `model.load.DESTINATIONS`."""

    def why_absent(run: Run) -> str | None:
        there = run.destinations[name]
        return there if isinstance(there, str) else None

    return Need(name, why_absent)
