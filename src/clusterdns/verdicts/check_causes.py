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
    """

    id: str
    follows: frozenset[str] = frozenset()


CHECK_CAUSES: Mapping[str, CheckCause] = {
    "resolver.wildcard": CheckCause("search-suffix-wildcard", LOOKUPS),
    "resolver.loop": CheckCause("resolver-loop", LOOKUPS | {"records.external", "latency.upstream"}),
    "topology.service-routing": CheckCause(
        "service-keeps-queries-on-node", frozenset({"topology.tcp-reachable", "records.reachable"})
    ),
    "topology.network-policy": CheckCause("policy-blocks-dns"),
    "records.stub-domains": CheckCause("stub-domain-dead"),
    "latency.upstream": CheckCause("upstream-slow"),
    "latency.dns-pods": CheckCause("dns-pod-slow", frozenset({"latency.path", "latency.tail-ratio"})),
}
"""Check -> the cause that it names."""
