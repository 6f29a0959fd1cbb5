"""Named causes: from many failures to what is broken, where, and what to do.

A cause is derived from what a run has measured, never from what a reason says. It explains the failures that
follow from it; those that no cause explains stand for themselves.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from clusterdns.check import SelectedCase
from clusterdns.measuring.run import Run
from clusterdns.model.exchange import Message
from clusterdns.model.fault_localization import Description
from clusterdns.model.outcome import Verdict, and_more
from clusterdns.model.query_matrix import Asked
from clusterdns.model.reachability import TRANSPORTS
from clusterdns.model.throttling import Throttling
from clusterdns.verdicts import reachable
from clusterdns.verdicts.answer_rows import REACHABLE, REACHABLE_REMEDY, RecordAnswers
from clusterdns.verdicts.check_causes import CHECK_CAUSES, LOOKUPS
from clusterdns.verdicts.conntrack import CONNTRACK_TABLE
from clusterdns.verdicts.consistency import CONSISTENCY
from clusterdns.verdicts.lookups import LookupQueries
from clusterdns.verdicts.path_mtu import PATH_MTU
from clusterdns.verdicts.propagation import PROPAGATION
from clusterdns.verdicts.records import ROWS, wrong_answers
from clusterdns.verdicts.resolver import SearchLists
from clusterdns.verdicts.saturation import CONNTRACK, ConntrackLosses
from clusterdns.verdicts.throttling import CPU_LIMIT, held_back

_HALF = 0.5
_SHOWN = 10  # lines of evidence
_UNANSWERED_RCODES = frozenset({"SERVFAIL", "REFUSED"})
# Rows about anything but what the Services call for: how messages are made, and names of elsewhere.
_NOT_OF_OBJECTS = frozenset(
    f"records.{name}" for name in ("case", "external", "external-name", "nonexistent", "truncation")
)
_INTO_DNSMASQ = frozenset(
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
_SLOW = frozenset(
    {"latency.dns-pods", "latency.path", "latency.tail-ratio", "latency.upstream", "latency.http"}
)
_SEEN_AS: Mapping[str, frozenset[str]] = {
    "conntrack-full": frozenset({"random-loss", "queries-blocked"}),
    "dns-pods-throttled": frozenset({"random-loss", "dns-pod-slow"}),
}
"""Cause -> the causes that it looks like from where clients are: what they would say is evidence of it."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A case that failed.

    Attributes:
        case: Which.
        verdict: Its verdict.
    """

    case: SelectedCase
    verdict: Verdict

    @property
    def check(self) -> str:
        """The id of its check."""
        return self.case.check.id


@dataclass(frozen=True, slots=True)
class Findings:
    """What causes are derived from.

    Attributes:
        complaints: Every case that failed.
        unanswered: What queries without an answer have in common.
        wrong: Answers that do not say what the cluster's objects call for, and those to the same questions
            that do; with each, whether it is wrong.
        failed_upstreams: Answers about names outside the cluster that say that no upstream answered, as
            "name: rcode".
        throttled: DNS pods that were held back at their CPU limit too often.
        too_busy: Case that could not be measured since what measures was too busy -> the reason.
    """

    complaints: Sequence[Complaint] = ()
    unanswered: Sequence[Description] = ()
    wrong: Sequence[tuple[Asked, bool]] = ()
    failed_upstreams: Sequence[str] = ()
    throttled: Sequence[Throttling] = ()
    too_busy: Mapping[str, str] = field(default_factory=dict)

    def names(self, explained: Callable[[Complaint], bool]) -> tuple[str, ...]:
        """Return the names of the cases that something explains."""
        return tuple(complaint.case.name for complaint in self.complaints if explained(complaint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is broken.

    Attributes:
        id: What reports and breakages call it; it never changes meaning.
        sentence: What is broken and where, in one sentence.
        explains: The names of the cases that failed for it.
        evidence: Lines that prove it.
        remedy: What to do about it.
        source: Where that is documented.
    """

    id: str
    sentence: str
    explains: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: str
    source: str


def findings(run: Run) -> Findings:
    """Return what a run has found out besides its complaints; what it has not measured is left out."""
    return replace(
        _of_answers(run),
        throttled=held_back(run.throttling, run.settings.throttled_limit)
        if Run.throttling.is_measured(run)
        else (),
    )


def _of_answers(run: Run) -> Findings:
    """Return what the answers to queries about records tell."""
    measured = Run.topology.is_measured(run) and Run.path_probes.is_measured(run)
    if not measured or not Run.query_matrix.is_measured(run):
        return Findings()
    asked = reachable.everything_asked(run)
    wrong = [
        answer.asked
        for check in ROWS
        for transport in TRANSPORTS
        for answer in wrong_answers(check.id, run.query_matrix, transport)
    ]
    of_objects = {id(exchange) for question, exchange in wrong if question.check not in _NOT_OF_OBJECTS}
    questions = {question for question, exchange in wrong if id(exchange) in of_objects}
    return Findings(
        unanswered=reachable.describe(asked, run.topology),
        wrong=[
            ((question, exchange), id(exchange) in of_objects)
            for question, exchange in run.query_matrix.asked
            if question in questions and exchange.answered
        ],
        failed_upstreams=[
            f"{question} ({exchange.path}): {message.rcode}"
            for question, exchange in wrong
            if question.outside and (message := exchange.message) and _is_upstream_failure(message)
        ],
    )


def causes(found: Findings) -> list[Cause]:
    """Return the causes of failures and errors, those that explain most of them first."""
    every = [
        *_conntrack(found),
        *_throttled(found),
        *_into_dnsmasq(found),
        *_backlog(found),
        *_unanswered(found),
        *_node_cache(found),
        *_upstreams(found),
        *_wrong(found),
        *_told(found),
        *_zones(found),
        *_not_the_cluster(found),
    ]
    explaining = _deepest([cause for cause in every if cause.explains])
    return sorted(explaining, key=lambda cause: -len(cause.explains))


def _deepest(every: Sequence[Cause]) -> list[Cause]:
    """Return the causes without those that are others as clients see them, which become evidence."""
    seen_as = {cause.id: _SEEN_AS.get(cause.id, frozenset()) for cause in every}
    hidden = frozenset().union(*seen_as.values())
    return [
        replace(
            cause,
            evidence=(
                *cause.evidence,
                *(seen.sentence for seen in every if seen.id in seen_as[cause.id]),
            ),
        )
        for cause in every
        if cause.id not in hidden
    ]


def _conntrack(found: Findings) -> Iterator[Cause]:
    """Yield that connections find no room in a node's table, or that two of them race for one place."""
    full, lossy = _complaint(found, CONNTRACK_TABLE.id), _complaint(found, CONNTRACK.id)
    if full is not None:
        yield Cause(
            id="conntrack-full",
            sentence="nodes have no room for new connections, so that the packets which begin one are lost: "
            f"{full.verdict.reason}",
            explains=found.names(
                lambda complaint: (
                    _had_no_answer(complaint) or complaint.check in _SLOW | {CONNTRACK_TABLE.id, CONNTRACK.id}
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
                explains=found.names(lambda complaint: complaint.check in LOOKUPS | _SLOW | {CONNTRACK.id}),
                evidence=tuple(f"{node}: insert_failed rose by {count}" for node, count in raced.items()),
                remedy="put a node-local cache without NAT in front (NodeLocal DNSCache); until then let "
                "glibc use single-request-reopen, or TCP (use-vc)",
                source="kubernetes/kubernetes issue 56903; /proc/net/stat/nf_conntrack insert_failed",
            )


def _throttled(found: Findings) -> Iterator[Cause]:
    if found.throttled:
        yield Cause(
            id="dns-pods-throttled",
            sentence=f"the CPU limit of DNS pods is too low: {and_more([*map(str, found.throttled)])}",
            explains=found.names(lambda complaint: _had_no_answer(complaint) or complaint.check in _SLOW),
            evidence=tuple(map(str, found.throttled)),
            remedy=CPU_LIMIT.remedy,
            source=CPU_LIMIT.source,
        )


def _into_dnsmasq(found: Findings) -> Iterator[Cause]:
    complaint = _complaint(found, "topology.no-tcp-into-dnsmasq")
    if complaint is not None:
        yield Cause(
            id="tcp-into-dnsmasq",
            sentence="node caches ask dnsmasq by TCP, which serves few connections at a time: when these are "
            "taken it answers nobody who asks by TCP, and says so nowhere",
            explains=found.names(lambda complaint: complaint.check in _INTO_DNSMASQ),
            evidence=(complaint.verdict.reason, *complaint.verdict.evidence),
            remedy="take dnsmasq out of the way (Cloud DNS, CoreDNS behind the node caches), or remove the "
            "node caches or their force_tcp",
            source=complaint.verdict.source or complaint.case.check.source,
        )


def _backlog(found: Findings) -> Iterator[Cause]:
    complaint = _complaint(found, "saturation.listen-overflow")
    if complaint is not None:
        yield Cause(
            id="accept-backlog-overflow",
            sentence="more TCP connections arrive at once than dnsmasq's accept backlog of 32 holds: the "
            "others wait for a retransmitted SYN, 1, 3 or 7 s",
            explains=found.names(
                lambda complaint: (
                    complaint.check in _INTO_DNSMASQ | {"saturation.listen-overflow"}
                    and not complaint.check.startswith("topology.")
                )
            ),
            evidence=(complaint.verdict.reason, *complaint.verdict.evidence),
            remedy="take dnsmasq out of the way of TCP: a higher limit of connections does not help",
            source="tcp(7): listen backlog; ListenOverflows of /proc/net/netstat",
        )


def _unanswered(found: Findings) -> Iterator[Cause]:
    """Yield what leaves queries unanswered."""
    always = [description for description in found.unanswered if description.always]
    # Where servers or nodes are overloaded, and queries of every kind are lost, it is by chance that
    # some kinds of a few queries each are never answered.
    everywhere = any(not description.terms for description in found.unanswered)
    overloaded = bool(found.throttled) or _complaint(found, CONNTRACK_TABLE.id) is not None
    certain = [] if overloaded and everywhere else always
    # Of what a Service is sent, a share goes where nothing answers.
    shares = [description for description in found.unanswered if description not in certain]
    if certain:
        for description in certain:
            yield _of_unanswered(found, description, shares, *_kind(description))
    elif shares:
        most = max(shares, key=lambda description: description.failed)
        others = [description for description in shares if description is not most]
        yield _of_unanswered(found, most, others, *_kind(most))


def _of_unanswered(
    found: Findings, description: Description, others: Sequence[Description], id_: str, remedy: str
) -> Cause:
    return Cause(
        id=id_,
        sentence=reachable.sentence(description),
        explains=found.names(_had_no_answer),
        evidence=tuple(map(reachable.sentence, (description, *others))),
        remedy=remedy,
        source="RFC 1034 3.7: a query is answered; see records.reachable",
    )


def _kind(description: Description) -> tuple[str, str]:
    """Return the id and the remedy of what leaves queries unanswered."""
    value = description.value
    if description.rate < _HALF:
        return (
            "random-loss",
            "look for an overloaded or faulty link: drops of interfaces, conntrack, CPU throttling",
        )
    if value(reachable.OCTETS) is not None:
        return "large-answers-lost", (
            "find the hop that drops fragments or has a smaller MTU; until then let the DNS servers send at "
            "most 1,232 octets by UDP (bufsize, edns-packet-max)"
        )
    if value(reachable.TYPE) is not None:
        return "type-unanswered", (
            "find what drops questions of that type: a firewall with DNS inspection, a proxy, a DNS plugin; "
            "clients wait 5 s for each"
        )
    if value(reachable.NAME) == reachable.OUTSIDE:
        return "upstream-dead", "check the upstreams of the cluster's DNS: ask them from a DNS pod's node"
    servers = [str(value(attribute)) for attribute in (reachable.SERVER_KIND, reachable.SERVER)]
    if any(server.startswith(reachable.NODE_CACHE) for server in servers):
        return (
            "node-cache-dead",
            "look at the node cache's pod and interface; without it, remove its iptables rules",
        )
    return "queries-blocked", REACHABLE_REMEDY


def _had_no_answer(complaint: Complaint) -> bool:
    """Return whether a case failed since queries had no answer, and not for what answers say."""
    measured = complaint.verdict.measurements
    if isinstance(measured, RecordAnswers):
        return measured.wrong == 0 and measured.unanswered + measured.unsent > 0
    if isinstance(measured, LookupQueries):
        return bool(measured.unanswered) or any(measured.retries.values())
    return complaint.check in {
        REACHABLE,
        PATH_MTU,
        PROPAGATION.id,
        CONSISTENCY.id,
        "topology.tcp-reachable",
        "topology.nodelocal-coverage",
        "metrics.truth",
    }


def _node_cache(found: Findings) -> Iterator[Cause]:
    complaint = _complaint(found, "topology.nodelocal-coverage")
    if complaint is not None and not found.unanswered:
        yield Cause(
            id="node-cache-dead",
            sentence=complaint.verdict.reason,
            explains=found.names(lambda complaint: complaint.check == "topology.nodelocal-coverage"),
            evidence=complaint.verdict.evidence,
            remedy=complaint.verdict.remedy or complaint.case.check.remedy,
            source=complaint.case.check.source,
        )


def _upstreams(found: Findings) -> Iterator[Cause]:
    if found.failed_upstreams:
        yield Cause(
            id="upstream-dead",
            sentence="no upstream answers the cluster's DNS, so names outside the cluster do not resolve",
            explains=found.names(
                lambda complaint: complaint.check in _NOT_OF_OBJECTS - {"records.case", "records.truncation"}
            ),
            evidence=tuple(found.failed_upstreams[:_SHOWN]),
            remedy="check the upstreams of the cluster's DNS: ask them from a DNS pod's node",
            source="RFC 2308 7: SERVFAIL where no server could be asked",
        )


def _wrong(found: Findings) -> Iterator[Cause]:
    """Yield why answers about the cluster's own objects are wrong: one DNS pod's fault, or that of all."""
    pods = {exchange.path.server for (_, exchange), _ in found.wrong if exchange.path.pod}
    bad = {exchange.path.server for (_, exchange), wrong in found.wrong if wrong and exchange.path.pod}
    examples = [f"{question} ({exchange.path})" for (question, exchange), wrong in found.wrong if wrong]
    if not examples:
        return
    explained = found.names(lambda complaint: _is_wrong(complaint) or complaint.check == CONSISTENCY.id)
    if bad < pods and bad:
        yield Cause(
            id="dns-pod-wrong",
            sentence=f"{', '.join(sorted(bad))} answers otherwise than the cluster's objects call for, while "
            f"{', '.join(sorted(pods - bad))} is right",
            explains=explained,
            evidence=tuple(examples[:_SHOWN]),
            remedy="restart that DNS pod, and look in its log for a lost watch of the API",
            source="the Service's purpose: whoever is asked gives the same answer",
        )
    elif bad == pods:
        yield Cause(
            id="records-rewritten",
            sentence="answers about Services are not what their objects call for, whoever is asked",
            explains=explained,
            evidence=tuple(examples[:_SHOWN]),
            remedy="look for rewrite, template, hosts or file in the DNS server's configuration, and for a "
            "proxy in front of it",
            source=ROWS[0].source,
        )


def _told(found: Findings) -> Iterator[Cause]:
    """Yield what single checks have found to be the cause."""
    for check, cause in CHECK_CAUSES.items():
        complaint = _complaint(found, check)
        if complaint is not None:
            yield Cause(
                id=cause.id,
                sentence=complaint.verdict.reason,
                explains=found.names(partial(_is_of, {check, *cause.follows})),
                evidence=complaint.verdict.evidence,
                remedy=complaint.verdict.remedy or complaint.case.check.remedy,
                source=complaint.verdict.source or complaint.case.check.source,
            )


def _zones(found: Findings) -> Iterator[Cause]:
    """Yield that kubelets and the DNS servers have different cluster domains."""
    complaint = _complaint(found, "resolver.search-list")
    if complaint is None:
        return
    measured = complaint.verdict.measurements
    if isinstance(measured, SearchLists) and measured.kubelet_zones:
        follows = {"resolver.search-list", "resolver.dns-policy", *LOOKUPS}
        yield Cause(
            id="cluster-domain-differs",
            sentence=complaint.verdict.reason,
            explains=found.names(partial(_is_of, follows)),
            evidence=tuple(f"{node}: {zone}" for node, zone in measured.kubelet_zones.items()),
            remedy=complaint.verdict.remedy,
            source=complaint.case.check.source,
        )


def _not_the_cluster(found: Findings) -> Iterator[Cause]:
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


def _is_of(checks: Collection[str], complaint: Complaint) -> bool:
    return complaint.check in checks


def _is_wrong(complaint: Complaint) -> bool:
    measured = complaint.verdict.measurements
    return isinstance(measured, RecordAnswers) and measured.wrong > 0


def _is_upstream_failure(message: Message) -> bool:
    return message.rcode in _UNANSWERED_RCODES


def _complaint(found: Findings, check: str) -> Complaint | None:
    return next((complaint for complaint in found.complaints if complaint.check == check), None)
