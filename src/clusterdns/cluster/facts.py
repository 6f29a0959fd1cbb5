"""API objects -> the cluster's DNS topology, followed from the nameservers of pods to what answers there.

Read are the nodes, every Service and DaemonSet, and of namespaces with DNS what serves it: no other pod.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from clusterdns.cluster.api import NAMESPACE, Cluster, Object
from clusterdns.cluster.autoscaling import autoscaler
from clusterdns.cluster.inventory import (
    Namespace,
    Node,
    Pod,
    addresses_of,
    covers,
    read_configmaps,
    read_namespace,
    read_nodes,
    selects,
)
from clusterdns.cluster.node_dns import cloud_dns, node_dns
from clusterdns.cluster.objects import items, labels, mapping, name_of, number, part, text, texts
from clusterdns.cluster.places import Places, find_places, kubelets_told
from clusterdns.cluster.platforms import Signs, recognised
from clusterdns.cluster.programs import Program, Surroundings, program, stub_domains
from clusterdns.cluster.redirects import Redirect, read_redirects
from clusterdns.errors import PermissionMissing
from clusterdns.model.topology import (
    DEFAULT_ZONE,
    DNS_PORT,
    METADATA_ADDRESS,
    Backend,
    Fact,
    Layer,
    LayerKind,
    Service,
    Topology,
    host,
)

_SERVING = (LayerKind.KUBE_DNS, LayerKind.COREDNS, LayerKind.UNKNOWN)
_FIRST = {LayerKind.NODE_LOCAL: 0, LayerKind.NODE_DNS: 0, LayerKind.CLOUD_DNS: 1}


def read_topology(
    cluster: Cluster, *, nameservers: Mapping[str, str] | None = None, zone: str | None = None
) -> Topology:
    """Return the DNS topology of a cluster.

    Args:
        cluster: Whose.
        nameservers: Addresses that pods were seen to be given -> where they were read.
        zone: The cluster domain, where the user says it.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: something that it is made of may not be listed.
    """
    version = cluster.version()
    with ThreadPoolExecutor(1) as beside:  # nodes take as long as all the rest
        reading = beside.submit(read_nodes, cluster)
        system = read_configmaps(cluster, NAMESPACE)
        told = kubelets_told(system)
        given = tuple(Fact(address, source) for address, source in (nameservers or {}).items())
        given = given or told.nameservers
        places = find_places(cluster, [fact.value for fact in given])
        found = _Found()
        _read_places(cluster, places, system, found)
        nodes = reading.result()
    signs = Signs(
        frozenset(
            mark for node in nodes for item in node.labels.items() for mark in (item[0], "=".join(item))
        ),
        frozenset(node.provider_id for node in nodes),
        frozenset(node.system for node in nodes),
        version,
        frozenset(system),
    )
    platform, run_by = recognised(signs)
    layers = [_counted(layer, nodes) for layer in found.layers]
    if platform:
        layers += node_dns(platform, nodes, layers, found.services, [fact.value for fact in given])
    serving = any(layer.kind in _SERVING and layer.replicas for layer in layers)
    asked_of_cloud = any(fact.value == METADATA_ADDRESS for fact in given)  # kube-dns may run on beside it
    if run_by.name == "GKE" and (asked_of_cloud or not serving):
        layers.append(cloud_dns())
    zones = [Fact(zone, "--zone")] if zone else []
    zones += [*filter(None, [told.zone]), *found.zones]
    topology = Topology(
        zone=next(iter(zones), Fact(DEFAULT_ZONE, "Kubernetes' default", assumed=True)),
        nodes={node.name: node.zone for node in nodes if not node.left_out},
        layers=tuple(sorted(layers, key=lambda layer: (_FIRST.get(layer.kind, 2), layer.name))),
        services=tuple(found.services),
        left_out={node.name: node.left_out for node in nodes if node.left_out},
        schedulable=sum(node.schedulable for node in nodes),
        cores=sum(node.cores for node in nodes if node.schedulable),
        autoscaler=autoscaler([*found.configmaps, *system.values()]),
        stub_domains=found.stub_domains,
        provider=run_by,
        total=len(nodes),
        total_cores=sum(node.cores for node in nodes),
        nameservers=given,
        not_read=tuple(found.not_read),
        changing=tuple(found.changing),
    )
    return _with_unexplained(topology, places)


@dataclass(slots=True)
class _Found:
    """What has been found so far."""

    layers: list[Layer] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    zones: list[Fact[str]] = field(default_factory=list)
    configmaps: list[Object] = field(default_factory=list)
    stub_domains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_read: list[str] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)

    def add(
        self, namespace: Namespace, redirects: Sequence[Redirect], only: Iterable[str] | None = None
    ) -> None:
        """Take in what a namespace holds; with `only`, no more than what is behind these addresses."""
        self.changing += (f"{namespace.name}: {line}" for line in namespace.changing)
        around = Surroundings(namespace.name, namespace.configmaps, namespace.all_services)
        services = list(_services(namespace))
        if only is not None:
            services = [service for service in services if set(only) & set(service.addresses)]
        behind = {layer for service in services for layer in service.selects}
        behind |= {backend.layer for service in services for backend in service.backends if backend.layer}
        for workload, group in sorted(_workloads(namespace, services).items()):
            if only is not None and f"{namespace.name}/{workload}" not in behind:
                continue
            if group:
                of_pods, spec = group[0].labels, namespace.specs[workload, group[0].template]
            else:
                template = namespace.templates[workload]
                of_pods, spec = labels(template, "metadata", "labels"), mapping(template, "spec")
            runs = program(spec, around)
            self.layers.append(_layer(namespace, workload, group, of_pods, runs, redirects))
            if runs.zone and only is None:
                self.zones.append(runs.zone)
        known = {service.name for service in self.services}
        self.services += [service for service in services if service.name not in known]
        if only is None:
            self.configmaps += namespace.configmaps.values()
            self.stub_domains |= stub_domains(around)


def _read_places(cluster: Cluster, places: Places, system: Mapping[str, Object], found: _Found) -> None:
    """Read the namespaces with DNS, then those that their layers forward to by TCP."""
    spaces = [
        read_namespace(
            cluster,
            name,
            places.services.get(name, ()),
            places.daemonsets.get(name, ()),
            system if name == NAMESPACE else _configmaps(cluster, name, found),
        )
        for name in places.namespaces
    ]
    redirects: list[Redirect] = []
    if any(places.daemonsets.values()):
        try:
            redirects = read_redirects(cluster)
        except PermissionMissing as error:
            found.not_read.append(f"redirects to node caches: {error}")
    for space in spaces:
        found.add(space, redirects)
    wanted = {
        host(upstream)
        for layer in found.layers
        for forward in layer.forwards
        if forward.force_tcp
        for upstream in forward.upstreams
    }
    beyond: dict[str, set[str]] = {}
    for address in wanted & set(places.elsewhere):
        if places.elsewhere[address] not in places.namespaces:
            beyond.setdefault(places.elsewhere[address], set()).add(address)
    for name, addresses in sorted(beyond.items()):
        services = list(cluster.list("services", namespace=name))
        space = read_namespace(cluster, name, services, ())
        space.services += [
            one for one in services if addresses & set(addresses_of(one)) and one not in space.services
        ]
        found.add(space, redirects, addresses)


def _configmaps(cluster: Cluster, namespace: str, found: _Found) -> dict[str, Object]:
    """Return the ConfigMaps of a namespace; none, and a note, where they may not be read."""
    try:
        return read_configmaps(cluster, namespace)
    except PermissionMissing as error:
        found.not_read.append(f"ConfigMaps of {namespace}: {error}")
        return {}


def _workloads(namespace: Namespace, services: Sequence[Service]) -> dict[str, list[Pod]]:
    """Return the pods of each workload, and the workloads without a pod that would serve if they had one.

    What no pod of is there serves nothing, whatever its labels say, where others are behind its Service.
    """
    pods: dict[str, list[Pod]] = {}
    for pod in namespace.pods:
        pods.setdefault(pod.workload, []).append(pod)
    for workload in namespace.templates:
        full = f"{namespace.name}/{workload}"
        if workload not in pods and not any(full in one.selects and one.backends for one in services):
            pods[workload] = []
    return pods


def _layer(  # noqa: PLR0913, PLR0917 - what a layer is made of
    namespace: Namespace,
    workload: str,
    pods: Sequence[Pod],
    of_pods: Mapping[str, str],
    runs: Program,
    redirects: Sequence[Redirect],
) -> Layer:
    ready = [pod for pod in pods if pod.ready]
    redirect = next((one for one in redirects if one.takes(namespace.name, dict(of_pods))), None)
    if runs.local_ips:
        addresses = [Fact(fact.value, f"{fact.source} of {workload}") for fact in runs.local_ips]
    elif redirect:
        addresses = [Fact(ip, redirect.name) for ip in redirect.addresses(namespace.all_services)]
    else:
        addresses = [
            Fact(ip, f"Service {name_of(service)}")
            for service in namespace.services
            if selects(labels(service, "spec", "selector"), of_pods)
            for ip in addresses_of(service)
        ]
    budgets = (name_of(budget) for budget in namespace.budgets if covers(budget, of_pods))
    return Layer(
        kind=runs.kind,
        name=f"{namespace.name}/{workload}",
        addresses=tuple(addresses),
        version=runs.version,
        replicas=len(pods),
        ready=len(ready),
        nodes=tuple(sorted({pod.node for pod in ready})),
        not_ready=tuple(
            f"{pod.name} on {pod.node or 'no node'} ({pod.trouble})" for pod in pods if not pod.ready
        ),
        limits=runs.limits,
        coredns=runs.coredns,
        forwards=runs.forwards,
        caches_denials=runs.caches_denials,
        upstream=f"{namespace.name}/{runs.upstream}" if runs.upstream else None,
        budget=next(budgets, None),
        faults=runs.faults,
        port=runs.port,
        redirect=redirect.name if redirect and not runs.local_ips else None,
    )


def _counted(layer: Layer, nodes: Sequence[Node]) -> Layer:
    """Return a layer; a node cache's pods that wait for nodes where they cannot run are no replicas."""
    if layer.kind is not LayerKind.NODE_LOCAL:
        return layer
    places = sum(not node.left_out for node in nodes)
    return replace(layer, replicas=max(min(layer.replicas, places), layer.ready))


def _services(namespace: Namespace) -> Iterator[Service]:
    """Yield the Services that send queries to DNS pods, or say that they would."""
    by_name = {pod.name: pod for pod in namespace.pods}
    of_workload = {pod.workload: pod.labels for pod in namespace.pods}
    for workload, template in namespace.templates.items():
        of_workload.setdefault(workload, labels(template, "metadata", "labels"))
    for one in namespace.services:
        selector = labels(one, "spec", "selector")
        yield Service(
            name=f"{namespace.name}/{name_of(one)}",
            addresses=tuple(addresses_of(one)),
            backends=tuple(_backends(namespace.name, one, namespace.slices.get(name_of(one), ()), by_name)),
            selects=tuple(
                f"{namespace.name}/{workload}"
                for workload in sorted(of_workload)
                if selects(selector, of_workload[workload])
            ),
            traffic_policy=text(one, "spec", "internalTrafficPolicy"),
            affinity=text(one, "spec", "sessionAffinity"),
        )


def _backends(
    namespace: str, service: Object, slices: Iterable[Object], pods: Mapping[str, Pod]
) -> Iterator[Backend]:
    names = [
        text(port, "name") for port in items(service, "spec", "ports") if number(port, "port") == DNS_PORT
    ]
    for one in slices:
        ports = {text(port, "name"): number(port, "port") for port in items(one, "ports")}
        port = next((ports[name] for name in names if ports.get(name)), None)
        for endpoint in items(one, "endpoints"):
            pod = pods.get(text(endpoint, "targetRef", "name"))
            address = next(iter(texts(endpoint, "addresses")), "")
            if not address or part(endpoint, "conditions", "terminating") is True:
                continue
            yield Backend(
                pod=f"{namespace}/{pod.name}" if pod else address,
                node=text(endpoint, "nodeName"),
                address=address,
                ready=part(endpoint, "conditions", "ready") is not False,
                layer=f"{namespace}/{pod.workload}" if pod else None,
                port=port or DNS_PORT,
            )


def _with_unexplained(topology: Topology, places: Places) -> Topology:
    """Return a topology that names the nameservers which nothing in the cluster answers on."""
    answering = {fact.value for layer in topology.layers for fact in layer.addresses}
    for service in topology.services:
        answering |= {*service.addresses, *(backend.address for backend in service.backends)}
    unexplained = [
        f"{fact.value} ({fact.source}) is the address of none of {places.looked_at} Services with port "
        f"{DNS_PORT}, of no node cache, and of no daemon of a platform that is known"
        for fact in topology.nameservers
        if fact.value not in answering
    ]
    return replace(topology, unexplained=tuple(unexplained))
