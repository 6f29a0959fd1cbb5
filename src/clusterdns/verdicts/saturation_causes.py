"""Causes that lie in what is used up: connections, queues, tables, processors, also those that measure."""

from collections.abc import Iterator

from clusterdns.model.outcome import and_more
from clusterdns.verdicts.answer_causes import had_no_answer
from clusterdns.verdicts.cause import Cause, Findings
from clusterdns.verdicts.check_causes import LOOKUPS
from clusterdns.verdicts.conntrack import CONNTRACK_TABLE
from clusterdns.verdicts.saturation import CONNTRACK, ConntrackLosses
from clusterdns.verdicts.throttling import CPU_LIMIT

INTO_DNSMASQ = frozenset(
    {
        "topology.no-tcp-into-dnsmasq",
        "topology.tcp-capacity",
        "topology.forward-pool",
        "saturation.tcp-workers",
        "saturation.listen-queue",
        "saturation.node-timeouts",
        "saturation.health-checks",
        "saturation.connection-churn",
        "saturation.sessions",
        "latency.path",
        "latency.tail-ratio",
    }
)
"""The checks that fail where node caches ask dnsmasq by TCP."""
SLOW = frozenset(
    {"latency.dns-pods", "latency.path", "latency.tail-ratio", "latency.upstream", "latency.http"}
)
"""The checks that fail where answers are late."""


def tcp_into_dnsmasq(found: Findings) -> Iterator[Cause]:
    """Yield that node caches ask dnsmasq by TCP: the incident."""
    complaint = found.complaint("topology.no-tcp-into-dnsmasq")
    if complaint is not None:
        yield Cause(
            id="tcp-into-dnsmasq",
            sentence="node caches ask dnsmasq by TCP, which serves few connections at a time: when these are "
            "taken it answers nobody who asks by TCP, and says so nowhere",
            explains=found.names(lambda complaint: complaint.check in INTO_DNSMASQ),
            evidence=(complaint.verdict.reason, *complaint.verdict.evidence),
            remedy="take dnsmasq out of the way (Cloud DNS, CoreDNS behind the node caches), or remove the "
            "node caches or their force_tcp",
            source=complaint.verdict.source or complaint.case.check.source,
        )


def full_backlog(found: Findings) -> Iterator[Cause]:
    """Yield that more connections arrive at once than dnsmasq's backlog holds."""
    complaint = found.complaint("saturation.listen-overflow")
    if complaint is not None:
        yield Cause(
            id="accept-backlog-overflow",
            sentence="more TCP connections arrive at once than dnsmasq's accept backlog of 32 holds: the "
            "others wait for a retransmitted SYN, 1, 3 or 7 s",
            explains=found.names(
                lambda complaint: (
                    complaint.check in INTO_DNSMASQ | {"saturation.listen-overflow"}
                    and not complaint.check.startswith("topology.")
                )
            ),
            evidence=(complaint.verdict.reason, *complaint.verdict.evidence),
            remedy="take dnsmasq out of the way of TCP: a higher limit of connections does not help",
            source="tcp(7): listen backlog; ListenOverflows of /proc/net/netstat",
        )


def conntrack(found: Findings) -> Iterator[Cause]:
    """Yield that connections find no room in a node's table, or that two of them race for one place."""
    full, lossy = found.complaint(CONNTRACK_TABLE.id), found.complaint(CONNTRACK.id)
    if full is not None:
        yield Cause(
            id="conntrack-full",
            sentence="nodes have no room for new connections, so that the packets which begin one are lost: "
            f"{full.verdict.reason}",
            explains=found.names(
                lambda complaint: (
                    had_no_answer(complaint) or complaint.check in SLOW | {CONNTRACK_TABLE.id, CONNTRACK.id}
                )
            ),
            evidence=full.verdict.evidence,
            remedy=CONNTRACK_TABLE.remedy,
            source=CONNTRACK_TABLE.source,
        )
    elif lossy is not None and isinstance(lossy.verdict.measurements, ConntrackLosses):
        raced = {node: count for node, count in lossy.verdict.measurements.not_inserted.items() if count}
        if raced:
            yield Cause(
                id="conntrack-race",
                sentence="two queries that leave one socket at once race for a place in conntrack, and one "
                f"of them is lost: its client waits 5 s ({', '.join(raced)})",
                explains=found.names(lambda complaint: complaint.check in LOOKUPS | SLOW | {CONNTRACK.id}),
                evidence=tuple(f"{node}: insert_failed rose by {count}" for node, count in raced.items()),
                remedy="put a node-local cache without NAT in front (NodeLocal DNSCache); until then let "
                "glibc use single-request-reopen, or TCP (use-vc)",
                source="kubernetes/kubernetes issue 56903; /proc/net/stat/nf_conntrack insert_failed",
            )


def throttled(found: Findings) -> Iterator[Cause]:
    """Yield that DNS pods are held back at their CPU limit."""
    if found.throttled:
        yield Cause(
            id="dns-pods-throttled",
            sentence=f"the CPU limit of DNS pods is too low: {and_more([*map(str, found.throttled)])}",
            explains=found.names(lambda complaint: had_no_answer(complaint) or complaint.check in SLOW),
            evidence=tuple(map(str, found.throttled)),
            remedy=CPU_LIMIT.remedy,
            source=CPU_LIMIT.source,
        )


def busy_machine(found: Findings) -> Iterator[Cause]:
    """Yield that it was not the cluster: what measures was too busy."""
    if found.too_busy:
        yield Cause(
            id="machine-busy",
            sentence="not the cluster's DNS: nodes, or the machine that the suite runs on, were too busy for "
            f"what is timed there ({and_more([*dict.fromkeys(found.too_busy.values())])})",
            explains=tuple(found.too_busy),
            evidence=tuple(dict.fromkeys(found.too_busy.values())),
            remedy="run again when they are less busy, or with a lower load (--load-rate, --burst-size)",
            source="docs/measurement.md: what was sent late measures the sender",
        )
