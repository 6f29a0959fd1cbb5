"""Verdicts on what leaves the cluster: topology.negative-cache, upstream-quota. Both warn at most."""

import ipaddress

from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.topology import Forward, Layer, Topology, host
from clusterdns.settings import Settings

_FAMILIES = 2  # getaddrinfo asks A and AAAA
_CLUSTER_SUFFIXES = 3


def negative_cache(topology: Topology) -> Verdict:
    """Some layer caches NXDOMAIN: a search list makes most answers to external lookups just that."""
    caches = {layer.name: str(layer.caches_denials) for layer in topology.layers}
    own = topology.provider.search_suffixes
    suffixes = "of a length that is not known" if own is None else f"of {_CLUSTER_SUFFIXES + own} suffixes"
    measurements = {"caches NXDOMAIN": caches, "search list": suffixes}
    if any(layer.caches_denials.value for layer in topology.layers):
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.WARNED,
        reason=(
            f"no layer caches NXDOMAIN ({'; '.join(caches.values())}): behind a search list {suffixes} every "
            "external lookup asks for names that do not exist, again and again"
        ),
        remedy="set ndots:1 or trailing dots where external names are looked up often, or cache NXDOMAIN",
        source="dnsmasq(8) --no-negcache; RFC 2308",
        measurements=measurements,
    )


def upstream_quota(topology: Topology, settings: Settings) -> Verdict:
    """Queries per second and source address to a public resolver stay under its quota."""
    layer, public = _leaving(topology)
    lookups = len(topology.nodes) * settings.external_lookups_per_node
    sources = max(len(layer.nodes), 1) if layer else 1
    projected = lookups * _FAMILIES / sources
    arithmetic = (
        f"{len(topology.nodes)} nodes x {settings.external_lookups_per_node:g} external lookups/s x "
        f"{_FAMILIES} address families from {sources} addresses: {projected:g} queries/s each"
    )
    measurements = {
        "resolvers": public,
        "arithmetic": arithmetic,
        "projected": projected,
        "quota": settings.upstream_quota,
    }
    if not public or projected <= settings.upstream_quota:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.WARNED,
        reason=f"{arithmetic}; {', '.join(public)} takes {settings.upstream_quota:g} (--upstream-quota)",
        remedy="ask the provider's own resolver, or spread the queries over more source addresses",
        source="Google Public DNS: 1,500 queries a second per client address",
        measurements=measurements,
    )


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
