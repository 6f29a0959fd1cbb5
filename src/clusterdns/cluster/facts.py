"""API objects -> the cluster's DNS topology. Reads only: nodes, and objects of kube-system."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.model.topology import (
    DEFAULT_ZONE,
    METADATA_ADDRESS,
    Fact,
    Layer,
    LayerKind,
    Topology,
    dnsmasq_tcp_limit,
)

NAMESPACE = "kube-system"
_DNS_PORT = 53
_ZONE_LABEL = "topology.kubernetes.io/zone"
_GKE_LABEL = "cloud.google.com/gke-nodepool"
_VERSION = re.compile(r"(?:^|-|v)(\d+(?:\.\d+)+)")

# k8s-dns releases from which on they contain a dnsmasq version. Source: kubernetes/dns, release notes.
_DNSMASQ_IN_K8S_DNS = (((1, 23), (2, 90)), ((1, 22), (2, 88)))
_FIRST_DNSMASQ_TAG = (2,)  # a tag of 2.x is dnsmasq's own version


def read_topology(cluster: Cluster) -> Topology:
    """Return the DNS topology of a cluster.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: nodes, Services, pods or ConfigMaps may not be listed.
    """
    nodes = list(cluster.list("nodes"))
    services = list(cluster.list("services", namespace=NAMESPACE))
    pods = [pod for pod in cluster.list("pods", namespace=NAMESPACE) if _is_dns(pod)]
    corefiles = _corefiles(cluster.list("configmaps", namespace=NAMESPACE))
    layers = [_layer(group, services) for group in _grouped(pods)]
    on_gke = any(_GKE_LABEL in node["metadata"].get("labels", {}) for node in nodes)
    if on_gke and not any(layer.kind in (LayerKind.KUBE_DNS, LayerKind.COREDNS) for layer in layers):
        layers.append(_cloud_dns())
    first = {LayerKind.NODE_LOCAL: 0, LayerKind.CLOUD_DNS: 1}
    return Topology(
        zone=_zone(pods, corefiles),
        nodes={
            node["metadata"]["name"]: node["metadata"].get("labels", {}).get(_ZONE_LABEL, "")
            for node in nodes
        },
        layers=tuple(sorted(layers, key=lambda layer: (first.get(layer.kind, 2), layer.name))),
    )


def _is_dns(pod: Object) -> bool:
    return any(
        port.get("containerPort") == _DNS_PORT
        for container in _containers(pod)
        for port in container.get("ports", ())
    ) or bool(_argument_after(pod, "-localip"))


def _grouped(pods: Iterable[Object]) -> list[list[Object]]:
    """Return the pods by the workload that owns them; a ReplicaSet's name ends in its template's hash."""
    groups: dict[str, list[Object]] = {}
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences", ())
        owner = owners[0]["name"] if owners else pod["metadata"]["name"]
        suffix = pod["metadata"].get("labels", {}).get("pod-template-hash")
        groups.setdefault(owner.removesuffix(f"-{suffix}"), []).append(pod)
    return [groups[name] for name in sorted(groups)]


def _layer(pods: list[Object], services: list[Object]) -> Layer:
    pod = pods[0]
    names = {container["name"]: container for container in _containers(pod)}
    owner = (pod["metadata"].get("ownerReferences") or [{"name": pod["metadata"]["name"]}])[0]["name"]
    suffix = pod["metadata"].get("labels", {}).get("pod-template-hash")
    ready = [pod for pod in pods if _is_ready(pod)]
    addresses = _service_addresses(pod, services)
    limits: dict[str, Fact] = {}
    local = _argument_after(pod, "-localip")
    if local:
        kind, version = LayerKind.NODE_LOCAL, _image_version(next(iter(names.values())))
        addresses = [Fact(ip, f"argument -localip of {owner}") for ip in local.split(",")]
    elif "dnsmasq" in names:
        kind, version = LayerKind.KUBE_DNS, _image_version(names["dnsmasq"])
        arguments = tuple(names["dnsmasq"].get("args", ()))
        limits["TCP connections per replica"] = dnsmasq_tcp_limit(arguments, _dnsmasq_version(version))
    elif any("coredns" in container["image"] for container in names.values()):
        kind, version = LayerKind.COREDNS, _image_version(next(iter(names.values())))
    else:
        kind, version = LayerKind.UNKNOWN, Fact("unknown", "no known container", assumed=True)
    return Layer(
        kind=kind,
        name=f"{NAMESPACE}/{owner.removesuffix(f'-{suffix}')}",
        addresses=tuple(addresses),
        version=version,
        replicas=len(pods),
        ready=len(ready),
        nodes=tuple(sorted({pod["spec"].get("nodeName", "") for pod in ready})),
        limits=limits,
    )


def _cloud_dns() -> Layer:
    return Layer(
        kind=LayerKind.CLOUD_DNS,
        name="Cloud DNS",
        addresses=(Fact(METADATA_ADDRESS, "Google's documentation of Cloud DNS for GKE"),),
        version=Fact("unversioned", "a cloud service"),
    )


def _service_addresses(pod: Object, services: list[Object]) -> list[Fact]:
    """Return the addresses of the Services that send port 53 to a pod."""
    labels = pod["metadata"].get("labels", {})
    found = []
    for service in services:
        spec = service["spec"]
        selector = spec.get("selector") or {}
        serves = any(port["port"] == _DNS_PORT for port in spec.get("ports", ()))
        if serves and selector and selector.items() <= labels.items():
            addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
            found += [
                Fact(ip, f"Service {service['metadata']['name']}") for ip in addresses if ip and ip != "None"
            ]
    return found


def _image_version(container: Mapping[str, Any]) -> Fact:
    image = str(container["image"])
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    found = _VERSION.search(tag)
    source = f"image {image}"
    return Fact(found[1], source) if found else Fact("unknown", f"{source} has no version", assumed=True)


def _dnsmasq_version(tag: Fact) -> tuple[int, ...] | None:
    """Return dnsmasq's version where an image's tag is a k8s-dns release or dnsmasq's own version."""
    if tag.assumed:
        return None
    numbers = tuple(int(part) for part in tag.value.split("."))
    if numbers >= _FIRST_DNSMASQ_TAG:
        return numbers
    return next((dnsmasq for release, dnsmasq in _DNSMASQ_IN_K8S_DNS if numbers >= release), None)


def _zone(pods: Iterable[Object], corefiles: Mapping[str, str]) -> Fact:
    """Return the cluster domain: kubedns' argument, or the zone of CoreDNS' kubernetes plugin."""
    for pod in pods:
        for container in _containers(pod):
            for argument in container.get("args", ()):
                if argument.startswith("--domain="):
                    value = argument.removeprefix("--domain=").strip(".")
                    return Fact(value, f"argument --domain of {container['name']}")
    for name, text in corefiles.items():
        found = re.search(r"^\s*kubernetes\s+(\S+)", text, re.MULTILINE)
        if found:
            return Fact(found[1].strip("."), f"Corefile in ConfigMap {name}")
    return Fact(DEFAULT_ZONE, "Kubernetes' default", assumed=True)


def _corefiles(configmaps: Iterable[Object]) -> dict[str, str]:
    return {
        configmap["metadata"]["name"]: configmap["data"]["Corefile"]
        for configmap in configmaps
        if "Corefile" in (configmap.get("data") or {})
    }


def _argument_after(pod: Object, flag: str) -> str | None:
    """Return the value of a flag in the Go form `-flag value` or `-flag=value`."""
    for container in _containers(pod):
        arguments = [*container.get("command", ()), *container.get("args", ())]
        for index, argument in enumerate(arguments):
            if argument.lstrip("-") == flag.lstrip("-") and index + 1 < len(arguments):
                return str(arguments[index + 1])
            if argument.lstrip("-").startswith(f"{flag.lstrip('-')}="):
                return str(argument).partition("=")[2]
    return None


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _containers(pod: Object) -> list[dict[str, Any]]:
    return list(pod["spec"]["containers"])
