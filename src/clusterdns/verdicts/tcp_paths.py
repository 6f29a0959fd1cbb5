"""Forwarding by TCP: topology.no-tcp-into-dnsmasq, tcp-capacity, forward-pool."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.capacity import Demand
from clusterdns.model.dns_profiles import LOST_ALIAS
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.tcp_paths import TcpPath, demand, pool, replicas_for, tcp_paths
from clusterdns.model.topology import Fact, Forward, Layer, LayerKind, Topology
from clusterdns.settings import Settings

_SOURCE = (
    "dnsmasq's src/config.h (MAX_PROCS) and man page (--max-tcp-connections); CoreDNS' plugin/forward; "
    "the incident: Signicat, Don't use NodeLocal DNSCache on GKE (without Cloud DNS)"
)
_REMEDY = (
    "use Cloud DNS, or CoreDNS behind NodeLocal DNSCache, or kube-dns without NodeLocal DNSCache; "
    "more replicas only move the limit"
)

# CoreDNS' pool of connections was last in, first out, so that idle ones expired; from 1.14.1 on
# it is first in, first out, and only max_age (1.14.3) ends a connection. Before that comes,
# max_idle_conns (1.14.1) at least caps those that are kept. Source: plugin/pkg/proxy.
_FIFO = (1, 14, 1)
_MAX_AGE = (1, 14, 3)

_TABLE = (5, 10, 20, 50, 100, 200, 500)  # concurrent queries per node


@dataclass(frozen=True, slots=True)
class PathsByTcp:
    """Measurements of topology.no-tcp-into-dnsmasq.

    Attributes:
        paths_by_tcp: Each forward by TCP to something in the cluster, in words.
    """

    paths_by_tcp: Sequence[str]


def no_tcp_into_dnsmasq(topology: Topology) -> Verdict:
    """Judge every forward by TCP by what is behind the Service that it goes to."""
    paths = tcp_paths(topology)
    wrong = [path for path in paths if path.into_dnsmasq]
    measurements = PathsByTcp([_told(path) for path in paths])
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    zones = dict.fromkeys(zone for path in wrong for zone in path.forward.zones)
    first = wrong[0]
    assumed = " (assumed: see the evidence)" if all(path.assumed for path in wrong) else ""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=(
            f"{first.layer.name} forwards {', '.join(zones)} by TCP into dnsmasq behind Service "
            f"{first.service.name}{assumed}: it forks a child for each connection and serves few at a time"
        ),
        measurements=measurements,
        evidence=(*(_told(path) for path in wrong), f"by TCP, besides: {LOST_ALIAS}"),
    )


NO_TCP_INTO_DNSMASQ = Check(
    id="topology.no-tcp-into-dnsmasq",
    profile=Profile.AUDIT,
    requirement=(
        "No layer forwards queries by TCP into a Service with dnsmasq behind it, whatever dnsmasq's limit is."
    ),
    source=_SOURCE,
    remedy=_REMEDY,
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: no_tcp_into_dnsmasq(run.topology)),
)


@dataclass(frozen=True, slots=True)
class DemandAt:
    """The demand at a number of concurrent queries per node.

    Attributes:
        per_node: Concurrent queries of a node.
        connections: That all nodes open.
        children: That all ready replicas have.
        headroom: Children that are left; negative where some lack.
        replicas_needed: For so many connections.
    """

    per_node: int
    connections: int
    children: int
    headroom: int
    replicas_needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCapacity:
    """Measurements of topology.tcp-capacity.

    Attributes:
        arithmetic: In words.
        demand: What nodes ask of dnsmasq at their peak; None where nothing goes there by TCP.
        saturates_at_per_node: The least number of concurrent queries on every node that is too many.
        limits: Pod -> its TCP limit.
        table: The demand at other numbers of concurrent queries.
    """

    arithmetic: str
    demand: DemandAt | None = None
    saturates_at_per_node: int | None = None
    limits: Mapping[str, Fact[int]]
    table: Sequence[DemandAt] = ()


def tcp_capacity(topology: Topology, settings: Settings) -> Verdict:
    """Judge the connections that nodes open at their peak by the children of all ready replicas."""
    paths = tcp_paths(topology)
    found = demand(paths, settings.peak_queries_per_node)
    if found is None:
        return Verdict(
            outcome=Outcome.PASSED,
            measurements=TcpCapacity(arithmetic="nothing goes by TCP into dnsmasq", limits={}),
        )
    into = tuple(path for path in paths if path.into_dnsmasq)
    arithmetic = _arithmetic(into, found)
    measurements = TcpCapacity(
        arithmetic=arithmetic,
        demand=_row(found, found.per_node),
        saturates_at_per_node=found.saturates_at,
        limits={pod: limit for path in into for pod, limit in path.limits.items()},
        table=[_row(found, per_node) for per_node in _TABLE],
    )
    evidence = tuple(_lines(measurements.table))
    if found.headroom >= 0:
        return Verdict(
            outcome=Outcome.PASSED,
            reason=arithmetic,
            measurements=measurements,
            evidence=evidence,
        )
    return Verdict(
        outcome=Outcome.FAILED,
        reason=(
            f"{arithmetic}; at {found.per_node} per node (--peak-queries-per-node) "
            f"{found.wanted} connections want {found.children} children"
        ),
        measurements=measurements,
        evidence=evidence,
    )


TCP_CAPACITY = Check(
    id="topology.tcp-capacity",
    profile=Profile.AUDIT,
    requirement=(
        "Connections that nodes open into dnsmasq at their peak are no more than its replicas' TCP children."
    ),
    source=_SOURCE,
    remedy=_REMEDY,
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: tcp_capacity(run.topology, run.settings)),
)


@dataclass(frozen=True, slots=True)
class ForwardPools:
    """Measurements of topology.forward-pool.

    Attributes:
        bounded: Pools of connections whose life is bounded, in words.
        unbounded: The others.
    """

    bounded: Sequence[str]
    unbounded: Sequence[str]


def forward_pool(topology: Topology) -> Verdict:
    """Judge whether the life of a connection is bounded, for the version of CoreDNS that opens it."""
    into = {(path.layer.name, path.forward) for path in tcp_paths(topology) if path.into_dnsmasq}
    bounded: list[str] = []
    wrong: dict[str, Outcome] = {}
    without_max_age: set[str] = set()
    for layer in topology.layers:
        for forward in layer.forwards:
            into_dnsmasq = (layer.name, forward) in into
            # A node's daemon is the platform's: its settings are not seen, and matter to dnsmasq only.
            if forward.force_tcp and (into_dnsmasq or layer.kind is not LayerKind.NODE_DNS):
                version = layer.coredns or "version not known"
                line = f"{layer.name} ({version}), {_where(forward)}: {_pool_settings(forward)}"
                if _bounded(layer, forward):
                    bounded.append(line)
                else:
                    wrong[line] = Outcome.FAILED if into_dnsmasq else Outcome.WARNED
                    if _is_without_max_age(_version(layer)):
                        without_max_age.add(layer.coredns.value if layer.coredns else "")
    measurements = ForwardPools(bounded, list(wrong))
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED if Outcome.FAILED in wrong.values() else Outcome.WARNED,
        reason=(
            f"connections of {next(iter(wrong))} live as long as there are queries: from CoreDNS 1.14.1 on "
            "the pool is first in, first out, so none is ever idle for long"
        ),
        remedy=_pool_remedy(without_max_age),
        measurements=measurements,
        evidence=tuple(wrong),
    )


FORWARD_POOL = Check(
    id="topology.forward-pool",
    profile=Profile.AUDIT,
    requirement="Where queries are forwarded by TCP, the life of a connection is bounded.",
    source=_SOURCE,
    remedy="set max_age (CoreDNS 1.14.3 or later) in each forward with force_tcp",
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: forward_pool(run.topology)),
)

CHECKS = (NO_TCP_INTO_DNSMASQ, TCP_CAPACITY, FORWARD_POOL)


def _bounded(layer: Layer, forward: Forward) -> bool:
    """Return whether a connection ends under steady load; a version that is not known may be any."""
    numbers = _version(layer)
    if numbers is not None and numbers < _FIFO:
        return True
    if _is_without_max_age(numbers):
        return forward.max_idle_conns is not None
    return forward.max_age is not None


def _version(layer: Layer) -> tuple[int, ...] | None:
    """Return the version of a layer's CoreDNS; None where it is not known."""
    found = re.match(r"\d{1,6}(?:\.\d{1,6})*", layer.coredns.value) if layer.coredns else None
    return tuple(int(part) for part in found[0].split(".")) if found else None


def _is_without_max_age(version: tuple[int, ...] | None) -> bool:
    return version is not None and _FIFO <= version < _MAX_AGE


def _pool_remedy(without_max_age: set[str]) -> str:
    """Return what to set: max_age, or in its place what a version that lacks it has."""
    if not without_max_age:
        return "set max_age (CoreDNS 1.14.3 or later) in each forward with force_tcp"
    versions = ", ".join(sorted(without_max_age))
    return (
        f"CoreDNS {versions} has no max_age: set max_idle_conns in each forward with force_tcp, "
        "or run 1.14.3 or later with max_age, or 1.13"
    )


def _arithmetic(paths: tuple[TcpPath, ...], found: Demand) -> str:
    most = pool(paths)
    width = "unbounded pool" if most is None else f"pool of {most} (max_concurrent)"
    distinct = {pod: limit.value for path in paths for pod, limit in path.limits.items()}
    counts = Counter(distinct.values())
    children = " + ".join(f"{count} x {limit}" for limit, count in sorted(counts.items())) or "0"
    share = f", {found.share:.0%} of them into dnsmasq" if found.share < 1 else ""
    return (
        f"{found.nodes} nodes x {width}{share} into {children} children; "
        f"saturates from {found.saturates_at} concurrent queries per node"
    )


def _row(found: Demand, per_node: int) -> DemandAt:
    demanded = Demand(found.nodes, per_node, found.replicas, found.children, found.share)
    limit = found.children // found.replicas if found.replicas else 0
    return DemandAt(
        per_node=per_node,
        connections=demanded.wanted,
        children=demanded.children,
        headroom=demanded.headroom,
        replicas_needed=replicas_for(demanded.wanted, limit),
    )


def _lines(table: Sequence[DemandAt]) -> list[str]:
    names = [field.name.replace("_", " ") for field in fields(DemandAt)]
    rows = [
        "  ".join(str(value).rjust(len(name)) for value, name in zip(astuple(row), names, strict=True))
        for row in table
    ]
    return ["  ".join(names), *rows]


def _told(path: TcpPath) -> str:
    counts = Counter(str(limit) for limit in path.limits.values())
    dnsmasq = ", ".join(f"{count} of limit {limit}" for limit, count in counts.items()) or "none ready"
    behind = f"dnsmasq, {dnsmasq}" if path.into_dnsmasq else "no dnsmasq"
    others = f", {path.others} other pods" if path.others else ""
    return f"{path.layer.name}, {_where(path.forward)}, force_tcp to {path.service.name}: {behind}{others}"


def _where(forward: Forward) -> str:
    assumed = "assumed, as " if forward.assumed else ""
    return f"{' '.join(forward.zones)} ({assumed}{forward.source})"


def _pool_settings(forward: Forward) -> str:
    said = {
        "expire": f"{forward.expire:g} s",
        "max_age": f"{forward.max_age:g} s" if forward.max_age is not None else "none",
        "max_idle_conns": forward.max_idle_conns or "none",
        "max_concurrent": forward.max_concurrent or "none",
    }
    return ", ".join(f"{name} {value}" for name, value in said.items())
