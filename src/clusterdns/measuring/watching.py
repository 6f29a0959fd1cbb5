"""What can be watched of a cluster's DNS: dnsmasq from beside it, node caches by their metrics and logs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.debugging import attach
from clusterdns.cluster.dns_pods import DNSMASQ, dnsmasq_pods, log_lines, metrics_page, node_caches
from clusterdns.errors import AdmissionRefused, PermissionMissing
from clusterdns.model.topology import DNSMASQ_TCP_LIMIT, TCP_LIMIT, LayerKind, Topology
from clusterdns.parallel import in_parallel
from clusterdns.probing.pods import ProbePod


@dataclass(frozen=True, slots=True)
class WatchedServers:
    """The pods with dnsmasq that can be watched.

    Attributes:
        containers: Pod -> the debug container in it.
        refused: Why dnsmasq cannot be watched; None where it can.
    """

    containers: Mapping[ProbePod, str]
    refused: str | None

    def tcp_limits(self, topology: Topology) -> dict[str, int]:
        """Return pod ("namespace/name") -> how many TCP connections its dnsmasq serves at least."""
        limits = [
            layer.limits[TCP_LIMIT].value
            for layer in topology.of_kind(LayerKind.KUBE_DNS)
            if TCP_LIMIT in layer.limits
        ]
        least = min(limits, default=DNSMASQ_TCP_LIMIT)
        return {f"{pod.namespace}/{pod.name}": least for pod in self.containers}


def watch_servers(
    cluster: Cluster, namespaces: Iterable[str], image: str, timeout: float, *, allowed: bool
) -> WatchedServers:
    """Start a debug container in every pod with dnsmasq, where that is allowed.

    Args:
        cluster: Whose DNS it is.
        namespaces: With DNS.
        image: Of the debug containers.
        timeout: Seconds for one to run.
        allowed: Whether they may be started; they stay in the pods.

    Raises:
        ClusterError: one cannot run.
        DeadlineExceeded: one did not run in time.
    """
    pods = dnsmasq_pods(cluster, namespaces)
    if not pods:
        return WatchedServers({}, "no dnsmasq in this cluster's DNS")
    if not allowed:
        return WatchedServers(
            {}, "debug containers stay in DNS pods: --allow-debug-containers lets them be made here"
        )
    return watch_pods(cluster, pods, image, timeout)


def watch_pods(cluster: Cluster, pods: Sequence[Object], image: str, timeout: float) -> WatchedServers:
    """Start a debug container beside dnsmasq in each of some pods, as `watch_servers`."""
    try:
        containers = in_parallel(lambda pod: attach(cluster, pod, DNSMASQ, image, timeout), pods)
    except (PermissionMissing, AdmissionRefused) as error:
        return WatchedServers({}, str(error))
    return WatchedServers(dict(zip(map(ProbePod.of, pods), containers, strict=True)), None)


@dataclass(frozen=True, slots=True)
class ReadableCaches:
    """The node-cache pods whose metrics can be read.

    Attributes:
        pods: As read from the API.
        refused: Why there are none; None where there are.
        unlogged: Why their logs cannot be read; None where they can.
    """

    pods: Sequence[Object]
    refused: str | None
    unlogged: str | None = None


def readable_caches(cluster: Cluster, namespaces: Iterable[str]) -> ReadableCaches:
    """Return the node-cache pods, where their metrics may be read, and whether their logs may."""
    pods = node_caches(cluster, namespaces)
    if not pods:
        return ReadableCaches((), "no NodeLocal DNSCache in this cluster")
    try:
        metrics_page(cluster, pods[0])
    except PermissionMissing as error:
        return ReadableCaches((), str(error))
    try:
        log_lines(cluster, pods[0], datetime.now(UTC))
    except PermissionMissing as error:
        return ReadableCaches(pods, None, str(error))
    return ReadableCaches(pods, None)
