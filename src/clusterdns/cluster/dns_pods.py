"""The pods that serve a cluster's DNS, as running: what is watched, what is scraped.

`places` finds where they are; a run that has its topology passes on the namespaces and spares the look.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.inventory import serves_dns, workload_of
from clusterdns.cluster.objects import items, labels, mapping, name_of, number, part, text
from clusterdns.cluster.places import find_places
from clusterdns.cluster.programs import Surroundings, is_node_cache, program
from clusterdns.cluster.readiness import why_not_ready
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


def dnsmasq_pods(cluster: Cluster, namespaces: Iterable[str] | None = None) -> list[Object]:
    """Return the running pods that have dnsmasq in front.

    Args:
        cluster: Whose.
        namespaces: With DNS; found where they are not given.
    """
    return [
        pod
        for pod in _running(cluster, namespaces)
        if any(text(one, "name") == DNSMASQ for one in items(pod, "spec", "containers"))
    ]


def node_caches(cluster: Cluster, namespaces: Iterable[str] | None = None) -> list[Object]:
    """Return the running pods of NodeLocal DNSCache; `namespaces` as in `dnsmasq_pods`."""
    return [pod for pod in _running(cluster, namespaces) if is_node_cache(mapping(pod, "spec"))]


def dns_pods(cluster: Cluster, namespaces: Iterable[str] | None = None) -> list[DNSPod]:
    """Return every running DNS pod, and where its metrics are; `namespaces` as in `dnsmasq_pods`."""
    return [_dns_pod(pod) for pod in _running(cluster, namespaces) if serves_dns(pod)]


def cpu_limited_pods(cluster: Cluster, namespaces: Iterable[str]) -> dict[str, str]:
    """Return the running DNS pods with a container that has a CPU limit: "namespace/name" -> node."""
    return {
        f"{text(pod, 'metadata', 'namespace')}/{name_of(pod)}": text(pod, "spec", "nodeName")
        for pod in _running(cluster, namespaces)
        if serves_dns(pod)
        and any(
            part(container, "resources", "limits", "cpu") for container in items(pod, "spec", "containers")
        )
    }


def dns_namespaces(cluster: Cluster) -> tuple[str, ...]:
    """Return the namespaces with DNS, sorted."""
    return find_places(cluster, ()).namespaces


def _running(cluster: Cluster, namespaces: Iterable[str] | None) -> Iterator[Object]:
    """Yield pods that run and are to stay: one that is being deleted runs on for its grace period."""
    for namespace in dns_namespaces(cluster) if namespaces is None else namespaces:
        for pod in cluster.list("pods", namespace=namespace, fields="status.phase=Running"):
            if not part(pod, "metadata", "deletionTimestamp"):
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
    spec, of_pod = mapping(pod, "spec"), labels(pod, "metadata", "labels")
    owner = next(items(pod, "metadata", "ownerReferences"), {"kind": "Pod"})
    kind = "Deployment" if text(owner, "kind") == "ReplicaSet" else text(owner, "kind")
    ports = {
        text(port, "name"): number(port, "containerPort") or 0
        for container in items(spec, "containers")
        for port in items(container, "ports")
        if text(port, "name")
    }
    runs = program(spec, Surroundings())
    address = text(pod, "status", "podIP")
    local = runs.local_ips[0].value if runs.local_ips else address
    asks = {LayerKind.NODE_LOCAL: local, LayerKind.COREDNS: address}
    return DNSPod(
        namespace=text(pod, "metadata", "namespace"),
        name=name_of(pod),
        workload=f"{kind} {workload_of(pod)}",
        node=text(spec, "nodeName"),
        address=address,
        labels=of_pod,
        annotations=labels(pod, "metadata", "annotations"),
        ports=ports,
        metrics=tuple(_metrics(runs.kind, spec, ports)),
        asks=asks.get(runs.kind, ""),
        trouble=why_not_ready(pod),
    )


def _metrics(kind: LayerKind, spec: Object, ports: dict[str, int]) -> Iterator[MetricsPort]:
    """Yield where a pod of an implementation has its metrics: its port of that name, or the stock one."""
    if kind is LayerKind.NODE_LOCAL:
        own = ports.get(_METRICS, NODE_CACHE_PORT)
        yield MetricsPort(own, "node-cache", COREDNS_FAMILIES, repeated_at=NODE_CACHE_OWN_PORT)
    elif kind is LayerKind.COREDNS:
        yield MetricsPort(ports.get(_METRICS, COREDNS_PORT), "coredns", COREDNS_FAMILIES)
    elif kind is LayerKind.KUBE_DNS:
        containers = {text(container, "name") for container in items(spec, "containers")}
        if "sidecar" in containers:
            yield MetricsPort(SIDECAR_PORT, "sidecar", SIDECAR_FAMILIES)
        if "kubedns" in containers:
            yield MetricsPort(KUBEDNS_PORT, "kubedns", KUBEDNS_FAMILIES)
