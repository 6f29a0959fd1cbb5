"""API objects, reduced while they are read to what a topology is made of: a large cluster has many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.programs import is_dns
from clusterdns.cluster.workload import MANAGED_BY
from clusterdns.model.labels import matches
from clusterdns.parallel import in_parallel

_SERVICE_NAME = "kubernetes.io/service-name"
_DNS_PORT = 53
_ZONE_LABEL = "topology.kubernetes.io/zone"
_SUFFIX = {"k": 1e3, "M": 1e6, "m": 1e-3}


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        name: Of the node.
        labels: Of the node.
        zone: Its zone label, "" where it has none.
        cores: Its CPU capacity.
        schedulable: Whether it takes new pods.
        left_out: Why no DNS pod can run there; "" where one can.
    """

    name: str
    labels: Mapping[str, str]
    zone: str
    cores: float
    schedulable: bool
    left_out: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that serves DNS.

    Attributes:
        name: Of the pod.
        node: Its node's name, "" where it has none.
        address: Its IP address, "" where it has none.
        ready: Whether it is ready.
        labels: Of the pod.
        workload: What owns it, e.g. a Deployment's name.
        template: Tells pods of one specification from those of another.
    """

    name: str
    node: str
    address: str
    ready: bool
    labels: Mapping[str, str]
    workload: str
    template: str


@dataclass(slots=True)
class Namespace:
    """The objects of a namespace that serve DNS.

    Attributes:
        name: Of the namespace.
        pods: Every DNS pod.
        specs: Workload and template -> the pods' specification.
        templates: Deployment or DaemonSet -> its template.
        services: With a port 53.
        slices: Service -> its EndpointSlices.
        configmaps: By name.
        budgets: PodDisruptionBudgets.
    """

    name: str
    pods: list[Pod] = field(default_factory=list)
    specs: dict[tuple[str, str], Object] = field(default_factory=dict)
    templates: dict[str, Object] = field(default_factory=dict)
    services: list[Object] = field(default_factory=list)
    slices: dict[str, list[Object]] = field(default_factory=dict)
    configmaps: dict[str, Object] = field(default_factory=dict)
    budgets: list[Object] = field(default_factory=list)


def read_nodes(cluster: Cluster) -> list[Node]:
    """Return every node."""
    return [_node(node) for node in cluster.list("nodes")]


def read_namespace(  # noqa: C901 - one little function for each kind of object
    cluster: Cluster, name: str
) -> Namespace:
    """Return what serves DNS in a namespace."""
    found = Namespace(name)
    read = partial(cluster.list, namespace=name)

    def pods() -> None:
        for one in filter(serves_dns, read("pods")):
            if "deletionTimestamp" in one["metadata"]:
                continue  # it ends; a Service sends it nothing
            pod = _pod(one)
            found.pods.append(pod)
            found.specs.setdefault((pod.workload, pod.template), one["spec"])

    def workloads() -> None:
        for resource in ("deployments", "daemonsets"):
            for one in read(resource, api="apps/v1"):
                if serves_dns(one["spec"]["template"]):
                    found.templates[one["metadata"]["name"]] = one["spec"]["template"]

    def services() -> None:
        found.services += [one for one in read("services") if _takes_queries(one["spec"].get("ports"))]

    def slices() -> None:
        for one in read("endpointslices", api="discovery.k8s.io/v1"):
            service = one["metadata"].get("labels", {}).get(_SERVICE_NAME)
            if service:
                found.slices.setdefault(service, []).append(one)

    def configmaps() -> None:
        found.configmaps |= {one["metadata"]["name"]: one for one in read("configmaps")}

    def budgets() -> None:
        found.budgets += read("poddisruptionbudgets", api="policy/v1")

    in_parallel(lambda job: job(), (pods, workloads, services, slices, configmaps, budgets))
    return found


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether a Service's selector matches labels; an empty one matches nothing."""
    return bool(selector) and selector.items() <= labels.items()


def covers(budget: Object, labels: Mapping[str, str]) -> bool:
    """Return whether a PodDisruptionBudget's selector matches labels."""
    return matches(budget["spec"].get("selector") or {}, labels)


def _takes_queries(ports: Iterable[Object] | None) -> bool:
    return any(port.get("port") == _DNS_PORT for port in ports or ())


def serves_dns(pod: Object) -> bool:
    """Return whether a pod or a template serves DNS; what a run of ours made does not count."""
    labels = pod.get("metadata", {}).get("labels") or {}
    return is_dns(pod["spec"]) and not MANAGED_BY.items() <= labels.items()


def _node(node: Object) -> Node:
    labels = node["metadata"].get("labels", {})
    system = labels.get("kubernetes.io/os", "linux")
    left_out = ""
    if system != "linux":
        left_out = f"runs {system}"
    elif virtual(labels):
        left_out = "is virtual: it has no kubelet of its own"
    return Node(
        node["metadata"]["name"],
        labels,
        labels.get(_ZONE_LABEL, ""),
        _quantity(str(node.get("status", {}).get("capacity", {}).get("cpu", "0"))),
        not node["spec"].get("unschedulable", False),
        left_out,
    )


def virtual(labels: Mapping[str, str]) -> bool:
    """Return whether a node's labels say that no kubelet of its own runs it, e.g. Azure's virtual nodes."""
    return "virtual-kubelet" in (labels.get("type"), labels.get("kubernetes.io/role"))


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready, as the API tells it."""
    conditions: Iterable[Object] = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _pod(pod: Object) -> Pod:
    metadata, status = pod["metadata"], pod.get("status", {})
    labels = metadata.get("labels") or {}
    owner = (metadata.get("ownerReferences") or [{"name": metadata["name"]}])[0]["name"]
    template = labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""
    return Pod(
        name=metadata["name"],
        node=pod["spec"].get("nodeName", ""),
        address=status.get("podIP", ""),
        ready=is_ready(pod),
        labels=labels,
        workload=owner.removesuffix(f"-{template}"),
        template=template,
    )


def _quantity(text: str) -> float:
    """Return a Kubernetes quantity of CPU, e.g. "4" or "3920m"."""
    return float(text[:-1]) * _SUFFIX[text[-1]] if text[-1:] in _SUFFIX else float(text)
