"""API objects, reduced while they are read to what a topology is made of: a large cluster has many."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.objects import items, labels, mapping, name_of, number, part, text
from clusterdns.cluster.platforms import NO_DAEMONSETS, marked
from clusterdns.cluster.programs import is_dns
from clusterdns.cluster.readiness import is_ready, why_not_ready
from clusterdns.cluster.transitions import Transitions
from clusterdns.cluster.workload import MANAGED_BY
from clusterdns.model.labels import matches
from clusterdns.model.topology import DNS_PORT
from clusterdns.parallel import in_parallel

_SERVICE_NAME = "kubernetes.io/service-name"
_ZONE_LABEL = "topology.kubernetes.io/zone"
_SUFFIXES = {"k": 1e3, "M": 1e6, "G": 1e9, "m": 1e-3, "u": 1e-6, "n": 1e-9, "Ki": 1024.0, "Mi": 1024.0**2}
_SINGLE_PODS = 20  # behind a Service without a selector, read one by one


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        name: Of the node.
        labels: Of the node.
        zone: Its zone label, "" where it has none.
        cores: Its CPU capacity.
        schedulable: Whether it takes new pods.
        left_out: Why no pod of a DaemonSet can run there; "" where one can.
        provider_id: What a cloud calls it.
        system: Its operating system's name.
    """

    name: str
    labels: Mapping[str, str]
    zone: str
    cores: float
    schedulable: bool
    left_out: str
    provider_id: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that serves DNS.

    Attributes:
        name: Of the pod.
        node: Its node's name, "" where it has none.
        address: Its IP address, "" where it has none.
        ready: Whether it is ready.
        trouble: Why it is not, as far as its status tells; "" where it is ready.
        labels: Of the pod.
        workload: What owns it, e.g. a Deployment's name.
        template: Tells pods of one specification from those of another.
    """

    name: str
    node: str
    address: str
    ready: bool
    trouble: str
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
        services: Those that lead to DNS.
        all_services: Every Service: pods get their variables.
        slices: Service -> its EndpointSlices.
        configmaps: By name.
        budgets: PodDisruptionBudgets.
        changing: What is being replaced just now, in words (`transitions`).
    """

    name: str
    pods: list[Pod] = field(default_factory=list)
    specs: dict[tuple[str, str], Object] = field(default_factory=dict)
    templates: dict[str, Object] = field(default_factory=dict)
    services: list[Object] = field(default_factory=list)
    all_services: list[Object] = field(default_factory=list)
    slices: dict[str, list[Object]] = field(default_factory=dict)
    configmaps: dict[str, Object] = field(default_factory=dict)
    budgets: list[Object] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)


def read_nodes(cluster: Cluster) -> list[Node]:
    """Return every node."""
    return [_node(node) for node in cluster.list("nodes")]


def read_configmaps(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """Return the ConfigMaps of a namespace by name."""
    return {name_of(one): one for one in cluster.list("configmaps", namespace=namespace)}


def read_namespace(  # noqa: C901 - a little function for each kind of object
    cluster: Cluster,
    name: str,
    services: Sequence[Object],
    daemonsets: Iterable[Object],
    configmaps: Mapping[str, Object] | None = None,
) -> Namespace:
    """Return what serves DNS in a namespace: what its Services select, and what its workloads run.

    Args:
        cluster: Whose.
        name: Of the namespace.
        services: All of it, those that lead to DNS told by `takes_queries`.
        daemonsets: Those of it that run a DNS server.
        configmaps: Of it, where they were read before.
    """
    found = Namespace(name, all_services=list(services), configmaps=dict(configmaps or {}))
    found.services = [service for service in services if takes_queries(service)]
    transitions = Transitions()
    selectors: list[Object] = [{"matchLabels": labels(one, "spec", "selector")} for one in found.services]
    for one in daemonsets:
        found.templates[name_of(one)] = mapping(one, "spec", "template")
        selectors.append(_selector(one))
        transitions.see_workload(one)

    def deployments() -> None:
        for one in cluster.list("deployments", api="apps/v1", namespace=name):
            template = mapping(one, "spec", "template")
            if serves_dns(template):
                found.templates[name_of(one)] = template
                selectors.append(_selector(one))
                transitions.see_workload(one)

    def slices() -> None:
        for one in cluster.list("endpointslices", api="discovery.k8s.io/v1", namespace=name, missing_ok=True):
            service = text(one, "metadata", "labels", _SERVICE_NAME)
            if service:
                found.slices.setdefault(service, []).append(one)

    def maps() -> None:
        if configmaps is None:
            found.configmaps |= read_configmaps(cluster, name)

    def budgets() -> None:
        found.budgets += cluster.list(
            "poddisruptionbudgets", api="policy/v1", namespace=name, missing_ok=True
        )

    in_parallel(lambda job: job(), (deployments, slices, maps, budgets))
    _read_pods(cluster, found, selectors, transitions)
    found.changing += transitions.told()
    return found


def _read_pods(
    cluster: Cluster, found: Namespace, selectors: Sequence[Object], transitions: Transitions
) -> None:
    """Read the pods that any of the selectors matches, and those that Services without one lead to."""
    distinct = {_query(selector): selector for selector in selectors if _query(selector)}
    seen: set[str] = set()

    def add(pod: Object) -> None:
        if name_of(pod) in seen or not serves_dns(pod):
            return
        seen.add(name_of(pod))
        transitions.see_pod(pod, workload_of(pod))
        if part(pod, "metadata", "deletionTimestamp"):
            return  # a Service sends nothing to one that ends
        reduced = _pod(pod)
        found.pods.append(reduced)
        found.specs.setdefault((reduced.workload, reduced.template), mapping(pod, "spec"))

    for query, selector in sorted(distinct.items()):  # one after the other: none is held longer than it takes
        for pod in cluster.list("pods", namespace=found.name, labels=query):
            if matches(selector, labels(pod, "metadata", "labels")):
                add(pod)
    alone = [
        text(endpoint, "targetRef", "name")
        for service in found.services
        if not labels(service, "spec", "selector")
        for one in found.slices.get(name_of(service), ())
        for endpoint in items(one, "endpoints")
        if text(endpoint, "targetRef", "kind") in ("Pod", "")
    ]
    for name in [name for name in dict.fromkeys(alone) if name and name not in seen][:_SINGLE_PODS]:
        single = cluster.find("pods", name, namespace=found.name)
        if single:
            add(single)


def selects(selector: Mapping[str, str], of_pod: Mapping[str, str]) -> bool:
    """Return whether a Service's selector matches labels; an empty one matches nothing."""
    return bool(selector) and selector.items() <= of_pod.items()


def covers(budget: Object, of_pod: Mapping[str, str]) -> bool:
    """Return whether a PodDisruptionBudget's selector matches labels; without one it covers nothing.

    Source: k8s.io/api policy/v1, PodDisruptionBudgetSpec: a null selector matches no pods, an empty one all.
    """
    selector = part(budget, "spec", "selector")
    return isinstance(selector, dict) and matches(selector, of_pod)


def takes_queries(service: Object) -> bool:
    """Return whether a Service has a port for DNS."""
    return any(number(port, "port") == DNS_PORT for port in items(service, "spec", "ports"))


def addresses_of(service: Object) -> list[str]:
    """Return a Service's cluster IPs; none of a headless one."""
    found = part(service, "spec", "clusterIPs")
    texts = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return [
        address for address in texts or [text(service, "spec", "clusterIP")] if address and address != "None"
    ]


def serves_dns(pod: Object) -> bool:
    """Return whether a pod or a template serves DNS; what a run of ours made does not count."""
    return (
        is_dns(mapping(pod, "spec")) and not MANAGED_BY.items() <= labels(pod, "metadata", "labels").items()
    )


def _selector(workload: Object) -> Object:
    """Return the selector of a workload's pods; its template's labels where it has none."""
    return mapping(workload, "spec", "selector") or {
        "matchLabels": labels(workload, "spec", "template", "metadata", "labels")
    }


def _query(selector: Object) -> str:
    """Return a selector's labels as the API's parameter labelSelector; "" where it has none."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels(selector, "matchLabels").items()))


def _node(node: Object) -> Node:
    of_node = labels(node, "metadata", "labels")
    system = of_node.get("kubernetes.io/os", "linux")
    left_out = f"runs {system}" if system != "linux" else marked(of_node, NO_DAEMONSETS)
    return Node(
        name_of(node),
        of_node,
        of_node.get(_ZONE_LABEL, ""),
        _quantity(text(node, "status", "capacity", "cpu")),
        part(node, "spec", "unschedulable") is not True,
        left_out,
        text(node, "spec", "providerID"),
        text(node, "status", "nodeInfo", "osImage"),
    )


def workload_of(pod: Object) -> str:
    """Return the name of the Deployment or DaemonSet that owns a pod; its own where none does."""
    owners = (text(owner, "name") for owner in items(pod, "metadata", "ownerReferences"))
    owner = next(filter(None, owners), "")
    return (owner or name_of(pod)).removesuffix(f"-{_template_of(pod)}")


def _template_of(pod: Object) -> str:
    of_pod = labels(pod, "metadata", "labels")
    return of_pod.get("pod-template-hash") or of_pod.get("controller-revision-hash") or ""


def _pod(pod: Object) -> Pod:
    return Pod(
        name=name_of(pod),
        node=text(pod, "spec", "nodeName"),
        address=text(pod, "status", "podIP"),
        ready=is_ready(pod),
        trouble=why_not_ready(pod),
        labels=labels(pod, "metadata", "labels"),
        workload=workload_of(pod),
        template=_template_of(pod),
    )


def _quantity(said: str) -> float:
    """Return a Kubernetes quantity of CPU, e.g. "4", "3920m" or "10k"; 0 where it is none."""
    figure = said.rstrip("kMGmunKi")
    try:
        return float(figure) * _SUFFIXES.get(said[len(figure) :], 1.0)
    except ValueError:
        return 0.0
