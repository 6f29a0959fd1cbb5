"""What a check found out, and the exit code that a run's outcomes add up to."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import Field, dataclass
from enum import IntEnum, StrEnum
from typing import Any, ClassVar, Protocol


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"  # the cluster is wrong
    WARNED = "warned"  # legitimate, but costly or risky: a pass, unless --strict
    SKIPPED = "skipped"  # the feature is not there
    ERROR = "error"  # the harness could not measure: neither a pass nor a fail


class ExitCode(IntEnum):
    """The gate contract."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2  # pytest's
    INTERNAL = 3  # pytest's
    USAGE = 4  # pytest's
    NOTHING_MEASURED = 5
    NOT_MEASURABLE = 6  # nothing failed, but the harness could not measure something


_JUDGEMENTS = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.WARNED})


class Measurements(Protocol):
    """What a check has measured: a data class of the check's own, whose fields name their units."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What measurements say about the cluster.

    A verdict only judges: what cannot be measured is an `errors.HarnessError`, and
    what a cluster does not have is skipped before a check starts.

    Attributes:
        outcome: Passed, failed or warned.
        reason: What was found, in one line.
        remedy: What to do about it, in one line; "" where the check's own remedy says it.
        source: What requires it; "" where the check's own source says it.
        measurements: What was measured; None where the verdict needs none.
        evidence: Lines that prove it: queries seen, files read.

    Raises:
        ValueError: the outcome is not a judgement, or a complaint lacks its reason.
    """

    outcome: Outcome
    reason: str = ""
    remedy: str = ""
    source: str = ""
    measurements: Measurements | None = None
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.outcome not in _JUDGEMENTS:
            raise ValueError(f"a verdict is passed, failed or warned, not {self.outcome}")
        if self.outcome is not Outcome.PASSED and not self.reason:
            raise ValueError(f"a verdict of {self.outcome} needs a reason")


def judged(
    faults: Sequence[str],
    measurements: Measurements | None = None,
    *,
    outcome: Outcome = Outcome.FAILED,
    remedy: str = "",
    evidence: Sequence[str] | None = None,
) -> Verdict:
    """Return the verdict that complains of faults, and passes where there are none.

    Args:
        faults: What is wrong, a line each; the first one becomes the reason.
        measurements: What was measured.
        outcome: How it complains.
        remedy: What to do about it, where the check's own remedy does not say it.
        evidence: Lines that prove the verdict; the faults where None.
    """
    return Verdict(
        outcome=outcome if faults else Outcome.PASSED,
        reason=and_more(faults) if faults else "",
        remedy=remedy if faults else "",
        measurements=measurements,
        evidence=tuple(faults if evidence is None else evidence),
    )


def and_more(lines: Sequence[str], what: str = "more", shown: int = 1) -> str:
    """Return the first lines as one, with how many there are besides.

    Args:
        lines: At least one.
        what: The others are, e.g. "more nodes".
        shown: How many of the lines are shown.
    """
    rest = len(lines) - shown
    return "; ".join(lines[:shown]) + (f" (and {rest} {what})" if rest > 0 else "")


def exit_code(
    results: Iterable[tuple[str, Outcome]], *, strict: bool = False, require: Collection[str] = ()
) -> ExitCode:
    """Return the exit code of a run that was neither interrupted nor misused.

    A warning is a pass that comes with a warning, so it counts as one here.

    Args:
        results: check id and outcome of every case that was reported.
        strict: a warning fails the run.
        require: ids that must have been measured: a skipped or missing one fails the run.
    """
    seen = list(results)
    outcomes = {outcome for _, outcome in seen}
    skipped = {check for check, outcome in seen if outcome is Outcome.SKIPPED}
    missing = set(require) - {check for check, _ in seen}
    if Outcome.FAILED in outcomes or missing or skipped & set(require):
        return ExitCode.FAILED
    if strict and Outcome.WARNED in outcomes:
        return ExitCode.FAILED
    if Outcome.ERROR in outcomes:
        return ExitCode.NOT_MEASURABLE
    if outcomes & {Outcome.PASSED, Outcome.WARNED}:
        return ExitCode.OK
    return ExitCode.NOTHING_MEASURED
