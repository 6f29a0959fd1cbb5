"""Causes of answers that do not come, are wrong, or come late."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from clusterdns.model.fault_localization import Description
from clusterdns.model.outcome import and_more
from clusterdns.verdicts import reachable
from clusterdns.verdicts.answer_rows import REACHABLE, REACHABLE_REMEDY, RecordAnswers
from clusterdns.verdicts.cause import Cause, Complaint, Findings
from clusterdns.verdicts.check_causes import LOOKUPS
from clusterdns.verdicts.conntrack import CONNTRACK_TABLE
from clusterdns.verdicts.consistency import CONSISTENCY
from clusterdns.verdicts.latency import TOO_MANY
from clusterdns.verdicts.lookups import LookupQueries
from clusterdns.verdicts.path_mtu import PATH_MTU
from clusterdns.verdicts.propagation import PROPAGATION, ConvergenceOfPaths
from clusterdns.verdicts.records import ROWS

_HALF = 0.5
_ALMOST_ALL = 0.95
_SHOWN = 10  # lines of evidence
_REFUSED = "REFUSED"
_ASK_UPSTREAMS = "check the upstreams of the cluster's DNS: ask them from a DNS pod's node"
UNANSWERED_RCODES = frozenset({"SERVFAIL", _REFUSED})
"""What a server answers where it could ask no upstream."""
NOT_OF_OBJECTS = frozenset(
    f"records.{name}" for name in ("case", "external", "external-name", "nonexistent", "truncation")
)
"""Rows about anything but what the Services call for: how messages are made, and names of elsewhere."""
_OF_A_SERVICE = frozenset({reachable.NODE, reachable.SERVER_KIND, reachable.SERVER})


class _Kind(NamedTuple):
    """What leaves queries unanswered: a cause's id and remedy."""

    id: str
    remedy: str


def unanswered(found: Findings) -> Iterator[Cause]:
    """Yield what leaves queries unanswered."""
    certain = [description for description in found.unanswered if description.always]
    # Of what a Service is sent, a share goes where nothing answers.
    shares = [description for description in found.unanswered if not description.always]
    everywhere = any(not description.terms for description in shares)
    overloaded = bool(found.throttled) or found.complaint(CONNTRACK_TABLE.id) is not None
    if overloaded and everywhere:
        # Queries of every kind are lost, and it is by chance that those of some kinds all are.
        yield _of_unanswered(found, _most_first(found.unanswered), _RANDOM_LOSS)
    elif certain:
        for description in certain:
            yield _of_unanswered(found, [description, *shares], _kind(description))
    elif shares:
        most_first = _most_first(shares)
        yield _of_unanswered(found, most_first, _kind(most_first[0]))


def _most_first(described: Iterable[Description]) -> list[Description]:
    return sorted(described, key=lambda description: -description.failed)


def had_no_answer(complaint: Complaint) -> bool:
    """Return whether a case failed since queries had no answer, and not for what answers say."""
    measured = complaint.verdict.measurements
    if isinstance(measured, RecordAnswers):
        return measured.wrong == 0 and measured.unanswered + measured.unsent > 0
    if isinstance(measured, LookupQueries):
        return _is_lookup_without_answer(complaint)
    return complaint.check in {
        REACHABLE,
        PATH_MTU,
        PROPAGATION.id,
        CONSISTENCY.id,
        "topology.tcp-reachable",
        "topology.nodelocal-coverage",
        "metrics.truth",
    }


def failed_upstreams(found: Findings) -> Iterator[Cause]:
    """Yield that names outside the cluster do not resolve, where its own do: nobody answers, or refuses."""
    said = [
        (f"{question} ({exchange.path}): {exchange.message.rcode}", exchange.message.rcode)
        for question, exchange in found.failed_upstreams
        if exchange.message
    ]
    if not said or failed_everything(found):
        return
    refused = any(rcode == _REFUSED for _, rcode in said)
    rows = NOT_OF_OBJECTS - {"records.case", "records.truncation"}
    yield Cause(
        id="upstream-dead",
        sentence="the cluster's DNS refuses names outside the cluster, or what it asks for them does"
        if refused
        else "no upstream answers the cluster's DNS, so names outside the cluster do not resolve",
        explains=found.names(
            lambda complaint: (
                complaint.check in rows | {"latency.upstream"} or _is_lookup_without_answer(complaint)
            )
        ),
        evidence=tuple(line for line, _ in said[:_SHOWN]),
        remedy=f"{TOO_MANY}; {_ASK_UPSTREAMS}" if refused else _ASK_UPSTREAMS,
        source="RFC 2308 7: SERVFAIL where no server could be asked; RFC 1035 4.1.1: REFUSED",
    )


def failed_everything(found: Findings) -> bool:
    """Return whether every wrong answer about the cluster's objects is that the server itself failed."""
    rcodes = _wrong_rcodes(found)
    return bool(rcodes) and rcodes <= UNANSWERED_RCODES


def _wrong_rcodes(found: Findings) -> set[str]:
    return {exchange.message.rcode for (_, exchange), wrong in found.wrong if wrong and exchange.message}


def wrong_answers(found: Findings) -> Iterator[Cause]:
    """Yield why answers about the cluster's own objects are wrong: one DNS pod's fault, or that of all."""
    pods = {exchange.path.server for (_, exchange), _ in found.wrong if exchange.path.pod}
    bad = {exchange.path.server for (_, exchange), wrong in found.wrong if wrong and exchange.path.pod}
    examples = [f"{question} ({exchange.path})" for (question, exchange), wrong in found.wrong if wrong]
    if not examples:
        return
    explained = found.names(partial(_follows_from_wrong, found))
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
    elif failed_everything(found):
        servers = {exchange.path.server for (_, exchange), wrong in found.wrong if wrong}
        yield Cause(
            id="dns-server-fails",
            sentence=f"{and_more(sorted(servers), 'servers', shown=3)} cannot answer for the cluster's own "
            f"names: {', '.join(sorted(_wrong_rcodes(found)))}",
            explains=found.names(
                lambda complaint: (
                    _follows_from_wrong(found, complaint) or _is_lookup_without_answer(complaint)
                )
            ),
            evidence=tuple(examples[:_SHOWN]),
            remedy="look at the log of that server, and at what it asks: the API (CoreDNS' kubernetes "
            "plugin), or the Service behind a node cache",
            source="RFC 2308 7: SERVFAIL where no server could be asked",
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


def late_changes(found: Findings) -> Iterator[Cause]:
    """Yield that DNS servers learn late what changes in the API: what they answer is right later on."""
    complaint = found.complaint(PROPAGATION.id)
    measured = complaint.verdict.measurements if complaint else None
    if complaint is None or not isinstance(measured, ConvergenceOfPaths):
        return
    answered = measured.late_answers >= _ALMOST_ALL * measured.late_queries > 0
    if answered and not any(map(is_wrong, found.complaints)):
        yield Cause(
            id="records-late",
            sentence=f"the cluster's DNS learns late what changes in the API: {complaint.verdict.reason}",
            explains=found.of({PROPAGATION.id, CONSISTENCY.id}),
            evidence=complaint.verdict.evidence,
            remedy=PROPAGATION.remedy,
            source=PROPAGATION.source,
        )


def _of_unanswered(found: Findings, described: Sequence[Description], kind: _Kind) -> Cause:
    """Return a cause of that kind; what is described first says what it is."""
    lost = found.names(had_no_answer)
    # An external name is late, too, where queries are lost; by itself it has other causes.
    late = found.of({"latency.upstream"}) if lost else ()
    sentences = tuple(map(reachable.sentence, described))
    return Cause(
        id=kind.id,
        sentence=sentences[0],
        explains=(*lost, *late),
        evidence=sentences,
        remedy=kind.remedy,
        source="RFC 1034 3.7: a query is answered; see records.reachable",
    )


def _kind(description: Description) -> _Kind:
    return next(kind for applies, kind in _KINDS if applies(description))


def _is_of_a_service(description: Description) -> bool:
    """Return whether a Service is not answered for, as seen from some nodes or all, and its pods are."""
    kind, server = description.value(reachable.SERVER_KIND), description.value(reachable.SERVER)
    attributes = {term.attribute for term in description.terms}
    of_service = kind == reachable.SERVICE or str(server).startswith(f"{reachable.SERVICE} ")
    return of_service and attributes <= _OF_A_SERVICE


def _is_of_a_node_cache(description: Description) -> bool:
    servers = (description.value(attribute) for attribute in (reachable.SERVER_KIND, reachable.SERVER))
    return any(str(server).startswith(reachable.NODE_CACHE) for server in servers)


_RANDOM_LOSS = _Kind(
    "random-loss", "look for an overloaded or faulty link: drops of interfaces, conntrack, CPU throttling"
)
_KINDS: Sequence[tuple[Callable[[Description], bool], _Kind]] = (
    (
        _is_of_a_service,
        _Kind(
            "service-rules-stale",
            "look at kube-proxy on that node, or at what stands in for it: whether it runs and follows the "
            "API (its log), and which addresses its rules name; restart it",
        ),
    ),
    (
        lambda description: (
            description.rate < _HALF and description.value(reachable.NAME) == reachable.OUTSIDE
        ),
        _Kind("upstream-slow", _ASK_UPSTREAMS),
    ),
    (lambda description: description.rate < _HALF, _RANDOM_LOSS),
    (
        lambda description: description.value(reachable.OCTETS) is not None,
        _Kind(
            "large-answers-lost",
            "find the hop that drops fragments or has a smaller MTU; until then let the DNS servers send at "
            "most 1,232 octets by UDP (bufsize, edns-packet-max)",
        ),
    ),
    (
        lambda description: description.value(reachable.TYPE) is not None,
        _Kind(
            "type-unanswered",
            "find what drops questions of that type: a firewall with DNS inspection, a proxy, a DNS plugin; "
            "clients wait 5 s for each",
        ),
    ),
    (
        lambda description: description.value(reachable.NAME) == reachable.OUTSIDE,
        _Kind("upstream-dead", _ASK_UPSTREAMS),
    ),
    (
        _is_of_a_node_cache,
        _Kind(
            "node-cache-dead",
            "look at the node cache's pod and interface; without it, remove its iptables rules",
        ),
    ),
    (lambda _: True, _Kind("queries-blocked", REACHABLE_REMEDY)),
)
"""Whether a description is of that kind, and the kind; the first one that it is of counts."""


def _follows_from_wrong(found: Findings, complaint: Complaint) -> bool:
    """Return whether a case failed since answers are wrong; lookups where names exist that should not."""
    nonexistent = found.complaint("records.nonexistent")
    invented = nonexistent is not None and is_wrong(nonexistent)
    follows = {CONSISTENCY.id, *({PROPAGATION.id} | LOOKUPS if invented else ())}
    return is_wrong(complaint) or complaint.check in follows


def _is_lookup_without_answer(complaint: Complaint) -> bool:
    measured = complaint.verdict.measurements
    return isinstance(measured, LookupQueries) and (
        bool(measured.unanswered) or any(measured.retries.values())
    )


def is_wrong(complaint: Complaint) -> bool:
    """Return whether a row of records failed for what answers say."""
    measured = complaint.verdict.measurements
    return isinstance(measured, RecordAnswers) and measured.wrong > 0
