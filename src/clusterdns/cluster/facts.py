"""API objects -> the cluster's DNS topology. Reads only nodes, kube-system, and what its DNS forwards to."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clusterdns.cluster.api import NAMESPACE, Cluster, Object
from clusterdns.cluster.autoscaling import autoscaler
from clusterdns.cluster.inventory import Namespace, Pod, covers, read_namespace, read_nodes, selects
from clusterdns.cluster.programs import Program, Surroundings, program
from clusterdns.cluster.providers import cloud_dns, provider
from clusterdns.model.topology import (
    DEFAULT_ZONE,
    Backend,
    Fact,
    Layer,
    LayerKind,
    Service,
    Topology,
    host,
)


def read_topology(cluster: Cluster) -> Topology:
    """Return the DNS topology of a cluster.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: something that it is made of may not be listed.
    """
    version = cluster.version()
    with ThreadPoolExecutor(1) as beside:  # nodes take as long as all the rest
        reading = beside.submit(read_nodes, cluster)
        system = read_namespace(cluster, NAMESPACE)
        nodes = reading.result()
    found = _Found.of(system)
    found.add(_elsewhere(cluster, found))
    run_by = provider((node.labels for node in nodes), version)
    serving = (LayerKind.KUBE_DNS, LayerKind.COREDNS)
    if run_by.name == "GKE" and not any(layer.kind in serving and layer.replicas for layer in found.layers):
        found.layers.append(cloud_dns())
    first = {LayerKind.NODE_LOCAL: 0, LayerKind.CLOUD_DNS: 1}
    return Topology(
        zone=next(iter(found.zones), Fact(DEFAULT_ZONE, "Kubernetes' default", assumed=True)),
        nodes={node.name: node.zone for node in nodes if not node.left_out},
        layers=tuple(sorted(found.layers, key=lambda layer: (first.get(layer.kind, 2), layer.name))),
        services=tuple(found.services),
        left_out={node.name: node.left_out for node in nodes if node.left_out},
        schedulable=sum(node.schedulable for node in nodes),
        cores=sum(node.cores for node in nodes if node.schedulable),
        autoscaler=autoscaler(system.configmaps.values()),
        stub_domains=_stub_domains(_surroundings(system)),
        provider=run_by,
    )


@dataclass
class _Found:
    """What has been found so far."""

    layers: list[Layer]
    services: list[Service]
    zones: list[Fact[str]]

    @classmethod
    def of(cls, namespace: Namespace) -> "_Found":
        """Return what a namespace holds."""
        around = _surroundings(namespace)
        pods: dict[str, list[Pod]] = {name: [] for name in namespace.templates}
        for pod in namespace.pods:
            pods.setdefault(pod.workload, []).append(pod)
        layers, zones = [], []
        for workload, group in sorted(pods.items()):
            if group:
                labels, spec = group[0].labels, namespace.specs[workload, group[0].template]
            else:
                template = namespace.templates[workload]
                labels, spec = template["metadata"].get("labels") or {}, template["spec"]
            runs = program(spec, around)
            layers.append(_layer(namespace, workload, group, labels, runs))
            zones += [runs.zone] if runs.zone else []
        return cls(layers, list(_services(namespace)), zones)

    def add(self, other: "_Found") -> None:
        """Take in what was found elsewhere."""
        self.layers += other.layers
        self.services += other.services


def _elsewhere(cluster: Cluster, found: _Found) -> _Found:
    """Return the Services of other namespaces that layers forward to by TCP, and what is behind them."""
    known = {address for service in found.services for address in service.addresses}
    known |= {backend.address for service in found.services for backend in service.backends}
    wanted = {
        host(upstream)
        for layer in found.layers
        for forward in layer.forwards
        if forward.force_tcp
        for upstream in forward.upstreams
        if not upstream.startswith("/")
    } - known
    more = _Found([], [], [])
    if not wanted:
        return more
    namespaces = {
        service["metadata"]["namespace"]
        for service in cluster.list("services")
        if wanted & set(service["spec"].get("clusterIPs") or ())
    }
    for name in sorted(namespaces - {NAMESPACE}):
        there = _Found.of(read_namespace(cluster, name))
        services = [service for service in there.services if wanted & set(service.addresses)]
        behind = {layer for service in services for layer in service.selects}
        more.add(_Found([layer for layer in there.layers if layer.name in behind], services, []))
    return more


def _surroundings(namespace: Namespace) -> Surroundings:
    ips = {one["metadata"]["name"]: _addresses(one) for one in namespace.services}
    return Surroundings(namespace.configmaps, ips)


def _layer(
    namespace: Namespace, workload: str, pods: list[Pod], labels: Mapping[str, str], runs: Program
) -> Layer:
    ready = [pod for pod in pods if pod.ready]
    if runs.local_ips:
        addresses = [Fact(ip, f"argument -localip of {workload}") for ip in runs.local_ips]
    else:
        addresses = [
            Fact(ip, f"Service {service['metadata']['name']}")
            for service in namespace.services
            if selects(service["spec"].get("selector") or {}, labels)
            for ip in _addresses(service)
        ]
    budgets = (budget["metadata"]["name"] for budget in namespace.budgets if covers(budget, labels))
    return Layer(
        kind=runs.kind,
        name=f"{namespace.name}/{workload}",
        addresses=tuple(addresses),
        version=runs.version,
        replicas=len(pods),
        ready=len(ready),
        nodes=tuple(sorted({pod.node for pod in ready})),
        limits=runs.limits,
        coredns=runs.coredns,
        forwards=runs.forwards,
        caches_denials=runs.caches_denials,
        upstream=f"{namespace.name}/{runs.upstream}" if runs.upstream else None,
        budget=next(budgets, None),
        faults=runs.faults,
    )


def _services(namespace: Namespace) -> Iterator[Service]:
    """Yield the Services that send queries to DNS pods, or say that they would."""
    by_name = {pod.name: pod for pod in namespace.pods}
    labels = {pod.workload: pod.labels for pod in namespace.pods}
    for workload, template in namespace.templates.items():
        labels.setdefault(workload, template["metadata"].get("labels") or {})
    for one in namespace.services:
        name = one["metadata"]["name"]
        selector = one["spec"].get("selector") or {}
        yield Service(
            name=f"{namespace.name}/{name}",
            addresses=tuple(_addresses(one)),
            backends=tuple(_backends(namespace.name, namespace.slices.get(name, ()), by_name)),
            selects=tuple(
                f"{namespace.name}/{workload}"
                for workload in sorted(labels)
                if selects(selector, labels[workload])
            ),
        )


def _backends(namespace: str, slices: Iterable[Object], pods: Mapping[str, Pod]) -> Iterator[Backend]:
    for one in slices:
        for endpoint in one.get("endpoints") or ():
            pod = pods.get((endpoint.get("targetRef") or {}).get("name", ""))
            address = endpoint["addresses"][0]
            yield Backend(
                pod=f"{namespace}/{pod.name}" if pod else address,
                node=endpoint.get("nodeName", ""),
                address=address,
                ready=endpoint.get("conditions", {}).get("ready") is not False,
                layer=f"{namespace}/{pod.workload}" if pod else None,
            )


def _addresses(service: Object) -> list[str]:
    addresses = service["spec"].get("clusterIPs") or [service["spec"].get("clusterIP")]
    return [ip for ip in addresses if ip and ip != "None"]


def _stub_domains(around: Surroundings) -> dict[str, tuple[str, ...]]:
    """Return the stub domains that kube-dns and NodeLocal DNSCache take from the ConfigMap kube-dns."""
    said = around.json("kube-dns", "stubDomains")
    return (
        {str(domain): tuple(map(str, servers)) for domain, servers in said.items()}
        if isinstance(said, dict)
        else {}
    )
