"""The DNS pods of a cluster that can be watched: kube-dns' with dnsmasq in them, and node caches."""

from collections.abc import Iterator
from datetime import datetime

from clusterdns.cluster.api import NAMESPACE, Cluster, Object

DNSMASQ = "dnsmasq"
"""The container's name in kube-dns' pods, and the process' name."""

_METRICS_PORT = 9253  # node-cache's; 9353 repeats its series


def dnsmasq_pods(cluster: Cluster) -> list[Object]:
    """Return the running pods that have dnsmasq in front."""
    return [
        pod for pod in _running(cluster) if any(one["name"] == DNSMASQ for one in pod["spec"]["containers"])
    ]


def node_caches(cluster: Cluster) -> list[Object]:
    """Return the running pods of NodeLocal DNSCache."""
    return list(_running(cluster, labels="k8s-app=node-local-dns"))


def _running(cluster: Cluster, labels: str | None = None) -> Iterator[Object]:
    """Yield pods that run and are to stay: one that is being deleted runs on for its grace period."""
    for pod in cluster.list("pods", namespace=NAMESPACE, labels=labels, fields="status.phase=Running"):
        if "deletionTimestamp" not in pod["metadata"]:
            yield pod


def metrics_page(cluster: Cluster, pod: Object) -> str:
    """Return a node cache's metrics, read through the API server.

    Raises:
        PermissionMissing: pods/proxy may not be read.
        ClusterError: the pod does not answer.
    """
    metadata = pod["metadata"]
    return cluster.text(
        f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:{_METRICS_PORT}/proxy/metrics"
    )


def log_lines(cluster: Cluster, pod: Object, since: datetime) -> list[str]:
    """Return the lines that a pod's first container has logged since then.

    Raises:
        PermissionMissing: pods/log may not be read.
    """
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]["name"]
    return log_text(cluster, metadata["namespace"], metadata["name"], container, since).splitlines()


def log_text(cluster: Cluster, namespace: str, pod: str, container: str, since: datetime) -> str:
    """Return what a container has logged since then, to the second.

    Raises:
        PermissionMissing: pods/log may not be read.
    """
    since_time = since.isoformat(timespec="seconds").replace("+00:00", "Z")
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    return cluster.text(path, {"container": container, "sinceTime": since_time})
