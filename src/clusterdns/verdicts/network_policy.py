"""NetworkPolicies on pods' way to their DNS: topology.network-policy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import NETWORK_POLICIES, OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.network_policies import Group, Place, Ways
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import DNS_PORT, LayerKind, Topology

_PROTOCOLS = ("UDP", "TCP")
_NODE_LOCAL = "169.254.20.10"  # what NodeLocal DNSCache takes unless it is told otherwise
_NAMED = 3


@dataclass(frozen=True, slots=True)
class _Way:
    """An address that pods ask, and the places that queries for it arrive at."""

    address: str
    what: str
    ends: tuple[tuple[Place, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysToDNS:
    """Measurements of topology.network-policy.

    Attributes:
        policies: How many there are.
        asked: The addresses that pods ask, in words.
        without_a_way: Namespace -> pods that policies keep from their DNS, in words.
        without_a_way_behind_node_caches: The same for pods that only NodeLocal DNSCache would cut off.
        node_caches_without_a_way: Node caches that policies keep from what they ask, in words.
    """

    policies: int
    asked: Sequence[str]
    without_a_way: Mapping[str, Sequence[str]]
    without_a_way_behind_node_caches: Mapping[str, Sequence[str]]
    node_caches_without_a_way: Sequence[str]


def network_policy(topology: Topology, ways: Ways) -> Verdict:
    """Judge each namespace's policies: what they refuse now, and what they would with a node cache."""
    asked = list(_ways(topology, ways))
    wrong: dict[str, list[str]] = {}
    risky: dict[str, list[str]] = {}
    for group in ways.groups:
        refused = _refused(ways, group, asked, every=bool(topology.nameservers))
        if refused:
            wrong.setdefault(group.place.namespace, []).append(f"{_told(group)}: {refused}")
        elif not topology.of_kind(LayerKind.NODE_LOCAL):
            later = _refused(ways, group, list(_later(topology)), every=False)
            if later:
                risky.setdefault(group.place.namespace, []).append(f"{_told(group)}: {later}")
    caches = list(_from_caches(topology, ways))
    measurements = WaysToDNS(
        policies=len(ways.policies.policies),
        asked=[f"{way.address} ({way.what})" for way in asked],
        without_a_way=wrong,
        without_a_way_behind_node_caches=risky,
        node_caches_without_a_way=caches,
    )
    if not wrong and not risky and not caches:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    if wrong or caches:
        reasons = [*_by_namespace(wrong), *caches]
        remedy = (
            f"allow UDP and TCP to {_addresses(asked)} on the ports that are asked, "
            "by ipBlock for an address of the node, by podSelector for DNS pods"
        )
    else:
        reasons = [f"turning NodeLocal DNSCache on would break {line}" for line in _by_namespace(risky)]
        remedy = f"allow UDP and TCP port 53 to {_addresses(_later(topology))} by ipBlock before it comes"
    return Verdict(
        outcome=Outcome.FAILED if wrong or caches else Outcome.WARNED,
        reason="; ".join(_first(reasons)),
        remedy=remedy,
        measurements=measurements,
        evidence=tuple(line for lines in (*wrong.values(), *risky.values()) for line in lines),
    )


NETWORK_POLICY = Check(
    id="topology.network-policy",
    profile=Profile.AUDIT,
    requirement=(
        "NetworkPolicies leave every pod a way to its DNS, by UDP and TCP, and would with NodeLocal DNSCache."
    ),
    source=(
        "kubernetes.io/docs/concepts/services-networking/network-policies; "
        "kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/"
    ),
    remedy="allow UDP and TCP to the addresses that pods ask",
    grants=(OBJECTS, NETWORK_POLICIES),
    measures=(Run.topology, Run.network_policies),
    cases=only(lambda run: network_policy(run.topology, run.network_policies)),
)

CHECKS = (NETWORK_POLICY,)


def _ways(topology: Topology, ways: Ways) -> Iterator[_Way]:
    """Yield each address that pods may ask: what they are told, else a node cache's, else the Services'."""
    local = topology.node_local_addresses()
    caches = topology.of_kind(LayerKind.NODE_LOCAL)
    redirected = {fact.value for layer in caches if layer.redirect for fact in layer.addresses}
    services = {address: service for service in topology.services for address in service.addresses}
    told = [fact.value for fact in topology.nameservers]
    upstreams = {layer.upstream for layer in topology.layers}
    by_service = [address for address, service in services.items() if service.name not in upstreams]
    for address in told or list(local) or by_service:
        if address in local and address not in redirected:
            yield _Way(address, f"node cache {local[address]}", ((Place(address), DNS_PORT),))
        elif address in services:
            name = services[address].name
            yield _Way(address, f"Service {name}", tuple(ways.servers.get(name, ())))
        else:
            yield _Way(address, "no pod", ((Place(address), DNS_PORT),))


def _later(topology: Topology) -> Iterator[_Way]:
    """Yield what pods would ask with NodeLocal DNSCache: its own address, and Services' ones on the node."""
    yield _Way(_NODE_LOCAL, "NodeLocal DNSCache", ((Place(_NODE_LOCAL), DNS_PORT),))
    for service in topology.services:
        for address in service.addresses:
            yield _Way(address, f"Service {service.name} on the node", ((Place(address), DNS_PORT),))


def _refused(ways: Ways, group: Group, asked: Sequence[_Way], *, every: bool) -> str:
    """Return what keeps pods from their DNS; "" where nothing does.

    Args:
        ways: With the policies.
        group: The pods.
        asked: What they may ask.
        every: Whether they are known to ask all of that; else one way that is open suffices.
    """
    refused = {way.address: _shut(ways, group.place, way) for way in asked}
    shut = {address: why for address, why in refused.items() if why}
    if not shut or (not every and len(shut) < len(refused)):
        return ""
    return "; ".join(f"{address} {why}" for address, why in shut.items())


def _shut(ways: Ways, source: Place, way: _Way) -> str:
    """Return by which protocol a way is shut, and by which policies; "" where it is open."""
    told = []
    for protocol in _PROTOCOLS:
        refusing = {
            policy
            for place, port in way.ends
            for policy in ways.policies.refusing(source, place, protocol, port)
        }
        if refusing:
            told.append(f"by {protocol} is refused by {', '.join(sorted(refusing))}")
    return " and ".join(told)


def _from_caches(topology: Topology, ways: Ways) -> Iterator[str]:
    """Yield the Services whose pods a node cache does not reach: no selector matches it on its network."""
    for layer in topology.of_kind(LayerKind.NODE_LOCAL):
        for path in {upstream for forward in layer.forwards for upstream in forward.upstreams}:
            service = topology.behind(path)
            if service is None:
                continue
            ends = tuple(ways.servers.get(service.name, ()))
            shut = _shut(ways, Place(), _Way(path, service.name, ends)) if not layer.redirect else ""
            if shut:
                yield f"{layer.name} to {service.name} {shut}"


def _told(group: Group) -> str:
    if not group.example:
        return f"pods of {group.place.namespace}"
    more = f" and {group.count - 1} more" if group.count > 1 else ""
    return f"{group.place.namespace}/{group.example}{more}"


def _by_namespace(found: dict[str, list[str]]) -> list[str]:
    told = []
    for namespace, lines in sorted(found.items()):
        more = f" (and {len(lines) - 1} more kinds of pods)" if len(lines) > 1 else ""
        told.append(f"namespace {namespace}: {lines[0]}{more}")
    return told


def _first(reasons: list[str]) -> list[str]:
    more = len(reasons) - _NAMED
    return [*reasons[:_NAMED], *([f"and {more} more"] if more > 0 else [])]


def _addresses(ways: Iterable[_Way]) -> str:
    return ", ".join(dict.fromkeys(way.address for way in ways))
