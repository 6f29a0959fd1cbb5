"""A cluster's DNS as it would be after a change: the same verdicts can be had over it.

A change alters the topology alone, by what the change is documented to do; everything else is taken to stay.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from clusterdns.model.topology import Fact, Forward, Layer, LayerKind, Service, Topology

_NODE_CACHE, _NODE_CACHE_ADDRESS = "kube-system/node-local-dns", "169.254.20.10"
_NODE_CACHE_VERSION, _COREDNS_VERSION = "1.26.7", "1.13.1"
_UPSTREAM = "kube-system/kube-dns-upstream"
_UPSTREAM_ADDRESS = "192.0.2.10"  # RFC 5737: stands for the address that the Service would be given
_GKE = re.compile(r"1\.(\d+)(?:\.(\d+)-gke\.(\d+))?")
_GKE_NODE_LOCAL = (34, 1, 3_720_000)
_GKE_COREDNS = 36
_GKE_SOURCE = "cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache and /kube-dns"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a cluster is imagined with.

    Attributes:
        text: As it was asked for, e.g. "nodelocal=on".
        apply: Topology -> the topology after it, and what is assumed, one line each.
    """

    text: str
    apply: Callable[[Topology], tuple[Topology, list[str]]]


def parse(text: str) -> Change:
    """Read a change: nodelocal=on|off, kube-dns=coredns, nodes=N, gke=VERSION.

    Raises:
        ValueError: it is none of these.
    """
    name, _, value = text.partition("=")
    if text == "nodelocal=on":
        return Change(text, _node_caches)
    if text == "nodelocal=off":
        return Change(text, _without_node_caches)
    if text == "kube-dns=coredns":
        return Change(text, _coredns)
    if name == "nodes" and value.isascii() and value.isdigit() and int(value) > 0:
        return Change(text, lambda topology: _nodes(topology, int(value)))
    if name == "gke" and (version := _GKE.fullmatch(value)):
        minor, patch, build = (int(part or 0) for part in version.groups())
        return Change(text, lambda topology: _gke(topology, value, (minor, patch, build)))
    raise ValueError(
        f"{text!r} is no change that is known: nodelocal=on, nodelocal=off, kube-dns=coredns, nodes=NUMBER, "
        "gke=VERSION (as 1.36 or 1.34.1-gke.3720000)"
    )


def changed(topology: Topology, changes: Sequence[Change]) -> tuple[Topology, list[str]]:
    """Return a topology after changes, in their order, and what is assumed.

    Raises:
        ValueError: a change does not fit the cluster.
    """
    assumptions: list[str] = []
    for change in changes:
        topology, assumed = change.apply(topology)
        assumptions += [f"{change.text}: {line}" for line in assumed]
    return topology, assumptions


def _node_caches(topology: Topology) -> tuple[Topology, list[str]]:
    if topology.of_kind(LayerKind.NODE_LOCAL):
        return topology, ["NodeLocal DNSCache is there already; nothing changes"]
    source = "--what-if nodelocal=on"
    serving = [service for service in topology.services if service.addresses and service.backends]
    if not serving:
        raise ValueError("nodelocal=on: no Service of the cluster's DNS is known that node caches could ask")
    copied = serving[0]
    upstream = Service(_UPSTREAM, (_UPSTREAM_ADDRESS,), copied.backends, copied.selects)
    zone = topology.zone.value
    nodes = tuple(sorted(topology.nodes))
    layer = Layer(
        kind=LayerKind.NODE_LOCAL,
        name=_NODE_CACHE,
        addresses=(Fact(_NODE_CACHE_ADDRESS, source, assumed=True),),
        version=Fact(_NODE_CACHE_VERSION, source, assumed=True),
        replicas=len(nodes),
        ready=len(nodes),
        nodes=nodes,
        coredns=Fact(_COREDNS_VERSION, source, assumed=True),
        forwards=(
            Forward((zone, "in-addr.arpa", "ip6.arpa"), (_UPSTREAM_ADDRESS,), source, force_tcp=True),
            Forward((".",), ("/etc/resolv.conf",), source),
        ),
        caches_denials=Fact(value=True, source=source, assumed=True),
        upstream=_UPSTREAM,
    )
    with_caches = replace(topology, layers=(layer, *topology.layers), services=(*topology.services, upstream))
    assumed = (
        f"a node cache on each of {len(nodes)} nodes, as the stock manifest has it: names of {zone} go "
        f"by TCP (force_tcp) to the pods of {copied.name}, other names to the nodes' resolvers"
    )
    return with_caches, [assumed]


def _without_node_caches(topology: Topology) -> tuple[Topology, list[str]]:
    layers = tuple(layer for layer in topology.layers if layer.kind is not LayerKind.NODE_LOCAL)
    if layers == topology.layers:
        return topology, ["there is no NodeLocal DNSCache; nothing changes"]
    return replace(topology, layers=layers), [
        "pods ask the DNS Service, by UDP unless an answer is too large"
    ]


def _coredns(topology: Topology) -> tuple[Topology, list[str]]:
    kube_dns = topology.of_kind(LayerKind.KUBE_DNS)
    if not kube_dns:
        return topology, ["no dnsmasq-based kube-dns is there; nothing changes"]
    source = "--what-if kube-dns=coredns"
    version = Fact("unknown", source, assumed=True)
    layers = tuple(
        replace(
            layer,
            kind=LayerKind.COREDNS,
            version=version,
            limits={},
            coredns=version,
            caches_denials=Fact(value=True, source=source, assumed=True),
        )
        if layer in kube_dns
        else layer
        for layer in topology.layers
    )
    names = ", ".join(layer.name for layer in kube_dns)
    return (
        replace(topology, layers=layers),
        [f"CoreDNS in the place of {names}: as many pods, the same upstreams, no limit of TCP connections"],
    )


def _nodes(topology: Topology, count: int) -> tuple[Topology, list[str]]:
    names = sorted(topology.nodes)
    if not names:
        raise ValueError(f"nodes={count}: the cluster has no node that runs Linux pods")
    more = {f"node-{number} (what if)": topology.nodes[names[number % len(names)]] for number in range(count)}
    nodes = {name: topology.nodes[name] for name in names[:count]}
    nodes |= dict(list(more.items())[: count - len(nodes)])
    cores = topology.cores / (topology.schedulable or 1) * count
    layers = tuple(
        replace(layer, replicas=count, ready=count, nodes=tuple(sorted(nodes)))
        if layer.kind is LayerKind.NODE_LOCAL
        else layer
        for layer in topology.layers
    )
    grown = replace(
        topology,
        nodes=nodes,
        layers=layers,
        schedulable=count,
        cores=cores,
        total=count + len(topology.left_out),
        total_cores=cores,
    )
    return grown, [
        f"{count} nodes of the same size, each with a node cache where there are some; DNS pods stay"
    ]


def _gke(topology: Topology, version: str, release: tuple[int, int, int]) -> tuple[Topology, list[str]]:
    if topology.provider.name != "GKE":
        name = topology.provider.name or "one that is not known"
        raise ValueError(f"gke={version}: the cluster's platform is {name}, not GKE")
    assumptions = [f"what {_GKE_SOURCE} document for {version}; clusters that exist may keep what they have"]
    steps = [_node_caches] if release >= _GKE_NODE_LOCAL or release[0] > _GKE_NODE_LOCAL[0] else []
    steps += [_coredns] if release[0] >= _GKE_COREDNS else []
    for step in steps:
        topology, assumed = step(topology)
        assumptions += assumed
    return topology, assumptions
