"""Whether all that serves the cluster's DNS says the same, at rest and while Services change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from clusterdns.check import Case, Check
from clusterdns.model.convergence import Convergence
from clusterdns.model.exchange import Flag, Message, Path
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.questions import Question
from clusterdns.verdicts import answer_rows, propagation
from clusterdns.verdicts.answer_rows import RecordAnswers, WrongAnswer
from clusterdns.verdicts.propagation import NO_PATH, ConvergenceOfPaths, described
from clusterdns.verdicts.records import GRANTS, MEASURES

_ONCE = 2  # states: before, and after
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """Measurements of records.consistency.

    Attributes:
        compared: The answers, but for those from outside and those that were cut.
        dns_pods: Those whose answers were compared.
        differing_questions: Those that were not answered alike by all.
    """

    compared: RecordAnswers
    dns_pods: Sequence[str]
    differing_questions: Sequence[str]


def consistency(matrix: QueryMatrix) -> Verdict:
    """Judge whether each question has one answer on all paths."""
    ways_by_question = _ways_by_question(matrix)
    compared = [asked for ways in ways_by_question.values() for way in ways for asked in way]
    differing = {question: ways for question, ways in ways_by_question.items() if len(ways) > 1}
    measurements = Agreement(
        compared=answer_rows.measured(matrix, compared),
        dns_pods=sorted({exchange.path.server for _, exchange in compared if exchange.path.pod}),
        differing_questions=[str(question) for question in differing],
    )
    if not differing:
        return judged([], measurements)
    question, ways = next(iter(differing.items()))
    odd: Path = min(ways, key=len)[0][1].path
    which = f"{question} and {len(differing) - 1} more questions" if len(differing) > 1 else str(question)
    return judged(
        [f"{which} answered in {len(ways)} ways, otherwise by {odd.server} ({odd.address})"],
        measurements,
        evidence=answer_rows.evidence([WrongAnswer(way[0], (f"so on {len(way)} paths",)) for way in ways]),
    )


@dataclass(frozen=True, slots=True)
class AgreementWhileChanging:
    """Measurements of records.consistency while Services change.

    Attributes:
        convergence: Of the DNS pods, or of all paths where none leads to a DNS pod itself.
        spread_s: Change -> seconds from the first DNS pod that showed it to the last.
    """

    convergence: ConvergenceOfPaths
    spread_s: Mapping[str, float]


def steadiness(convergences: Sequence[Convergence], limit: float) -> Verdict:
    """Judge whether every DNS pod goes over to a new answer once, and soon after the first.

    Args:
        convergences: When each path showed each change.
        limit: Seconds from the first DNS pod to the last.
    """
    of_pods = [seen for seen in convergences if seen.path.pod] or list(convergences)
    spread = {change: max(times) - min(times) for change, times in _times(of_pods) if times}
    faults = [
        *([] if convergences else [NO_PATH]),
        *(
            f"{described(seen)}; in turn {', '.join(state for _, state in seen.states)}"
            for seen in of_pods
            if len(seen.states) > _ONCE
        ),
        *(
            f"{change}: {seconds:.2f} s from the first DNS pod to the last"
            for change, seconds in spread.items()
            if seconds > limit
        ),
        *(described(seen) for seen in of_pods if seen.seconds is None),
    ]
    return judged(
        faults,
        AgreementWhileChanging(
            convergence=propagation.measured(of_pods, limit),
            spread_s={change: round(seconds, 3) for change, seconds in spread.items()},
        ),
        evidence=faults[:_SHOWN],
    )


CONSISTENCY = Check(
    id="records.consistency",
    profile=Profile.CORE,
    requirement="Whoever is asked gives the same answer, also while endpoints change.",
    source="the Service's purpose; --propagation-limit while endpoints change",
    remedy="compare the DNS pods: versions, configuration, and whether each still watches the API",
    grants=GRANTS,
    measures=MEASURES,
    cases=(
        Case("", lambda run: consistency(run.query_matrix)),
        Case("while-changing", lambda run: steadiness(run.creations, run.settings.propagation_limit)),
    ),
)

CHECKS = (CONSISTENCY,)


def _ways_by_question(matrix: QueryMatrix) -> dict[Question, list[list[Asked]]]:
    """Return, of each question, the answers that came whole, those that are alike together."""
    by_question: dict[Question, dict[object, list[Asked]]] = {}
    for question, exchange in matrix.asked:
        message = exchange.message
        if question.outside or message is None or Flag.TC in message.flags:
            continue
        if not _varies(matrix, (question, exchange)):
            ways = by_question.setdefault(question, {})
            ways.setdefault(_content(message), []).append((question, exchange))
    return {question: list(ways.values()) for question, ways in by_question.items()}


def _varies(matrix: QueryMatrix, asked: Asked) -> bool:
    """Return whether a deviation allows another server, or the same one later, to answer otherwise."""
    instead = answer_rows.deviation_of(matrix, asked)
    return instead is not None and (instead.outside or instead.deviation.cached)


def _content(message: Message) -> object:
    return message.rcode, message.comparable


def _times(convergences: Iterable[Convergence]) -> Iterator[tuple[str, list[float]]]:
    """Yield each change with the seconds after which it was shown."""
    ordered = sorted(convergences, key=lambda seen: seen.change)
    for change, of_change in groupby(ordered, key=lambda seen: seen.change):
        yield change, [seen.seconds for seen in of_change if seen.seconds is not None]
