"""A topology as it would be after a change: with or without node caches, of another size, on CoreDNS.

Nothing in a cluster tells what is not there yet. What is taken from a manifest in its place is marked as
assumed in the topology, and said in words beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from clusterdns.model.topology import (
    DEFAULT_EXPIRE,
    DNS_PORT,
    Backend,
    Fact,
    Forward,
    Layer,
    LayerKind,
    Service,
    Topology,
)

NODE_LOCAL_ADDRESS = "169.254.20.10"
"""Where NodeLocal DNSCache listens. Source: kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/."""

_MANIFEST = "the manifest of NodeLocal DNSCache (nodelocaldns.yaml)"
_COREDNS = "the Corefile that CoreDNS is deployed with"
_GKE_EXPIRE = 1.0  # seconds: as in GKE's node-local-dns ConfigMap
_SERVERS = (LayerKind.KUBE_DNS, LayerKind.COREDNS)
_UNKNOWN = Fact("unknown", "not deployed yet", assumed=True)


@dataclass(frozen=True, slots=True)
class Supposed:
    """A topology after a change.

    Attributes:
        topology: After it.
        assumption: What is taken to have changed, and what is not known of it, in one line.
    """

    topology: Topology
    assumption: str


Change = Callable[[Topology], Supposed]
"""Raises ValueError, with one line that says why, where a change cannot be made to a topology."""


def with_node_caches(topology: Topology) -> Supposed:
    """Return a topology with NodeLocal DNSCache on every node, as its manifest deploys it.

    Raises:
        ValueError: no Service leads to DNS pods that node caches could ask.
    """
    if topology.of_kind(LayerKind.NODE_LOCAL):
        return Supposed(topology, "NodeLocal DNSCache is there already: nothing changes")
    asked = _dns_service(topology)
    if asked is None:
        raise ValueError("no Service leads to kube-dns or CoreDNS: nothing tells what node caches would ask")
    namespace = asked.name.partition("/")[0]
    upstream = replace(asked, name=f"{namespace}/kube-dns-upstream", addresses=())
    known = any(service.name == upstream.name for service in topology.services)
    expire = _GKE_EXPIRE if topology.provider.name == "GKE" else DEFAULT_EXPIRE
    inside = Forward(
        (topology.zone.value, "in-addr.arpa", "ip6.arpa"),
        (f"kube-dns-upstream.{namespace}.svc",),
        _MANIFEST,
        force_tcp=True,
        expire=expire,
        assumed=True,
    )
    cache = Layer(
        LayerKind.NODE_LOCAL,
        f"{namespace}/node-local-dns",
        tuple(Fact(ip, _MANIFEST, assumed=True) for ip in (NODE_LOCAL_ADDRESS, *asked.addresses)),
        _UNKNOWN,
        replicas=len(topology.nodes),
        ready=len(topology.nodes),
        nodes=tuple(sorted(topology.nodes)),
        coredns=_UNKNOWN,
        forwards=(inside, Forward((".",), ("/etc/resolv.conf",), _MANIFEST, assumed=True)),
        caches_denials=Fact(value=True, source=_MANIFEST, assumed=True),
        upstream=upstream.name,
    )
    return Supposed(
        replace(
            topology,
            layers=(cache, *topology.layers),
            services=topology.services if known else (*topology.services, upstream),
        ),
        f"NodeLocal DNSCache is ready on every node and forwards the cluster's zones by TCP (force_tcp, "
        f"expire {expire:g} s) to the pods behind {asked.name}, other names to its node's resolvers, as in "
        f"{_MANIFEST}; its release is not known",
    )


def without_node_caches(topology: Topology) -> Supposed:
    """Return a topology without NodeLocal DNSCache, where pods ask the Service."""
    caches = topology.of_kind(LayerKind.NODE_LOCAL)
    if not caches:
        return Supposed(topology, "no NodeLocal DNSCache is there: nothing changes")
    of_services = {address for service in topology.services for address in service.addresses}
    only_theirs = set(topology.node_local_addresses()) - of_services
    left = tuple(fact for fact in topology.nameservers if fact.value not in only_theirs)
    asked = _dns_service(topology)
    if topology.nameservers and not left and asked:
        left = tuple(Fact(ip, f"Service {asked.name}", assumed=True) for ip in asked.addresses)
    return Supposed(
        replace(
            topology,
            layers=tuple(layer for layer in topology.layers if layer not in caches),
            nameservers=left,
        ),
        f"{', '.join(cache.name for cache in caches)} is gone from every node with its interface and "
        "iptables rules, and pods ask the DNS Service",
    )


def of_size(nodes: int) -> Change:
    """Return the change to this many nodes, at least one, that take pods and are like those that do now."""

    def change(topology: Topology) -> Supposed:
        before = sorted(topology.nodes)[:nodes]
        names = (*before, *(f"what-if-node-{number}" for number in range(len(before) + 1, nodes + 1)))
        cores_per_node = topology.cores / topology.schedulable if topology.schedulable else 0.0
        cores = nodes * cores_per_node
        sized = replace(
            topology,
            nodes={name: topology.nodes.get(name, "") for name in names},
            schedulable=nodes,
            cores=cores,
            total=nodes,
            total_cores=cores,
        )
        scaler = topology.autoscaler.value if topology.autoscaler else None
        asked = _dns_service(topology)
        behind = _servers_of(topology, asked) if asked else {}
        replicas = {name: layer.ready for name, layer in behind.items()}
        how = "replicas stay as they are: no autoscaler is known"
        if scaler and len(behind) == 1:
            wanted = scaler.replicas(nodes, cores)
            replicas = dict.fromkeys(behind, wanted)
            how = f"its autoscaler gives {next(iter(behind))} {wanted} replicas"
        elif not behind:
            how = "there are no DNS pods to scale"
        elif scaler:
            how = f"replicas stay as they are: the autoscaler's workload is not told among {len(behind)}"
        layers = tuple(_resized(layer, names, replicas.get(layer.name)) for layer in topology.layers)
        services = tuple(_rescaled(service, replicas, names) for service in topology.services)
        return Supposed(
            replace(sized, layers=layers, services=services),
            f"{nodes} nodes that take pods, of {cores_per_node:g} cores each; {how}, all ready and "
            "spread over nodes; a node cache runs on every node, where there are node caches",
        )

    return change


def on_coredns(topology: Topology) -> Supposed:
    """Return a topology whose kube-dns pods are CoreDNS, behind the same Services."""
    before = topology.of_kind(LayerKind.KUBE_DNS)
    if not before:
        return Supposed(topology, "no kube-dns with dnsmasq is there: nothing changes")
    names = ", ".join(layer.name for layer in before)
    forwards = (Forward((".",), ("/etc/resolv.conf",), _COREDNS, assumed=True),)
    layers = tuple(
        replace(
            layer,
            kind=LayerKind.COREDNS,
            version=_UNKNOWN,
            limits={},
            coredns=_UNKNOWN,
            forwards=forwards,
            caches_denials=Fact(value=True, source=_COREDNS, assumed=True),
            faults=(),
        )
        if layer in before
        else layer
        for layer in topology.layers
    )
    return Supposed(
        replace(topology, layers=layers),
        f"{names} runs CoreDNS in place of dnsmasq, behind the same Services and with as "
        f"many replicas; it forwards to its node's resolvers and caches NXDOMAIN, as in {_COREDNS}",
    )


def _dns_service(topology: Topology) -> Service | None:
    """Return the Service by which DNS pods are asked: of several, one with an address and ready pods."""
    leading = [service for service in topology.services if _servers_of(topology, service)]
    return max(leading, key=lambda service: (bool(service.addresses), len(service.ready)), default=None)


def _servers_of(topology: Topology, service: Service) -> dict[str, Layer]:
    names = {*service.selects, *(backend.layer for backend in service.backends)}
    return {layer.name: layer for layer in topology.of_kind(*_SERVERS) if layer.name in names}


def _resized(layer: Layer, nodes: tuple[str, ...], replicas: int | None) -> Layer:
    """Return a layer with a pod on every node if it is a node cache, with so many replicas where given."""
    if layer.kind is LayerKind.NODE_LOCAL:
        return replace(layer, replicas=len(nodes), ready=len(nodes), nodes=tuple(sorted(nodes)))
    if replicas is None:
        return layer
    return replace(layer, replicas=replicas, ready=replicas, nodes=tuple(sorted(nodes[:replicas])))


def _rescaled(service: Service, replicas: Mapping[str, int], nodes: tuple[str, ...]) -> Service:
    """Return a Service with so many ready pods of each layer behind it, spread over the nodes."""
    others = [backend for backend in service.backends if backend.layer not in replicas]
    scaled: list[Backend] = []
    for name, count in replicas.items():
        present = [backend for backend in service.ready if backend.layer == name]
        if not present and name not in service.selects:
            continue
        port = present[0].port if present else DNS_PORT
        for index in range(count):
            pod = present[index].pod if index < len(present) else f"{name}-what-if-{index + 1}"
            address = present[index].address if index < len(present) else ""
            scaled.append(Backend(pod, nodes[index % len(nodes)], address, ready=True, layer=name, port=port))
    return replace(service, backends=(*others, *scaled))
