"""Verdicts on many answers at once: which are wrong, on how many paths, and the messages that prove it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clusterdns.model.outcome import Measurements, Verdict, judged
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.questions import Instead
from clusterdns.verdicts.answers import Context, deviation

SPECIFICATION = "Kubernetes DNS-Based Service Discovery 1.1.0 (kubernetes/dns, docs/specification.md)"

REACHABLE = "records.reachable"
"""The check that judges which paths answer."""
REACHABLE_REMEDY = (
    "look on the way that queries without an answer have in common and the others have not: network "
    "policies, firewalls, routes, MTU; then at the load of the DNS server at its end"
)

_SHOWN = 3  # wrong answers that are shown whole
# What every message is held to: source and id, QR, TC, RA, question, size, rcode, class.
_OF_A_MESSAGE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswers:
    """Measurements of a row of records.*.

    Attributes:
        questions: How many were asked.
        paths: Along how many ways.
        messages: How many exchanges that came to.
        assertions: What was held against the answers, in all.
        wrong: How many answers were wrong.
        unanswered: How many messages were sent and had no answer.
        unsent: How many of the exchanges were not made: their path had left others like them unanswered.
        profile: The implementation's name.
        documented_deviations: Those that were met.
        notes: What limits the meaning of all this, in words.
    """

    questions: int
    paths: int
    messages: int
    assertions: int
    wrong: int
    unanswered: int
    unsent: int
    profile: str
    documented_deviations: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """An answer with what is wrong with it.

    Attributes:
        asked: The question, and the exchange.
        faults: At least one, in words.
    """

    asked: Asked
    faults: tuple[str, ...]


def measured(
    matrix: QueryMatrix, asked: Sequence[Asked], *, wrong: int = 0, deviations: Sequence[str] = ()
) -> RecordAnswers:
    """Return what was asked, in figures."""
    answered = [question for question, exchange in asked if exchange.message is not None]
    return RecordAnswers(
        questions=len({question for question, _ in asked}),
        paths=len({exchange.path for _, exchange in asked}),
        messages=len(asked),
        assertions=sum(_OF_A_MESSAGE + max(len(question.records), 1) for question in answered),
        wrong=wrong,
        unanswered=sum(exchange.lost for _, exchange in asked),
        unsent=sum(not exchange.sent for _, exchange in asked),
        profile=matrix.profile.name,
        documented_deviations=list(deviations),
        notes=list(matrix.notes),
    )


def deviation_of(matrix: QueryMatrix, asked: Asked) -> Instead | None:
    """Return which documented deviation an answer is; None if it is none."""
    return deviation(*asked, Context(matrix.profile, matrix.generated))


def judged_answers(
    wrong: Sequence[WrongAnswer],
    asked: Sequence[Asked],
    measurements: Measurements,
    deviations: Sequence[str] = (),
) -> Verdict:
    """Return the verdict that complains of wrong answers; each different one is shown once.

    Args:
        wrong: Those of the answers that are.
        asked: Everything that was judged.
        measurements: What was measured.
        deviations: Documented ones that were met; they prove that an answer may be as it is.
    """
    if not wrong:
        return judged([], measurements, evidence=[f"documented deviation: {what}" for what in deviations])
    (question, exchange), faults = wrong[0].asked, wrong[0].faults
    paths = {exchange.path for _, exchange in asked}
    bad_paths = {answer.asked[1].path for answer in wrong}
    different: dict[object, WrongAnswer] = {}
    for answer in wrong:
        different.setdefault((answer.asked[0], answer.faults), answer)
    where = f"on {len(bad_paths)} of {len(paths)} paths"
    fault = f"{question}: {faults[0]} ({exchange.path})"
    return judged(
        [f"{len(wrong)} of {len(asked)} answers are wrong, {where}: {fault}"],
        measurements,
        evidence=evidence(list(different.values())),
    )


def evidence(answers: Sequence[WrongAnswer]) -> list[str]:
    """Return the first answers as expected and as they came, and a line for each of the others."""
    lines = [line for answer in answers[:_SHOWN] for line in _whole(answer)]
    if len(answers) > _SHOWN:
        lines.append(f"and {len(answers) - _SHOWN} other wrong answers:")
        lines += _brief(answers[_SHOWN:])
    return lines


def _whole(answer: WrongAnswer) -> Iterator[str]:
    question, exchange = answer.asked
    yield f"{question} ({exchange.path})"
    yield f"  expected: {' or '.join(sorted(question.rcodes))}" + (", no record" if question.negative else "")
    for expected in sorted(question.records, key=str):
        yield f"  expected: {' '.join(map(str, expected))}"
    for fault in answer.faults:
        yield f"  got: {fault}"
    if exchange.message is not None:
        yield from (f"  {line}" for line in exchange.message.dig(int.from_bytes(exchange.query[:2], "big")))


def _brief(answers: Iterable[WrongAnswer]) -> Iterator[str]:
    for answer in answers:
        question, exchange = answer.asked
        yield f"{question}: {'; '.join(answer.faults)} ({exchange.path})"
