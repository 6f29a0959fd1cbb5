"""Topologies to judge."""

from collections.abc import Mapping

from clusterdns.model.autoscaling import GKE_AUTOSCALER
from clusterdns.model.topology import (
    TCP_LIMIT,
    Backend,
    Fact,
    Forward,
    Layer,
    LayerKind,
    Provider,
    Service,
    Topology,
)

UPSTREAM = "10.96.0.20"
BY_TCP = Forward(("cluster.local",), (UPSTREAM,), "Corefile, line 5", force_tcp=True, expire=1)
TO_NODES = Forward((".",), ("/etc/resolv.conf",), "Corefile, line 12")
YES = Fact(value=True, source="test")
NO = Fact(value=False, source="test")


def cache(*forwards: Forward, coredns: str = "1.13.1", nodes: tuple[str, ...] = ("n1", "n2")) -> Layer:
    """Return a NodeLocal DNSCache, ready on these nodes."""
    return Layer(
        LayerKind.NODE_LOCAL,
        "kube-system/cache",
        (Fact("169.254.20.10", "test"),),
        Fact("1.26.7", "test"),
        replicas=len(nodes),
        ready=len(nodes),
        nodes=nodes,
        coredns=Fact(coredns, "test", assumed=coredns == "unknown"),
        forwards=forwards or (BY_TCP, TO_NODES),
        caches_denials=YES,
        upstream="kube-system/upstream",
    )


def server(
    name: str = "kube-system/kube-dns",
    kind: LayerKind = LayerKind.KUBE_DNS,
    limit: int = 20,
    *,
    caches: Fact[bool] = NO,
    budget: str | None = "budget",
    forwards: tuple[Forward, ...] = (Forward((".",), ("8.8.8.8",), "test"),),
) -> Layer:
    """Return kube-dns, or something else that answers."""
    limits = {TCP_LIMIT: Fact(limit, "test")} if kind is LayerKind.KUBE_DNS else {}
    return Layer(
        kind,
        name,
        (Fact("10.96.0.10", "test"),),
        Fact("2.90", "test"),
        replicas=2,
        ready=2,
        nodes=("n1", "n2"),
        limits=limits,
        caches_denials=caches,
        budget=budget,
        forwards=forwards,
    )


def upstream(
    *backends: tuple[str, str | None], selects: tuple[str, ...] = ("kube-system/kube-dns",)
) -> Service:
    """Return the upstream Service with (node, layer) behind it."""
    pods = tuple(
        Backend(f"kube-system/p{index}", node, f"10.0.0.{index}", ready=True, layer=layer)
        for index, (node, layer) in enumerate(backends)
    )
    return Service("kube-system/upstream", (UPSTREAM,), pods, selects)


TWO = (("n1", "kube-system/kube-dns"), ("n2", "kube-system/kube-dns"))


def topology(
    *layers: Layer,
    services: tuple[Service, ...] | None = None,
    nodes: Mapping[str, str] | None = None,
    provider: Provider | None = None,
) -> Topology:
    """Return two nodes with these layers; the incident where none is given."""
    return Topology(
        Fact("cluster.local", "test"),
        {"n1": "zone-a", "n2": "zone-b"} if nodes is None else nodes,
        layers or (cache(), server()),
        (upstream(*TWO),) if services is None else services,
        schedulable=2,
        cores=4,
        autoscaler=Fact(GKE_AUTOSCALER, "test"),
        provider=provider or Provider("GKE", 3, "169.254.169.254"),
    )
