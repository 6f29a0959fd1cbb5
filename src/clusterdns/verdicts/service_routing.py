"""Where a Service of the cluster's DNS may send queries: topology.service-routing and topology.spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Need, only
from clusterdns.cluster.permissions import OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import Service, Topology

_NAMED = 3  # nodes


@dataclass(frozen=True, slots=True)
class Routing:
    """Measurements of topology.service-routing.

    Attributes:
        traffic_policy: Service -> its internalTrafficPolicy.
        affinity: Service -> its sessionAffinity.
        without_pod: Service that keeps queries on their node -> the nodes without a ready pod.
    """

    traffic_policy: Mapping[str, str]
    affinity: Mapping[str, str]
    without_pod: Mapping[str, Sequence[str]]


def service_routing(topology: Topology) -> Verdict:
    """Judge whether every node's queries reach a pod, and are spread over the pods."""
    services = [service for service in topology.services if service.addresses and service.backends]
    without_pod = {
        service.name: sorted(set(topology.nodes) - {backend.node for backend in service.ready})
        for service in services
        if service.traffic_policy == "Local"
    }
    faults = [
        f"{name} keeps queries on their node (internalTrafficPolicy: Local), and {_names(nodes)} "
        f"{'has' if len(nodes) == 1 else 'have'} no ready pod of it"
        for name, nodes in without_pod.items()
        if nodes
    ]
    doubts = [
        f"{service.name} keeps each client with one pod (sessionAffinity: {service.affinity}): a node cache, "
        "or a node whose pods are masqueraded, is one client"
        for service in services
        if service.affinity not in {"", "None"}
    ]
    return judged(
        [*faults, *doubts],
        Routing(
            {service.name: service.traffic_policy for service in services},
            {service.name: service.affinity for service in services},
            without_pod,
        ),
        outcome=Outcome.FAILED if faults else Outcome.WARNED,
    )


SERVICE_ROUTING = Check(
    id="topology.service-routing",
    profile=Profile.AUDIT,
    requirement="Queries from every node reach a ready pod of each DNS Service, and all of its pods.",
    source="kubernetes.io/docs/concepts/services-networking/service-traffic-policy/",
    remedy="set internalTrafficPolicy: Cluster and sessionAffinity: None in that Service",
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: service_routing(run.topology)),
)

ZONES = Need(
    "zones",
    lambda run: (
        None
        if len(set(run.topology.nodes.values()) - {""}) > 1
        else "the nodes' labels topology.kubernetes.io/zone name fewer than two zones"
    ),
)
"""Nodes in several zones."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Measurements of topology.spread.

    Attributes:
        zones: Service -> zone -> how many of its ready pods are there; "" for nodes that name none.
    """

    zones: Mapping[str, Mapping[str, int]]


def spread(topology: Topology) -> Verdict:
    """Judge whether the pods behind each Service are in several zones."""
    zones = {service.name: _zones(service, topology) for service in topology.services if service.ready}
    return judged(
        [
            f"all {sum(counts.values())} ready pods of {name} are in zone {zone}: without it nobody answers"
            for name, counts in zones.items()
            for zone in list(counts)[:1]
            if len(counts) == 1 and sum(counts.values()) > 1
        ],
        Spread(zones),
        outcome=Outcome.WARNED,
    )


SPREAD = Check(
    id="topology.spread",
    profile=Profile.AUDIT,
    requirement="The pods of each DNS Service are in several zones, where the nodes are.",
    source="kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
    remedy="spread the DNS pods by topologySpreadConstraints over topology.kubernetes.io/zone",
    needs=(ZONES,),
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: spread(run.topology)),
)

CHECKS = (SERVICE_ROUTING, SPREAD)


def _zones(service: Service, topology: Topology) -> dict[str, int]:
    counts: dict[str, int] = {}
    for backend in service.ready:
        zone = topology.nodes.get(backend.node, "")
        counts[zone] = counts.get(zone, 0) + 1
    return counts


def _names(nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - _NAMED} more nodes" if len(nodes) > _NAMED else ""
    return ", ".join(nodes[:_NAMED]) + more
