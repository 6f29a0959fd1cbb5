"""Where in a drawing of a cluster's DNS the causes of failures belong, and the failures without one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from clusterdns.reporting.schema import CheckResult, Report

_APART = re.compile(r"[\s,;()\[\]\"']+")


class Place(Enum):
    """What of a cluster's DNS something can be wrong with."""

    PODS = "the pods that ask, and what their resolv.conf says"
    CACHES = "the node caches"
    SERVICES = "the Services"
    TCP_INTO_DNSMASQ = "the ways by TCP into dnsmasq"
    INTO_SERVERS = "the ways into the DNS servers"
    SERVERS = "the DNS servers"
    OUTSIDE = "servers outside the cluster's DNS"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that is wrong.

    Attributes:
        name: Of the cause, or of the check that failed without one.
        place: With what.
        mentioned: The words that tell of it, among them names and addresses.
    """

    name: str
    place: Place
    mentioned: frozenset[str]


CAUSES: Mapping[str, Place] = {
    "tcp-into-dnsmasq": Place.TCP_INTO_DNSMASQ,
    "accept-backlog-overflow": Place.TCP_INTO_DNSMASQ,
    "queries-blocked": Place.INTO_SERVERS,
    "random-loss": Place.INTO_SERVERS,
    "large-answers-lost": Place.INTO_SERVERS,
    "type-unanswered": Place.INTO_SERVERS,
    "node-cache-dead": Place.CACHES,
    "service-keeps-queries-on-node": Place.SERVICES,
    "service-rules-stale": Place.SERVICES,
    "policy-blocks-dns": Place.INTO_SERVERS,
    "dns-pod-wrong": Place.SERVERS,
    "dns-pod-slow": Place.SERVERS,
    "dns-server-fails": Place.SERVERS,
    "dns-pods-throttled": Place.SERVERS,
    "conntrack-full": Place.INTO_SERVERS,
    "conntrack-race": Place.INTO_SERVERS,
    "records-rewritten": Place.SERVERS,
    "records-late": Place.SERVERS,
    "truncation-unmarked": Place.SERVERS,
    "metrics-not-served": Place.SERVERS,
    "scrape-config-wrong": Place.SERVERS,
    "upstream-dead": Place.OUTSIDE,
    "upstream-slow": Place.OUTSIDE,
    "stub-domain-dead": Place.OUTSIDE,
    "resolver-loop": Place.OUTSIDE,
    "search-suffix-wildcard": Place.PODS,
    "nameserver-wrong": Place.PODS,
    "search-list-changed": Place.PODS,
    "search-list-too-long": Place.PODS,
    "ndots-changed": Place.PODS,
    "options-changed": Place.PODS,
    "cluster-domain-differs": Place.PODS,
}
"""Id of a cause -> where it is."""

CHECKS: Mapping[str, Place] = {
    "topology.no-tcp-into-dnsmasq": Place.TCP_INTO_DNSMASQ,
    "topology.tcp-capacity": Place.TCP_INTO_DNSMASQ,
    "topology.forward-pool": Place.TCP_INTO_DNSMASQ,
    "topology.nodelocal-coverage": Place.CACHES,
    "topology.service-routing": Place.SERVICES,
    "topology.tcp-reachable": Place.INTO_SERVERS,
    "topology.network-policy": Place.INTO_SERVERS,
    "topology.upstream-quota": Place.OUTSIDE,
    "records.reachable": Place.INTO_SERVERS,
    "records.path-mtu": Place.INTO_SERVERS,
    "records.external": Place.OUTSIDE,
    "records.stub-domains": Place.OUTSIDE,
    "latency.upstream": Place.OUTSIDE,
    "latency.dns-pods": Place.SERVERS,
    "latency.schedule": Place.PODS,
    "latency.http": Place.PODS,
}
"""Id of a check -> where what it requires is missing; for the others their area tells."""

AREAS: Mapping[str, Place] = {
    "resolver": Place.PODS,
    "records": Place.SERVERS,
    "topology": Place.SERVERS,
    "metrics": Place.SERVERS,
    "saturation": Place.INTO_SERVERS,
    "latency": Place.INTO_SERVERS,
    "resilience": Place.SERVERS,
    "soak": Place.INTO_SERVERS,
}
"""Area of a check -> where what it requires is missing."""


def marks(report: Report) -> list[Mark]:
    """Return what is wrong: causes first, in the report's order, then the checks that none explains."""
    found = [
        Mark(cause.id, place, _words(cause.sentence, *cause.evidence))
        for cause in report.causes
        if (place := CAUSES.get(cause.id))
    ]
    return found + [
        Mark(check.id, place, _words(check.reason, *check.evidence))
        for check in report.unexplained
        if (place := place_of(check))
    ]


def place_of(check: CheckResult) -> Place | None:
    """Return where what a check requires is missing; None for a check that is not known."""
    return CHECKS.get(check.id) or AREAS.get(check.area)


def _words(*texts: str) -> frozenset[str]:
    return frozenset(word.rstrip(".:") for text in texts for word in _APART.split(text))
