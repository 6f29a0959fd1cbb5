"""Named causes: from many failures to what is broken, where, and what to do.

A cause is derived from what a run has measured, never from what a reason says. It explains the failures that
follow from it; those that no cause explains stand for themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from clusterdns.measuring.run import Run
from clusterdns.model.reachability import TRANSPORTS
from clusterdns.verdicts import reachable
from clusterdns.verdicts.answer_causes import (
    NOT_OF_OBJECTS,
    UNANSWERED_RCODES,
    failed_everything,
    failed_upstreams,
    had_no_answer,
    is_wrong,
    late_changes,
    unanswered,
    wrong_answers,
)
from clusterdns.verdicts.cause import Cause, Complaint, Findings
from clusterdns.verdicts.check_causes import CHECK_CAUSES, LOOKUPS, CheckCause
from clusterdns.verdicts.consistency import CONSISTENCY
from clusterdns.verdicts.records import ROWS
from clusterdns.verdicts.records import wrong_answers as wrong_of_row
from clusterdns.verdicts.resolver import SearchLists
from clusterdns.verdicts.saturation_causes import (
    busy_machine,
    conntrack,
    full_backlog,
    tcp_into_dnsmasq,
    throttled,
)
from clusterdns.verdicts.throttling import held_back

_COVERAGE = "topology.nodelocal-coverage"
_SEEN_AS: Mapping[str, frozenset[str]] = {
    "conntrack-full": frozenset({"random-loss", "queries-blocked"}),
    "dns-pods-throttled": frozenset({"random-loss"}),
    "node-cache-dead": frozenset({"dns-server-fails", "random-loss", "upstream-dead", "upstream-slow"}),
    "service-keeps-queries-on-node": frozenset({"service-rules-stale"}),
}
"""Cause -> the causes that it looks like from where clients are: it explains what they would."""


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
        for answer in wrong_of_row(check.id, run.query_matrix, transport)
    ]
    of_objects = {id(exchange) for question, exchange in wrong if question.check not in NOT_OF_OBJECTS}
    questions = {question for question, exchange in wrong if id(exchange) in of_objects}
    return Findings(
        unanswered=reachable.describe(asked, run.topology),
        wrong=[
            ((question, exchange), id(exchange) in of_objects)
            for question, exchange in run.query_matrix.asked
            if question in questions and exchange.answered
        ],
        failed_upstreams=[
            (question, exchange)
            for question, exchange in wrong
            if question.outside and exchange.message and exchange.message.rcode in UNANSWERED_RCODES
        ],
    )


def causes(found: Findings) -> list[Cause]:
    """Return the causes of failures and errors, those that explain most of them first."""
    derived = [
        *conntrack(found),
        *throttled(found),
        *tcp_into_dnsmasq(found),
        *full_backlog(found),
        *_node_cache(found),
        *unanswered(found),
        *failed_upstreams(found),
        *wrong_answers(found),
        *late_changes(found),
        *_zones(found),
        *busy_machine(found),
    ]
    every = [*derived, *_told(found, {name for cause in derived for name in cause.explains})]
    explaining = _deepest(_once(cause for cause in every if cause.explains))
    return sorted(explaining, key=lambda cause: -len(cause.explains))


def _once(every: Iterable[Cause]) -> list[Cause]:
    """Return the causes with those together that have one id."""
    by_id: dict[str, list[Cause]] = {}
    for cause in every:
        by_id.setdefault(cause.id, []).append(cause)
    return [
        replace(
            alike[0],
            sentence="; ".join(dict.fromkeys(cause.sentence for cause in alike)),
            explains=tuple(dict.fromkeys(name for cause in alike for name in cause.explains)),
            evidence=tuple(dict.fromkeys(line for cause in alike for line in cause.evidence)),
        )
        for alike in by_id.values()
    ]


def _deepest(every: Sequence[Cause]) -> list[Cause]:
    """Return the causes without those that are others as clients see them, which become part of these."""
    hidden = frozenset().union(*(_SEEN_AS.get(cause.id, frozenset()) for cause in every))
    return [
        _with(cause, [seen for seen in every if seen.id in _SEEN_AS.get(cause.id, frozenset())])
        for cause in every
        if cause.id not in hidden
    ]


def _with(cause: Cause, seen: Sequence[Cause]) -> Cause:
    """Return a cause with what it looks like from where clients are."""
    names = (*cause.explains, *(name for other in seen for name in other.explains))
    evidence = (*cause.evidence, *(other.sentence for other in seen))
    return replace(cause, explains=tuple(dict.fromkeys(names)), evidence=evidence)


def _node_cache(found: Findings) -> Iterator[Cause]:
    """Yield that pods are given the address of a node cache that does not answer, or has nobody to ask."""
    complaint = found.complaint(_COVERAGE)
    if complaint is not None:
        failing = failed_everything(found)
        yield Cause(
            id="node-cache-dead",
            sentence=complaint.verdict.reason,
            explains=found.names(
                lambda complaint: (
                    complaint.check == _COVERAGE
                    or had_no_answer(complaint)
                    or (failing and (is_wrong(complaint) or complaint.check == CONSISTENCY.id))
                )
            ),
            evidence=complaint.verdict.evidence,
            remedy=complaint.verdict.remedy or complaint.case.check.remedy,
            source=complaint.case.check.source,
        )


def _told(found: Findings, explained: Collection[str]) -> Iterator[Cause]:
    """Yield what single checks have found to be the cause, unless another cause explains these, too."""
    for check, cause in CHECK_CAUSES.items():
        complaint = found.complaint(check)
        if complaint is not None and complaint.case.name not in explained:
            yield Cause(
                id=cause.id,
                sentence=complaint.verdict.reason,
                explains=found.names(partial(_follows, check, cause)),
                evidence=complaint.verdict.evidence,
                remedy=complaint.verdict.remedy or complaint.case.check.remedy,
                source=complaint.verdict.source or complaint.case.check.source,
            )


def _follows(check: str, cause: CheckCause, complaint: Complaint) -> bool:
    lost = cause.loses_queries and had_no_answer(complaint)
    return lost or complaint.check in {check, *cause.follows}


def _zones(found: Findings) -> Iterator[Cause]:
    """Yield that kubelets and the DNS servers have different cluster domains."""
    complaint = found.complaint("resolver.search-list")
    if complaint is None:
        return
    measured = complaint.verdict.measurements
    if isinstance(measured, SearchLists) and measured.kubelet_zones:
        follows = {"resolver.search-list", "resolver.dns-policy", *LOOKUPS}
        yield Cause(
            id="cluster-domain-differs",
            sentence=complaint.verdict.reason,
            explains=found.of(follows),
            evidence=tuple(f"{node}: {zone}" for node, zone in measured.kubelet_zones.items()),
            remedy=complaint.verdict.remedy,
            source=complaint.case.check.source,
        )
