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

_NO_DNSMASQ = frozenset({LayerKind.COREDNS, LayerKind.NODE_LOCAL, LayerKind.CLOUD_DNS, LayerKind.NODE_DNS})


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
        guessed: Whether nothing says that the forward goes to this Service: its upstream is not known.
        known_dnsmasq: Whether a pod or a workload behind it is known to be dnsmasq.
    """

    layer: Layer
    forward: Forward
    service: Service
    limits: dict[str, Fact[int]]
    others: int
    into_dnsmasq: bool
    guessed: bool = False
    known_dnsmasq: bool = True

    @property
    def assumed(self) -> bool:
        """Whether nothing says that this is a path by TCP into dnsmasq; its limit does not count."""
        return self.forward.assumed or self.guessed or not self.known_dnsmasq


def tcp_paths(topology: Topology) -> tuple[TcpPath, ...]:
    """Return every path by TCP between the cluster's own layers.

    A forward to an upstream that is not known, and may be inside, is taken to go to a Service with dnsmasq.
    """
    return tuple(
        path
        for layer in topology.layers
        for forward in layer.forwards
        if forward.force_tcp
        for upstream in forward.upstreams
        for path in _paths(topology, layer, forward, upstream)
    )


def _paths(topology: Topology, layer: Layer, forward: Forward, upstream: str) -> list[TcpPath]:
    service = topology.behind(upstream)
    if service is not None:
        return [_path(topology, layer, forward, service)]
    if not topology.may_be_inside(forward, upstream):
        return []
    guesses = [_path(topology, layer, forward, one, guessed=True) for one in topology.services]
    with_dnsmasq = [path for path in guesses if path.into_dnsmasq]
    upstreams = [path for path in with_dnsmasq if path.service.name == layer.upstream]
    return upstreams or with_dnsmasq[:1]


def _path(
    topology: Topology, layer: Layer, forward: Forward, service: Service, *, guessed: bool = False
) -> TcpPath:
    limits: dict[str, Fact[int]] = {}
    others = 0
    for backend in service.ready:
        behind = topology.layer(backend.layer)
        if behind is not None and behind.kind in _NO_DNSMASQ:
            others += 1
        else:
            unknown = Fact(DNSMASQ_TCP_LIMIT, f"{backend.pod} is not known, and may be dnsmasq", assumed=True)
            limits[backend.pod] = behind.limits.get(TCP_LIMIT, unknown) if behind else unknown
    names = (*service.selects, *(backend.layer for backend in service.backends))
    behind_it = [topology.layer(name) for name in names]
    known = any(one is not None and one.kind is LayerKind.KUBE_DNS for one in behind_it)
    return TcpPath(layer, forward, service, limits, others, bool(limits) or known, guessed, known)


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
        nodes=sum({path.layer.name: _opening(path.layer) for path in into}.values()),
        per_node=min(per_node, pool(tuple(into)) or per_node),
        replicas=len(limits),
        children=sum(limits.values()),
        share=len(limits) / (len(limits) + others) if limits else 1.0,
    )


def _opening(layer: Layer) -> int:
    """Return how many pods of a layer open connections, or on how many nodes it does so without pods."""
    return max(layer.replicas or len(layer.nodes), 1)


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
