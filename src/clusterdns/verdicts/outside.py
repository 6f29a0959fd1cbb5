"""Names outside the cluster: wildcards in search suffixes, stub domains, and upstreams that slow lookups.

They are asked at rest, since their times count: what is measured side by side makes servers slow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Need, at_rest
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model import outside
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.outside import Aim, OutsideAnswer
from clusterdns.model.pods import CLUSTER_FIRST
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import Topology

_SLOW_SHARE = 0.25
"""Of a node's lookups: one lost packet is no slow upstream."""
_KNOWN = frozenset({"NOERROR", "NXDOMAIN"})

FOREIGN_SUFFIXES = Need(
    "foreign-suffixes",
    lambda run: (
        None
        if any(
            outside.foreign_suffixes(view.seen[CLUSTER_FIRST], run.topology.zone.value) for view in run.views
        )
        else "every suffix of the search lists is the cluster's own"
    ),
)
"""Suffixes in pods' search lists that are not the cluster's own."""

STUB_DOMAINS_SET = Need(
    "stub-domains",
    lambda run: (
        None
        if outside.stub_domains(run.topology)
        else "no domain has servers of its own in the cluster's DNS"
    ),
)
"""Domains that the cluster's DNS sends to servers of their own."""


@dataclass(frozen=True, slots=True)
class Wildcards:
    """Measurements of resolver.wildcard.

    Attributes:
        suffixes: Search suffix -> the addresses that it gives for names that cannot exist.
    """

    suffixes: Mapping[str, Sequence[str]]


def wildcard(answers: Sequence[OutsideAnswer]) -> Verdict:
    """Judge whether a suffix has an answer for a name that cannot exist."""
    suffixes: dict[str, dict[str, None]] = {}
    for answer in outside.asked_for(answers, Aim.WILDCARD):
        suffixes.setdefault(answer.question.about, {}).update(dict.fromkeys(answer.data))
    faults = [
        f"*.{suffix} is {', '.join(addresses)}: each external name that is tried under it ends there"
        for suffix, addresses in suffixes.items()
        if addresses
    ]
    return judged(faults, Wildcards({suffix: list(addresses) for suffix, addresses in suffixes.items()}))


WILDCARD = Check(
    id="resolver.wildcard",
    profile=Profile.CORE,
    requirement="No search suffix beyond the cluster's own has an answer for a name that cannot exist.",
    source="resolv.conf(5), search; kubernetes/kubernetes issue 49113, k3s-io/k3s issue 2801",
    remedy="take that suffix out of the nodes' resolv.conf (kubelet: resolvConf), or the wildcard record "
    "out of its zone",
    needs=(FOREIGN_SUFFIXES,),
    grants=(OBJECTS, PROBES),
    cases=at_rest(lambda run: wildcard(run.outside), Run.outside),
)


@dataclass(frozen=True, slots=True)
class StubDomains:
    """Measurements of records.stub-domains.

    Attributes:
        servers: Stub domain -> the servers that it is sent to.
        rcodes: Stub domain -> node -> the answer's rcode; "no answer" where none came.
    """

    servers: Mapping[str, Sequence[str]]
    rcodes: Mapping[str, Mapping[str, str]]


def stub_domains(answers: Sequence[OutsideAnswer], topology: Topology) -> Verdict:
    """Judge whether each stub domain answers; one that its own server does not know is warned about."""
    servers = outside.stub_domains(topology)
    rcodes: dict[str, dict[str, str]] = {}
    for answer in outside.asked_for(answers, Aim.STUB_DOMAIN):
        rcodes.setdefault(answer.question.about, {})[answer.node] = answer.rcode or "no answer"
    faults, doubts = [], []
    for domain, by_node in rcodes.items():
        told = f"{domain} (sent to {', '.join(servers[domain])})"
        for rcode in sorted(set(by_node.values())):
            nodes = ", ".join(node for node, said in by_node.items() if said == rcode)
            if rcode not in _KNOWN:
                faults.append(f"{told}: {rcode} on {nodes}")
            elif rcode == "NXDOMAIN":
                doubts.append(f"{told}: its servers say that there is no such domain (on {nodes})")
    outcome = Outcome.FAILED if faults else Outcome.WARNED
    return judged([*faults, *doubts], StubDomains(servers, rcodes), outcome=outcome)


STUB_DOMAINS = Check(
    id="records.stub-domains",
    profile=Profile.CORE,
    requirement="The servers of every stub domain in the DNS configuration answer.",
    source="RFC 1034 3.6; kubernetes.io/docs/tasks/administer-cluster/dns-custom-nameservers/",
    remedy="ask these servers from a DNS pod's node: look at their addresses, firewalls and routes",
    needs=(STUB_DOMAINS_SET,),
    grants=(OBJECTS, PROBES),
    cases=at_rest(lambda run: stub_domains(run.outside, run.topology), Run.outside),
)


@dataclass(frozen=True, slots=True)
class OutsideTimes:
    """Measurements of latency.upstream.

    Attributes:
        took_ms: Node -> what each lookup took, in milliseconds, in order.
        upstreams: Where the cluster's DNS sends what it does not know.
    """

    took_ms: Mapping[str, Sequence[float]]
    upstreams: Sequence[str]


def slow_upstream(answers: Sequence[OutsideAnswer], topology: Topology, limit_ms: float) -> Verdict:
    """Judge how long names take that no cache holds, whatever is answered."""
    took: dict[str, list[float]] = {}
    for answer in outside.asked_for(answers, Aim.UPSTREAM):
        took.setdefault(answer.node, []).append(round(answer.took_ms, 1))
    faults = []
    for node, times in took.items():
        slow = [time for time in times if time >= limit_ms]
        if len(slow) > _SLOW_SHARE * len(times):
            faults.append(
                f"{len(slow)} of {len(times)} lookups from {node} took {min(slow) / 1000:.1f} to "
                f"{max(slow) / 1000:.1f} s, limit {limit_ms / 1000:g} s"
            )
    return judged(
        faults, OutsideTimes(took, outside.upstreams(topology)), evidence=outside.upstreams(topology)
    )


UPSTREAM = Check(
    id="latency.upstream",
    profile=Profile.CORE,
    requirement="The first lookup of a name outside the cluster does not wait for an upstream that is dead.",
    source="ours: nothing healthy takes a second; CoreDNS' forward waits 2 s for an upstream, glibc 5 s",
    remedy="ask each upstream from a DNS pod's node, and take those out that do not answer",
    grants=(OBJECTS, PROBES),
    cases=at_rest(
        lambda run: slow_upstream(run.outside, run.topology, run.settings.upstream_limit), Run.outside
    ),
)

CHECKS = (WILDCARD, STUB_DOMAINS, UPSTREAM)
