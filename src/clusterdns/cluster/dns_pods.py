"""The pods that serve a cluster's DNS, as running: what is watched, what is scraped."""

from collections.abc import Iterator
from datetime import datetime

from clusterdns.cluster.api import NAMESPACE, Cluster, Object
from clusterdns.cluster.inventory import serves_dns
from clusterdns.cluster.programs import Surroundings, program
from clusterdns.model.scraping import (
    COREDNS_FAMILIES,
    COREDNS_PORT,
    KUBEDNS_FAMILIES,
    KUBEDNS_PORT,
    NODE_CACHE_OWN_PORT,
    NODE_CACHE_PORT,
    SIDECAR_FAMILIES,
    SIDECAR_PORT,
    DNSPod,
    MetricsPort,
)
from clusterdns.model.topology import LayerKind

DNSMASQ = "dnsmasq"
"""The container's name in kube-dns' pods, and the process' name."""

_METRICS = "metrics"  # what the deployments of CoreDNS and node-cache call the container's port


def dnsmasq_pods(cluster: Cluster) -> list[Object]:
    """Return the running pods that have dnsmasq in front."""
    return [
        pod for pod in _running(cluster) if any(one["name"] == DNSMASQ for one in pod["spec"]["containers"])
    ]


def node_caches(cluster: Cluster) -> list[Object]:
    """Return the running pods of NodeLocal DNSCache."""
    return list(_running(cluster, labels="k8s-app=node-local-dns"))


def dns_pods(cluster: Cluster) -> list[DNSPod]:
    """Return every running DNS pod, and where its metrics are."""
    return [_dns_pod(pod) for pod in _running(cluster) if serves_dns(pod)]


def _running(cluster: Cluster, labels: str | None = None) -> Iterator[Object]:
    """Yield pods that run and are to stay: one that is being deleted runs on for its grace period."""
    for pod in cluster.list("pods", namespace=NAMESPACE, labels=labels, fields="status.phase=Running"):
        if "deletionTimestamp" not in pod["metadata"]:
            yield pod


def metrics_page(cluster: Cluster, pod: Object, port: int = NODE_CACHE_PORT) -> str:
    """Return a pod's metrics, read through the API server.

    Raises:
        PermissionMissing: pods/proxy may not be read.
        ClusterError: the pod does not answer.
    """
    metadata = pod["metadata"]
    return cluster.text(metrics_path(metadata["namespace"], metadata["name"], port))


def metrics_path(namespace: str, pod: str, port: int, path: str = "metrics") -> str:
    """Return the API path of a pod's metrics."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy/{path}"


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


def _dns_pod(pod: Object) -> DNSPod:
    metadata, spec = pod["metadata"], pod["spec"]
    labels = metadata.get("labels") or {}
    owner = (metadata.get("ownerReferences") or [{"kind": "Pod", "name": metadata["name"]}])[0]
    deployed = owner["name"].removesuffix(f"-{labels.get('pod-template-hash')}")
    kind = "Deployment" if owner["kind"] == "ReplicaSet" else owner["kind"]
    ports = {
        port["name"]: port["containerPort"]
        for container in spec["containers"]
        for port in container.get("ports") or ()
        if "name" in port
    }
    runs = program(spec, Surroundings({}, {}))
    address = pod["status"]["podIP"]
    asks = {LayerKind.NODE_LOCAL: (*runs.local_ips, "")[0], LayerKind.COREDNS: address}
    return DNSPod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        workload=f"{kind} {deployed}",
        node=spec["nodeName"],
        address=address,
        labels=labels,
        annotations=metadata.get("annotations") or {},
        ports=ports,
        metrics=tuple(_metrics(runs.kind, spec, ports)),
        asks=asks.get(runs.kind, ""),
    )


def _metrics(kind: LayerKind, spec: Object, ports: dict[str, int]) -> Iterator[MetricsPort]:
    """Yield where a pod of an implementation has its metrics: its port of that name, or the stock one."""
    if kind is LayerKind.NODE_LOCAL:
        own = ports.get(_METRICS, NODE_CACHE_PORT)
        yield MetricsPort(own, "node-cache", COREDNS_FAMILIES, repeated_at=NODE_CACHE_OWN_PORT)
    elif kind is LayerKind.COREDNS:
        yield MetricsPort(ports.get(_METRICS, COREDNS_PORT), "coredns", COREDNS_FAMILIES)
    elif kind is LayerKind.KUBE_DNS:
        containers = {container["name"] for container in spec["containers"]}
        if "sidecar" in containers:
            yield MetricsPort(SIDECAR_PORT, "sidecar", SIDECAR_FAMILIES)
        if "kubedns" in containers:
            yield MetricsPort(KUBEDNS_PORT, "kubedns", KUBEDNS_FAMILIES)
