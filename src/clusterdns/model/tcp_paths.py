"""Where a cluster's DNS forwards by TCP, and what it meets there."""

from dataclasses import dataclass
from math import ceil

from clusterdns.model.capacity import Demand
from clusterdns.model.topology import (
    DNSMASQ_TCP_LIMIT,
    TCP_LIMIT,
    Fact,
    Forward,
    Layer,
    LayerKind,
    Service,
    Topology,
)

_NO_DNSMASQ = frozenset({LayerKind.COREDNS, LayerKind.NODE_LOCAL, LayerKind.CLOUD_DNS})


@dataclass(frozen=True, slots=True)
class TcpPath:
    """A forward by TCP (force_tcp) to something in the cluster.

    Attributes:
        layer: That forwards.
        forward: Its configuration.
        service: That receives.
        limits: The TCP limit of each ready dnsmasq behind the Service, by pod. A pod that is not known is
            assumed to be one.
        others: How many other ready pods are behind it.
        into_dnsmasq: Whether dnsmasq is behind it, ready or not.
    """

    layer: Layer
    forward: Forward
    service: Service
    limits: dict[str, Fact[int]]
    others: int
    into_dnsmasq: bool

    @property
    def assumed(self) -> bool:
        """Whether nothing in the cluster says that this is a path by TCP into dnsmasq."""
        return self.forward.assumed or all(limit.assumed for limit in self.limits.values())


def tcp_paths(topology: Topology) -> tuple[TcpPath, ...]:
    """Return every path by TCP between the cluster's own layers."""
    return tuple(
        _path(topology, layer, forward, service)
        for layer in topology.layers
        for forward in layer.forwards
        if forward.force_tcp
        for service in (topology.behind(upstream) for upstream in forward.upstreams)
        if service is not None
    )


def _path(topology: Topology, layer: Layer, forward: Forward, service: Service) -> TcpPath:
    limits: dict[str, Fact[int]] = {}
    others = 0
    for backend in service.ready:
        behind = topology.layer(backend.layer)
        if behind is not None and behind.kind in _NO_DNSMASQ:
            others += 1
        else:
            unknown = Fact(DNSMASQ_TCP_LIMIT, f"{backend.pod} is not known, and may be dnsmasq", assumed=True)
            limits[backend.pod] = behind.limits.get(TCP_LIMIT, unknown) if behind else unknown
    selected = [topology.layer(name) for name in service.selects]
    asleep = any(one is not None and one.kind is LayerKind.KUBE_DNS for one in selected)
    return TcpPath(layer, forward, service, limits, others, bool(limits) or asleep)


def demand(paths: tuple[TcpPath, ...], per_node: int) -> Demand | None:
    """Return what the nodes ask of dnsmasq by TCP; None where they ask nothing.

    Args:
        paths: Of the cluster.
        per_node: Queries that a node has in flight at its peak, if nothing caps them.
    """
    into = [path for path in paths if path.into_dnsmasq]
    if not into:
        return None
    limits = {pod: limit.value for path in into for pod, limit in path.limits.items()}
    others = max(path.others for path in into)
    return Demand(
        nodes=sum(
            replicas for replicas in {path.layer.name: max(path.layer.replicas, 1) for path in into}.values()
        ),
        per_node=min(per_node, pool(tuple(into)) or per_node),
        replicas=len(limits),
        children=sum(limits.values()),
        share=len(limits) / (len(limits) + others) if limits else 1.0,
    )


def pool(paths: tuple[TcpPath, ...]) -> int | None:
    """Return the most connections that a node opens at once; None where nothing bounds them.

    Only max_concurrent is a bound, of each forward for itself; expire, max_age and max_idle_conns are none.
    """
    forwards = {path.forward for path in paths}
    caps = [forward.max_concurrent for forward in forwards]
    return None if None in caps else sum(cap for cap in caps if cap)


def replicas_for(children: int, limit: int) -> int:
    """Return how many replicas serve this many connections at once."""
    return ceil(children / limit) if limit else 0
