"""What leaves the cluster: topology.negative-cache, upstream-quota. Both warn at most."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import Fact, Forward, Layer, Topology, host
from clusterdns.settings import Settings

_FAMILIES = 2  # getaddrinfo asks A and AAAA
_CLUSTER_SUFFIXES = 3


@dataclass(frozen=True, slots=True)
class NegativeCaches:
    """Measurements of topology.negative-cache.

    Attributes:
        caches_nxdomain: Layer -> whether it caches NXDOMAIN of names outside the cluster.
        search_suffixes: How many suffixes a pod's search list has; None where not known.
    """

    caches_nxdomain: Mapping[str, Fact[bool]]
    search_suffixes: int | None


def negative_cache(topology: Topology) -> Verdict:
    """Judge whether any layer caches NXDOMAIN."""
    caches = [str(layer.caches_denials) for layer in topology.layers]
    own = topology.provider.search_suffixes
    suffixes = "of a length that is not known" if own is None else f"of {_CLUSTER_SUFFIXES + own} suffixes"
    measurements = NegativeCaches(
        caches_nxdomain={layer.name: layer.caches_denials for layer in topology.layers},
        search_suffixes=None if own is None else _CLUSTER_SUFFIXES + own,
    )
    if any(layer.caches_denials.value for layer in topology.layers):
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.WARNED,
        reason=(
            f"no layer caches NXDOMAIN ({'; '.join(caches)}): behind a search list {suffixes} every "
            "external lookup asks for names that do not exist, again and again"
        ),
        measurements=measurements,
    )


NEGATIVE_CACHE = Check(
    id="topology.negative-cache",
    profile=Profile.AUDIT,
    requirement="Some layer caches NXDOMAIN, which is what most answers are where there is a search list.",
    source="dnsmasq(8) --no-negcache; RFC 2308",
    remedy="set ndots:1 or trailing dots where external names are looked up often, or cache NXDOMAIN",
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: negative_cache(run.topology)),
)


@dataclass(frozen=True, slots=True)
class UpstreamQuota:
    """Measurements of topology.upstream-quota.

    Attributes:
        resolvers: Public ones that are, or may be, asked.
        arithmetic: How the projection comes about.
        projected_qps: Queries per second and source address.
        quota_qps: The most that they may be.
    """

    resolvers: Sequence[str]
    arithmetic: str
    projected_qps: float
    quota_qps: float


def upstream_quota(topology: Topology, settings: Settings) -> Verdict:
    """Judge the queries per second and source address that external lookups make of a public resolver."""
    layer, public = _leaving(topology)
    lookups = len(topology.nodes) * settings.external_lookups_per_node
    sources = max(len(layer.nodes), 1) if layer else 1
    projected = lookups * _FAMILIES / sources
    arithmetic = (
        f"{len(topology.nodes)} nodes x {settings.external_lookups_per_node:g} external lookups/s x "
        f"{_FAMILIES} address families from {sources} addresses: {projected:g} queries/s each"
    )
    measurements = UpstreamQuota(public, arithmetic, projected, settings.upstream_quota)
    if not public or projected <= settings.upstream_quota:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.WARNED,
        reason=f"{arithmetic}; {', '.join(public)} takes {settings.upstream_quota:g} (--upstream-quota)",
        measurements=measurements,
    )


UPSTREAM_QUOTA = Check(
    id="topology.upstream-quota",
    profile=Profile.AUDIT,
    requirement="Queries per source address to a public resolver stay under its quota.",
    source="Google Public DNS: 1,500 queries a second per client address",
    remedy="ask the provider's own resolver, or spread the queries over more source addresses",
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: upstream_quota(run.topology, run.settings)),
)

CHECKS = (NEGATIVE_CACHE, UPSTREAM_QUOTA)


def _leaving(topology: Topology) -> tuple[Layer | None, list[str]]:
    """Return the first layer that asks resolvers outside, and those of them that are public.

    A node's /etc/resolv.conf is no API object: unless the provider's resolver is known, it may name anybody.
    """
    for layer in topology.layers:
        for forward in layer.forwards:
            outside = [upstream for upstream in forward.upstreams if _leaves(topology, forward, upstream)]
            if "." in forward.zones and outside:
                return layer, [told for upstream in outside if (told := _public(topology, upstream))]
    return None, []


def _leaves(topology: Topology, forward: Forward, upstream: str) -> bool:
    return topology.behind(upstream) is None and not topology.may_be_inside(forward, upstream)


def _public(topology: Topology, upstream: str) -> str:
    """Return how to call an upstream that is, or may be, a public resolver; "" for any other."""
    if upstream.startswith("/"):
        return (
            ""
            if topology.provider.upstream
            else f"{upstream} of the nodes (assumed: it may name a public one)"
        )
    try:
        return upstream if ipaddress.ip_address(host(upstream)).is_global else ""
    except ValueError:
        return upstream
