"""What a check found out, and the exit code that a run's outcomes add up to."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What measurements say about the cluster.

    A verdict only judges: what cannot be measured is an `errors.HarnessError`, and
    what a cluster does not have is skipped before a check starts.

    Raises:
        ValueError: the outcome is not a judgement, or a complaint lacks its reason or remedy.
    """

    outcome: Outcome
    reason: str = ""  # one line: what was found
    remedy: str = ""  # one line: what to do about it
    source: str = ""  # what requires it: a specification, a document, a setting
    measurements: Mapping[str, object] = field(default_factory=dict)  # what was measured, as JSON can hold it
    evidence: tuple[str, ...] = ()  # lines that prove it: queries seen, files read

    def __post_init__(self) -> None:
        if self.outcome not in _JUDGEMENTS:
            raise ValueError(f"a verdict is passed, failed or warned, not {self.outcome}")
        if self.outcome is not Outcome.PASSED and not (self.reason and self.remedy):
            raise ValueError(f"a verdict of {self.outcome} needs a reason and a remedy")


def judged(
    wrong: Sequence[str],
    *,
    remedy: str,
    source: str,
    measurements: Mapping[str, object],
    evidence: tuple[str, ...] = (),
) -> Verdict:
    """Return the verdict that fails for what is wrong, one line each, and passes where nothing is."""
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, source=source, measurements=measurements, evidence=evidence)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=wrong[0] + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""),
        remedy=remedy,
        source=source,
        measurements=measurements,
        evidence=(*wrong, *evidence),
    )


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
