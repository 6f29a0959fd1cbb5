"""The catalogue of checks: every id, the profile it runs in and the one sentence it requires.

Ids are what reports, `--check` and CI gates use; they never change meaning. The first
word of an id is its area, and the folder below `tests/conformance/` that holds it.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Profile(StrEnum):
    """How much a check may do to a cluster."""

    AUDIT = "audit"  # reads objects, metrics and logs; makes nothing
    CORE = "core"  # a few probe pods, some Services and some thousand queries
    SLOW = "slow"  # waits for caches to expire
    LOAD = "load"  # sends bounded load
    DISRUPTIVE = "disruptive"  # restarts DNS pods


# What runs when a profile is asked for. Only what is harmless comes along: asking for
# load does not also restart pods.
INCLUDES: dict[Profile, frozenset[Profile]] = {
    Profile.AUDIT: frozenset({Profile.AUDIT}),
    Profile.CORE: frozenset({Profile.AUDIT, Profile.CORE}),
    Profile.SLOW: frozenset({Profile.AUDIT, Profile.CORE, Profile.SLOW}),
    Profile.LOAD: frozenset({Profile.AUDIT, Profile.CORE, Profile.LOAD}),
    Profile.DISRUPTIVE: frozenset({Profile.AUDIT, Profile.CORE, Profile.DISRUPTIVE}),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the catalogue."""

    id: str  # "<area>.<name>"
    profile: Profile
    requirement: str

    @property
    def area(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]


_ROWS = (
    Check(
        "resolver.nameserver",
        Profile.CORE,
        "A ClusterFirst pod's nameserver is the cluster DNS Service's, the node-local one or the provider's.",
    ),
    Check(
        "resolver.search-list",
        Profile.CORE,
        "A pod's search list is its namespace's domain, the Service domain, the zone, "
        "then the suffixes of its own node, in order.",
    ),
    Check(
        "resolver.search-length",
        Profile.CORE,
        "A pod's search list has no more suffixes than the limit, and the kubelet cut none off.",
    ),
    Check(
        "resolver.ndots",
        Profile.CORE,
        "ndots is 5 for ClusterFirst pods unless the pod's own submitted dnsConfig says otherwise.",
    ),
    Check(
        "resolver.dns-policy",
        Profile.CORE,
        "Every dnsPolicy, and dnsConfig merged into it, gives exactly the documented resolv.conf.",
    ),
    Check(
        "resolver.lookup-count",
        Profile.CORE,
        "A lookup sends exactly the queries that the search list, ndots and the C library call for.",
    ),
    Check(
        "resolver.lookup-order",
        Profile.CORE,
        "A lookup tries the suffixes in search order, and the absolute name where ndots puts it.",
    ),
    Check(
        "resolver.amplification",
        Profile.CORE,
        "A successful external lookup costs no more queries per address family than the budget.",
    ),
    Check(
        "records.dns-version",
        Profile.CORE,
        "A TXT record tells the version of the schema, 1.1.0.",
    ),
    Check(
        "records.service-address",
        Profile.CORE,
        "A Service's name stands for its cluster IPs, and for nothing else.",
    ),
    Check(
        "records.service-srv",
        Profile.CORE,
        "Every named port of a Service has an SRV record with its port and name, an unnamed one none.",
    ),
    Check(
        "records.service-ptr",
        Profile.CORE,
        "A cluster IP leads back to the name of its Service.",
    ),
    Check(
        "records.headless-address",
        Profile.CORE,
        "A headless Service's name stands for exactly its ready endpoints.",
    ),
    Check(
        "records.headless-hostname",
        Profile.CORE,
        "An endpoint's hostname below its headless Service stands for the endpoint.",
    ),
    Check(
        "records.headless-srv",
        Profile.CORE,
        "Every named port of every ready endpoint has an SRV record, whose target stands for the endpoint.",
    ),
    Check(
        "records.headless-ptr",
        Profile.CORE,
        "An endpoint's address leads back to its name below its headless Service.",
    ),
    Check(
        "records.headless-unready",
        Profile.CORE,
        "Endpoints that are not ready are absent, unless the Service publishes them.",
    ),
    Check(
        "records.external-name",
        Profile.CORE,
        "An ExternalName Service is a CNAME, followed to its addresses; a change of type is followed.",
    ),
    Check(
        "records.pod-address",
        Profile.CORE,
        "The name of a pod's address stands for that address, where there are such names (deprecated).",
    ),
    Check(
        "records.nonexistent",
        Profile.CORE,
        "Unknown names are NXDOMAIN, other types of known ones NODATA, both with an SOA record.",
    ),
    Check(
        "records.case",
        Profile.CORE,
        "Names are found in any case, and the question comes back octet for octet.",
    ),
    Check(
        "records.ttl",
        Profile.CORE,
        "No record, and no negative answer, lasts longer than its limit.",
    ),
    Check(
        "records.propagation",
        Profile.CORE,
        "A new name is found on every path within the limit, and a changed or deleted one is soon gone.",
    ),
    Check(
        "records.truncation",
        Profile.CORE,
        "Answers too large for UDP have TC set and arrive whole over TCP; EDNS sizes are honoured.",
    ),
    Check(
        "records.consistency",
        Profile.CORE,
        "Whoever is asked gives the same answer, also while endpoints change.",
    ),
    Check(
        "records.external",
        Profile.CORE,
        "A name outside the cluster resolves through it as outside, and one that does not exist does not.",
    ),
    Check(
        "topology.identify",
        Profile.AUDIT,
        "Every DNS layer is identified with its version, replicas and limits, and where each fact was read.",
    ),
    Check(
        "topology.no-tcp-into-dnsmasq",
        Profile.AUDIT,
        "No layer forwards queries by TCP into a Service with dnsmasq behind it.",
    ),
    Check(
        "topology.tcp-capacity",
        Profile.AUDIT,
        "Connections that nodes open into dnsmasq at their peak are no more than its replicas' TCP children.",
    ),
    Check(
        "topology.autoscaler",
        Profile.AUDIT,
        "The autoscaler leaves no single point of failure, and replicas grow with what nodes ask by TCP.",
    ),
    Check(
        "topology.redundancy",
        Profile.AUDIT,
        "At least two DNS pods are ready, on distinct nodes, with a disruption budget.",
    ),
    Check(
        "topology.nodelocal-coverage",
        Profile.AUDIT,
        "A node cache is ready and answers on every node, and its upstream Service has endpoints.",
    ),
    Check(
        "topology.negative-cache",
        Profile.AUDIT,
        "Some layer caches NXDOMAIN where a search list makes most answers just that.",
    ),
    Check(
        "topology.upstream-quota",
        Profile.AUDIT,
        "Queries per source address to a public resolver stay under its quota.",
    ),
    Check(
        "topology.forward-pool",
        Profile.AUDIT,
        "Where queries are forwarded by TCP, the life of a connection is bounded.",
    ),
    Check(
        "topology.tcp-reachable",
        Profile.CORE,
        "TCP port 53 works from every node to every DNS pod and Service.",
    ),
    Check(
        "saturation.tcp-workers",
        Profile.LOAD,
        "The TCP children of dnsmasq stay below its effective limit.",
    ),
    Check(
        "saturation.listen-queue",
        Profile.LOAD,
        "No connections wait on the :53 listener of dnsmasq for long.",
    ),
    Check(
        "saturation.listen-overflow",
        Profile.LOAD,
        "No connection finds the listen queue of a DNS pod full.",
    ),
    Check(
        "saturation.node-timeouts",
        Profile.LOAD,
        "Node caches do not run into i/o timeouts by TCP to the cluster's DNS.",
    ),
    Check(
        "saturation.health-checks",
        Profile.LOAD,
        "The forward health checks of node caches do not fail.",
    ),
    Check(
        "saturation.connection-churn",
        Profile.LOAD,
        "Node caches open fewer new upstream connections per second than the limit.",
    ),
    Check(
        "saturation.conntrack",
        Profile.LOAD,
        "Conntrack neither fails to insert nor drops while pods resolve A and AAAA at once.",
    ),
    Check(
        "saturation.debug-deployment",
        Profile.LOAD,
        "A copy of kube-dns with query logging serves, logs, holds the TCP limit it should, and goes again.",
    ),
    Check(
        "saturation.sessions",
        Profile.LOAD,
        "In dnsmasq's query log no request, no TCP session and not their number goes over its limit.",
    ),
    Check(
        "metrics.exposed",
        Profile.CORE,
        "Every metrics port of every DNS pod answers with the families it must have.",
    ),
    Check(
        "metrics.scraped",
        Profile.CORE,
        "A Prometheus in the cluster has every DNS pod as a healthy target, once.",
    ),
    Check(
        "metrics.selectors",
        Profile.CORE,
        "Each Service, ServiceMonitor and PodMonitor that means to select DNS pods does.",
    ),
    Check(
        "metrics.truth",
        Profile.CORE,
        "The counters of CoreDNS and node caches rise by at least the queries they answered.",
    ),
    Check(
        "metrics.cardinality",
        Profile.CORE,
        "No DNS pod and no Envoy sidecar has more series than its budget.",
    ),
    Check(
        "latency.path",
        Profile.LOAD,
        "Latency under open-loop load, and the share of lost queries, are within their limits on every path.",
    ),
    Check(
        "latency.tail-ratio",
        Profile.LOAD,
        "The p99 through a node cache is not far above the p99 straight to a DNS pod.",
    ),
    Check(
        "latency.schedule",
        Profile.LOAD,
        "The load generator keeps its plan, or what it measures is no verdict.",
    ),
    Check(
        "latency.http",
        Profile.LOAD,
        "No fetch of a page by HTTP or HTTPS fails for its name, or waits long for it.",
    ),
)

CATALOGUE: dict[str, Check] = {check.id: check for check in _ROWS}


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """Return the check ids that `names` (ids, or areas such as "resolver") stand for, in catalogue order.

    Raises:
        ValueError: a name is neither; the message lists near matches.
    """
    wanted: set[str] = set()
    areas = {check.area for check in CATALOGUE.values()}
    for name in names:
        ids = {check.id for check in CATALOGUE.values() if name in (check.id, check.area)}
        if not ids:
            near = difflib.get_close_matches(name, [*CATALOGUE, *sorted(areas)], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"areas are {', '.join(sorted(areas))};"
            raise ValueError(f"no check or area {name!r}: {hint} --list-checks lists all")
        wanted |= ids
    return tuple(id_ for id_ in CATALOGUE if id_ in wanted)
