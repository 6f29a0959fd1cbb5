"""What the metrics ports of DNS pods answer, read through the API server."""

from collections.abc import Iterable

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.dns_pods import metrics_path
from clusterdns.cluster.sidecars import measure, sidecar_pods
from clusterdns.errors import ClusterError
from clusterdns.formats.exposition import ExpositionError, read
from clusterdns.model.scraping import DNSPod, MetricsPort, Reading, Sidecar
from clusterdns.parallel import in_parallel


def read_metrics(cluster: Cluster, pods: Iterable[DNSPod]) -> list[Reading]:
    """Read every metrics port of DNS pods.

    Raises:
        PermissionMissing: pods/proxy may not be read.
    """
    ports = [(pod, port) for pod in pods for port in pod.metrics]
    return in_parallel(lambda pod_and_port: read_port(cluster, *pod_and_port), ports)


def read_port(cluster: Cluster, pod: DNSPod, port: MetricsPort) -> Reading:
    """Read one metrics port; that it does not answer, or with no metrics, is something read, too.

    Raises:
        PermissionMissing: pods/proxy may not be read.
    """
    try:
        return Reading(pod, port, read(cluster.text(metrics_path(pod.namespace, pod.name, port.number))))
    except (ClusterError, ExpositionError) as error:
        return Reading(pod, port, None, str(error))


def read_sidecars(cluster: Cluster, selector: str, most: int, timeout: float) -> list[Sidecar]:
    """Count the series of some Envoy sidecars.

    Args:
        cluster: Theirs.
        selector: Label selector of pods that have one.
        most: How many of them are read.
        timeout: Seconds for each page.

    Raises:
        ClusterError: the selector is none, or a sidecar's metrics cannot be read.
        DeadlineExceeded: a page was not whole in time.
        PermissionMissing: pods/proxy may not be read.
    """
    pods = sidecar_pods(cluster, selector, most)
    return in_parallel(lambda pod: measure(cluster, pod, timeout), pods)
