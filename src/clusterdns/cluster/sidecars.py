"""Pods with an Envoy beside their program, as a mesh's injector makes them, and the size of their metrics."""

from itertools import islice

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.dns_pods import metrics_path
from clusterdns.errors import ClusterError
from clusterdns.formats.exposition import count_series
from clusterdns.model.scraping import Sidecar

_PATH = "stats/prometheus"
_PORT_ANNOTATION = "prometheus.io/port"
# pilot-agent's merged page; Envoy's own listener for it; Envoy's admin port, where it is not on loopback.
# Source: istio.io/docs/ops/deployment/application-requirements.
_PORTS = (15020, 15090, 15000)
_LARGEST = 3
_LOOKED_THROUGH = 500  # pods: one page


def sidecar_pods(cluster: Cluster, selector: str, most: int) -> list[Object]:
    """Return running pods with a sidecar: a few, of as many workloads as there are among the first.

    Raises:
        ClusterError: the selector is none.
    """
    listed = cluster.list("pods", labels=selector, fields="status.phase=Running")
    by_workload: dict[tuple[str, str], list[Object]] = {}
    for pod in islice(listed, _LOOKED_THROUGH):
        metadata = pod["metadata"]
        owner = (metadata.get("ownerReferences") or [metadata])[0]["name"]
        by_workload.setdefault((metadata["namespace"], owner), []).append(pod)
    first = [pods[0] for pods in by_workload.values()]
    others = [pod for pods in by_workload.values() for pod in pods[1:]]
    return [*first, *others][:most]


def measure(cluster: Cluster, pod: Object, seconds: float) -> Sidecar:
    """Return how many series a sidecar's page has.

    Raises:
        ClusterError: no port that a sidecar has them on answers.
        DeadlineExceeded: the page was not whole within `seconds`.
        PermissionMissing: pods/proxy may not be read.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    said = (pod["metadata"].get("annotations") or {}).get(_PORT_ANNOTATION, "")
    wanted = dict.fromkeys([*([int(said)] if said.isdecimal() else []), *_PORTS])
    refusals = []
    for port in wanted:
        path = metrics_path(namespace, name, port, _PATH)
        try:
            counts = count_series(
                cluster.chunks(path, seconds=seconds, what=f"port {port} of {namespace}/{name}")
            )
        except ClusterError as error:
            refusals.append(f"{port}: {error}")
        else:
            largest = tuple(counts.most_common(_LARGEST))
            return Sidecar(f"{namespace}/{name}", port, counts.total(), largest)
    raise ClusterError(f"no metrics of the sidecar in {namespace}/{name}: {refusals[0]}")
