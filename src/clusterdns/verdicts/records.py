"""Verdicts on records: records.*. All answers of a run are judged together, each different one once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from clusterdns.model.dns_profiles import Profile
from clusterdns.model.exchange import Exchange, Flag, Message, Path
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.questions import Instead, Question
from clusterdns.verdicts.answers import Context, deviation, faults, too_long

SPECIFICATION = "Kubernetes DNS-Based Service Discovery 1.1.0 (kubernetes/dns, docs/specification.md)"

_SHOWN = 3  # wrong answers that are shown whole
# What every message is held to: source and id, QR, TC, RA, question, size, rcode, class.
_OF_A_MESSAGE = 8

Asked = tuple[Question, Exchange]

REMEDIES = {
    "records.dns-version": "look for a template or rewrite over the name in the DNS server's configuration",
    "records.headless-unready": "compare the EndpointSlices' conditions with what the DNS server has seen",
    "records.external-name": "check the upstreams of the cluster's DNS, and that it follows CNAMEs",
    "records.external": "check the upstreams of the cluster's DNS: ask them from a DNS pod's node",
    "records.nonexistent": "look for a wildcard, template or hosts entry, and for what strips SOA records",
    "records.case": "look for a rewrite or a proxy in front that changes names' case",
    "records.truncation": "let TCP port 53 through, and check what cuts answers without setting TC",
}
_REMEDY = (
    "look for rewrite, template, hosts or file in the DNS server's configuration, and for its API access"
)


@dataclass(frozen=True)
class Survey:
    """Everything that was asked.

    Attributes:
        asked: Question and exchange, in any order.
        profile: What the implementation makes of its freedom.
        generated: As `Context.generated`.
        notes: What was left out, in words.
    """

    asked: Sequence[Asked]
    profile: Profile
    generated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _known: dict[object, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False)

    def of(self, check: str, transport: str | None = None) -> list[Asked]:
        """Return what was asked for a check, over one transport or all."""
        return [
            (question, exchange)
            for question, exchange in self.asked
            if question.check == check and transport in (None, exchange.path.transport)
        ]

    def faults(self, question: Question, exchange: Exchange) -> tuple[str, ...]:
        """Return what is wrong with an answer; of answers that are alike, one is looked at."""
        path, context = exchange.path, self._context(question, exchange)
        way = (path.transport, path.pod, path.limit)
        key = (id(question), id(exchange.message), way, context.whole, exchange.failure)
        if key not in self._known:
            self._known[key] = faults(question, exchange, context)
        return self._known[key]

    def deviation(self, question: Question, exchange: Exchange) -> Instead | None:
        """Return which documented deviation an answer is; None if it is none."""
        return deviation(question, exchange, self._context(question, exchange))

    def _context(self, question: Question, exchange: Exchange) -> Context:
        path = exchange.path
        whole = self._sizes.get((question, path.node, path.address))
        return Context(self.profile, self.generated, whole)

    @cached_property
    def _sizes(self) -> dict[tuple[Question, str, str], int]:
        """Octets of each answer over TCP."""
        return {
            (question, exchange.path.node, exchange.path.address): exchange.message.size
            for question, exchange in self.asked
            if exchange.path.transport == "tcp" and exchange.message
        }


def row(check: str, survey: Survey, transport: str) -> Verdict:
    """Every answer to the check's questions over a transport is exactly what the specification calls for."""
    asked = survey.of(check, transport)
    wrong = [(one, found) for one in asked if (found := survey.faults(*one))]
    deviations = sorted({str(instead.deviation) for one in asked if (instead := survey.deviation(*one))})
    return _judged(check, survey, asked, wrong, deviations)


def truncation(survey: Survey, transport: str) -> Verdict:
    """Answers too large for UDP have TC set and arrive whole over TCP; as `row`, and some were too large."""
    check = "records.truncation"
    verdict = row(check, survey, transport)
    cut = [one for one in survey.of(check, "udp") if one[1].message and Flag.TC in one[1].message.flags]
    plain = [one for one in survey.of(check, "udp") if one[1].path.edns is None]
    if verdict.outcome is Outcome.PASSED and not cut and plain:
        return _complaint(
            check,
            survey,
            survey.of(check),
            f"no answer of {len(plain)} without EDNS had TC set, all are larger than 512 octets",
            [],
        )
    return verdict


def ttl(survey: Survey, positive: float, negative: float) -> Verdict:
    """No TTL of a record of the cluster's is over the limit, nor how long a negative answer lasts."""
    asked = [one for one in survey.asked if one[0].lasting and not _from_outside(survey, one)]
    judged: dict[int, tuple[str, ...]] = {}
    wrong = []
    seen: Counter[str] = Counter()
    for question, exchange in asked:
        message = exchange.message
        if message is None:
            continue
        found = judged.get(id(message))
        if found is None:
            found = judged[id(message)] = tuple(too_long(message, positive, negative))
        seen[f"{max((one.ttl for one in message.answer), default='negative')}"] += 1
        if found:
            wrong.append(((question, exchange), found))
    return _judged("records.ttl", survey, asked, wrong, (), {"highest TTL of answers": dict(seen)})


def consistency(survey: Survey) -> Verdict:
    """Whoever is asked gives the same answer: every DNS pod, Service and cache, on every node."""
    check = "records.consistency"
    asked = [
        one
        for one in survey.asked
        if not one[0].outside and _comparable(one[1].message) and not _varies(survey, one)
    ]
    by_question: dict[Question, dict[object, list[Path]]] = {}
    for question, exchange in asked:
        content = _content(exchange.message)
        by_question.setdefault(question, {}).setdefault(content, []).append(exchange.path)
    differ = {question: ways for question, ways in by_question.items() if len(ways) > 1}
    pods = sorted({exchange.path.server for _, exchange in asked if exchange.path.pod})
    if not differ:
        return Verdict(
            outcome=Outcome.PASSED,
            source=SPECIFICATION,
            measurements=_measurements(survey, asked, (), {"DNS pods": pods}),
        )
    question, ways = next(iter(differ.items()))
    few = min(ways.values(), key=len)
    first = {(question, path): exchange for question, exchange in asked for path in (exchange.path,)}
    shown = [
        ((question, first[question, paths[0]]), (f"so on {len(paths)} paths",)) for paths in ways.values()
    ]
    reason = f"{question} and {len(differ) - 1} more questions" if len(differ) > 1 else str(question)
    return _complaint(
        check,
        survey,
        asked,
        f"{reason} answered in {len(ways)} ways, otherwise by {few[0].server} ({few[0].address})",
        shown,
        {"DNS pods": pods, "questions that differ": [str(one) for one in differ]},
    )


def _judged(  # noqa: PLR0913, PLR0917 - all that a verdict is made of
    check: str,
    survey: Survey,
    asked: Sequence[Asked],
    wrong: Sequence[tuple[Asked, tuple[str, ...]]],
    deviations: Sequence[str],
    more: Mapping[str, object] | None = None,
) -> Verdict:
    if not wrong:
        return Verdict(
            outcome=Outcome.PASSED,
            source=SPECIFICATION,
            measurements=_measurements(survey, asked, deviations, more),
            evidence=tuple(f"documented deviation: {one}" for one in deviations),
        )
    (question, exchange), found = wrong[0]
    paths = {exchange.path for _, exchange in asked}
    bad = {exchange.path for (_, exchange), _ in wrong}
    reason = (
        f"{len(wrong)} of {len(asked)} answers are wrong, on {len(bad)} of {len(paths)} paths: "
        f"{question}: {found[0]} ({exchange.path})"
    )
    shown: dict[object, tuple[Asked, tuple[str, ...]]] = {}
    for one, what in wrong:
        shown.setdefault((one[0], what), (one, what))
    return _complaint(
        check, survey, asked, reason, list(shown.values()), {**(more or {}), "wrong": len(wrong)}
    )


def _complaint(  # noqa: PLR0913, PLR0917 - the same
    check: str,
    survey: Survey,
    asked: Sequence[Asked],
    reason: str,
    shown: Sequence[tuple[Asked, tuple[str, ...]]],
    more: Mapping[str, object] | None = None,
) -> Verdict:
    evidence = [line for one in shown[:_SHOWN] for line in _evidence(*one)]
    if len(shown) > _SHOWN:
        evidence.append(f"and {len(shown) - _SHOWN} other wrong answers:")
        evidence += [f"{one[0]}: {'; '.join(found)} ({one[1].path})" for one, found in shown[_SHOWN:]]
    return Verdict(
        outcome=Outcome.FAILED,
        reason=reason,
        remedy=REMEDIES.get(check, _REMEDY),
        source=SPECIFICATION,
        measurements=_measurements(survey, asked, (), more),
        evidence=tuple(evidence),
    )


def _evidence(one: Asked, found: Iterable[str]) -> Iterator[str]:
    question, exchange = one
    yield f"{question} ({exchange.path})"
    yield f"  expected: {' or '.join(sorted(question.rcodes))}" + (", no record" if question.negative else "")
    for expected in sorted(question.records, key=str):
        yield f"  expected: {' '.join(map(str, expected))}"
    for fault in found:
        yield f"  got: {fault}"
    if exchange.message is not None:
        yield from (f"  {line}" for line in exchange.message.dig(int.from_bytes(exchange.query[:2], "big")))


def _measurements(
    survey: Survey,
    asked: Sequence[Asked],
    deviations: Sequence[str],
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    answered = [question for question, exchange in asked if exchange.message is not None]
    return {
        "questions": len({question for question, _ in asked}),
        "paths": len({exchange.path for _, exchange in asked}),
        "messages": len(asked),
        "assertions": sum(_OF_A_MESSAGE + max(len(question.records), 1) for question in answered),
        "profile": survey.profile.name,
        "documented deviations": list(deviations),
        "notes": list(survey.notes),
        **(more or {}),
    }


def _from_outside(survey: Survey, asked: Asked) -> bool:
    """Whether a deviation has the answer come from outside, with TTLs that are not the cluster's."""
    found = survey.deviation(*asked)
    return found is not None and found.outside


def _varies(survey: Survey, asked: Asked) -> bool:
    """Whether a deviation allows that another server, or the same one later, answers otherwise."""
    found = survey.deviation(*asked)
    return found is not None and (found.outside or found.deviation.cached)


def _comparable(message: Message | None) -> bool:
    return message is not None and Flag.TC not in message.flags


def _content(message: Message | None) -> object:
    assert message is not None  # noqa: S101 - `_comparable` has seen to it
    return message.rcode, frozenset(
        (record.owner.lower(), record.rtype, record.essence) for record in message.answer
    )
