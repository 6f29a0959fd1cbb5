"""Verdicts on forwarding by TCP: topology.no-tcp-into-dnsmasq, tcp-capacity, autoscaler, forward-pool."""

import re
from collections import Counter

from clusterdns.model.autoscaling import Linear
from clusterdns.model.capacity import LARGEST_CLUSTER, Demand, at_sizes, first_short
from clusterdns.model.dns_profiles import LOST_ALIAS
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.tcp_paths import TcpPath, demand, pool, replicas_for, tcp_paths
from clusterdns.model.topology import Forward, Layer, Topology
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


def no_tcp_into_dnsmasq(topology: Topology) -> Verdict:
    """No layer forwards by TCP into a Service with dnsmasq behind it, whatever dnsmasq's limit is."""
    paths = tcp_paths(topology)
    wrong = [path for path in paths if path.into_dnsmasq]
    measurements = {"paths by TCP": [_told(path) for path in paths]}
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, source=_SOURCE, measurements=measurements)
    zones = dict.fromkeys(zone for path in wrong for zone in path.forward.zones)
    first = wrong[0]
    assumed = " (assumed: see the evidence)" if all(path.assumed for path in wrong) else ""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=(
            f"{first.layer.name} forwards {', '.join(zones)} by TCP into dnsmasq behind Service "
            f"{first.service.name}{assumed}: it forks a child for each connection and serves few at a time"
        ),
        remedy=_REMEDY,
        source=_SOURCE,
        measurements=measurements,
        evidence=(*(_told(path) for path in wrong), f"by TCP, besides: {LOST_ALIAS}"),
    )


def tcp_capacity(topology: Topology, settings: Settings) -> Verdict:
    """Connections that nodes open at their peak are no more than the children of all ready replicas."""
    paths = tcp_paths(topology)
    found = demand(paths, settings.peak_queries_per_node)
    if found is None:
        return Verdict(
            outcome=Outcome.PASSED,
            source=_SOURCE,
            measurements={"arithmetic": "nothing goes by TCP into dnsmasq"},
        )
    into = tuple(path for path in paths if path.into_dnsmasq)
    arithmetic = _arithmetic(into, found)
    measurements: dict[str, object] = {
        "arithmetic": arithmetic,
        "nodes": found.nodes,
        "concurrent queries per node": found.per_node,
        "connections wanted": found.wanted,
        "TCP children": found.children,
        "saturates at per node": found.saturates_at,
        "limits": {pod: str(limit) for path in into for pod, limit in path.limits.items()},
        "demand": [_row(found, per_node) for per_node in _TABLE],
    }
    evidence = tuple(_demand_table(found))
    if found.headroom >= 0:
        return Verdict(
            outcome=Outcome.PASSED,
            reason=arithmetic,
            source=_SOURCE,
            measurements=measurements,
            evidence=evidence,
        )
    return Verdict(
        outcome=Outcome.FAILED,
        reason=(
            f"{arithmetic}; at {found.per_node} per node (--peak-queries-per-node) "
            f"{found.wanted} connections want {found.children} children"
        ),
        remedy=_REMEDY,
        source=_SOURCE,
        measurements=measurements,
        evidence=evidence,
    )


def autoscaler(topology: Topology, settings: Settings) -> Verdict:
    """The autoscaler leaves no single point of failure, and replicas grow with what nodes ask of them by TCP.

    Where capacity is short today already, that is for `tcp_capacity` to say; here it is a warning.
    """
    scaler = topology.autoscaler
    if scaler is None or scaler.value is None:
        return Verdict(
            outcome=Outcome.FAILED,
            reason=f"the autoscaler's parameters are not known: {scaler.source if scaler else 'none'}",
            remedy="put valid JSON there: the autoscaler goes on with what it read last, until it restarts",
        )
    nodes, cores = topology.schedulable, topology.cores
    if isinstance(scaler.value, Linear) and scaler.value.include_unschedulable:
        nodes, cores = topology.total, topology.total_cores
    found = demand(tcp_paths(topology), settings.peak_queries_per_node)
    now, twice = (scaler.value.replicas(times * nodes, times * cores) for times in (1, 2))
    measurements: dict[str, object] = {
        "parameters": str(scaler),
        "nodes": nodes,
        "cores": cores,
        "replicas now": now,
        "replicas at twice the nodes": twice,
    }
    complaints: list[tuple[Outcome, str]] = []
    if nodes > 1 and now < 2:  # noqa: PLR2004 - one is a single point of failure
        outcome = Outcome.FAILED if found else Outcome.WARNED
        complaints.append((outcome, f"it gives {now} replica to {nodes} nodes: a single point of failure"))
    if found:
        limit = found.children // found.replicas if found.replicas else 0
        per_core = cores / nodes if nodes else 0.0
        short = first_short(scaler.value, per_core, found.per_node, limit)
        today, doubled = at_sizes(scaler.value, (nodes, 2 * nodes), per_core, found.per_node, limit)
        measurements["first short at"] = _size(short) if short else f"no size up to {LARGEST_CLUSTER} nodes"
        if today.headroom < 0 and short:
            complaints.append((Outcome.WARNED, f"no size it scales to suffices: short at {_size(short)}"))
        elif doubled.headroom < 0:
            complaints.append((Outcome.FAILED, f"twice the nodes are short of children: {_size(doubled)}"))
    evidence = tuple(f"{name}: {value}" for name, value in measurements.items())
    if not complaints:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements, evidence=evidence)
    return Verdict(
        outcome=min((outcome for outcome, _ in complaints), key=[Outcome.FAILED, Outcome.WARNED].index),
        reason="; ".join(text for _, text in complaints),
        remedy="set preventSinglePointFailure and a smaller nodesPerReplica; better: no TCP into dnsmasq",
        source="kubernetes-sigs/cluster-proportional-autoscaler; GKE's kube-dns-autoscaler",
        measurements=measurements,
        evidence=evidence,
    )


def forward_pool(topology: Topology) -> Verdict:
    """Where queries are forwarded by TCP, the life of a connection is bounded for that version of CoreDNS."""
    into = {(path.layer.name, path.forward) for path in tcp_paths(topology) if path.into_dnsmasq}
    told: dict[str, str] = {}
    wrong: dict[str, Outcome] = {}
    without_max_age: set[str] = set()
    for layer in topology.layers:
        for forward in layer.forwards:
            if forward.force_tcp:
                line = f"{layer.name} ({layer.coredns}), {_where(forward)}: {_pool_settings(forward)}"
                told[line] = "bounded" if _bounded(layer, forward) else "not bounded"
                if not _bounded(layer, forward):
                    wrong[line] = Outcome.FAILED if (layer.name, forward) in into else Outcome.WARNED
                    if _is_without_max_age(_version(layer)):
                        without_max_age.add(layer.coredns.value if layer.coredns else "")
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, source=_SOURCE, measurements={"pools": told})
    return Verdict(
        outcome=Outcome.FAILED if Outcome.FAILED in wrong.values() else Outcome.WARNED,
        reason=(
            f"connections of {next(iter(wrong))} live as long as there are queries: from CoreDNS 1.14.1 on "
            "the pool is first in, first out, so none is ever idle for long"
        ),
        remedy=_pool_remedy(without_max_age),
        source=_SOURCE,
        measurements={"pools": told},
        evidence=tuple(wrong),
    )


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


def _row(found: Demand, per_node: int) -> dict[str, int]:
    one = Demand(found.nodes, per_node, found.replicas, found.children, found.share)
    limit = found.children // found.replicas if found.replicas else 0
    return {
        "per node": per_node,
        "connections": one.wanted,
        "children": one.children,
        "headroom": one.headroom,
        "replicas needed": replicas_for(one.wanted, limit),
    }


def _demand_table(found: Demand) -> list[str]:
    rows = [_row(found, per_node) for per_node in _TABLE]
    names = list(rows[0])
    return ["  ".join(names), *("  ".join(str(row[name]).rjust(len(name)) for name in names) for row in rows)]


def _size(one: Demand) -> str:
    replicas = "1 replica" if one.replicas == 1 else f"{one.replicas} replicas"
    nodes = "1 node" if one.nodes == 1 else f"{one.nodes} nodes"
    return f"{nodes}, {replicas}, {one.children} children for {one.wanted} connections"


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
