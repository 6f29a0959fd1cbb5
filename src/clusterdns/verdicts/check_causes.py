"""Checks whose failure is a cause by itself, and the checks that fail for the same cause."""

from collections.abc import Mapping
from dataclasses import dataclass

LOOKUPS = frozenset({"resolver.lookup-count", "resolver.lookup-order", "resolver.amplification"})
"""The checks that count what lookups put on the wire."""


@dataclass(frozen=True, slots=True)
class CheckCause:
    """What the failure of a check says by itself.

    Attributes:
        id: The cause's.
        follows: The other checks that fail for it.
        loses_queries: Whether queries have no answer for it.
    """

    id: str
    follows: frozenset[str] = frozenset()
    loses_queries: bool = False


_POLICY_AND_LOOKUPS = LOOKUPS | {"resolver.dns-policy"}

CHECK_CAUSES: Mapping[str, CheckCause] = {
    "resolver.nameserver": CheckCause("nameserver-wrong", _POLICY_AND_LOOKUPS),
    "resolver.search-list": CheckCause("search-list-changed", _POLICY_AND_LOOKUPS),
    "resolver.search-length": CheckCause("search-list-too-long", _POLICY_AND_LOOKUPS),
    "resolver.ndots": CheckCause("ndots-changed", _POLICY_AND_LOOKUPS),
    "resolver.options": CheckCause("options-changed", _POLICY_AND_LOOKUPS),
    "resolver.wildcard": CheckCause("search-suffix-wildcard", LOOKUPS),
    "resolver.loop": CheckCause("resolver-loop", LOOKUPS | {"records.external", "latency.upstream"}),
    "topology.service-routing": CheckCause("service-keeps-queries-on-node", loses_queries=True),
    "topology.network-policy": CheckCause("policy-blocks-dns"),
    "records.truncation": CheckCause("truncation-unmarked", frozenset({"records.consistency"})),
    "records.stub-domains": CheckCause("stub-domain-dead"),
    "latency.upstream": CheckCause("upstream-slow"),
    "metrics.exposed": CheckCause(
        "metrics-not-served", frozenset({"metrics.truth", "metrics.scraped", "metrics.cardinality"})
    ),
    "metrics.selectors": CheckCause("scrape-config-wrong", frozenset({"metrics.scraped"})),
    "latency.dns-pods": CheckCause("dns-pod-slow", frozenset({"latency.path", "latency.tail-ratio"})),
}
"""Check -> the cause that it names."""
