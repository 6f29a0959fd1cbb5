"""A verdict, or the lack of one, as an entry of the report."""

from collections.abc import Sequence

from clusterdns.check import SelectedCase
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.reporting.schema import CheckResult
from clusterdns.reporting.text import one_line


def check_result(  # noqa: PLR0913 - all that an entry is made of
    case: SelectedCase,
    outcome: Outcome,
    *,
    verdict: Verdict | None = None,
    reasons: Sequence[str] = (),
    duration: float = 0,
    artifacts: Sequence[str] = (),
) -> CheckResult:
    """Return the entry of a case; what the verdict leaves open, the check's declaration says.

    Args:
        case: Which.
        outcome: How it ended.
        verdict: What it concluded; None where it did not.
        reasons: Why it ended so, one for each phase that says something; the verdict's own where empty.
        duration: Seconds, set-up and tear-down included.
        artifacts: Files, relative to the report's folder.
    """
    check = case.check
    complains = verdict is not None and verdict.outcome is not Outcome.PASSED
    said = reasons or ([verdict.reason] if verdict else [])
    return CheckResult(
        id=check.id,
        case=case.case.name or None,
        outcome=outcome,
        reason=one_line("; ".join(reason for reason in said if reason)),
        remedy=(verdict.remedy or check.remedy) if verdict and complains else "",
        requirement=check.requirement,
        source=(verdict.source or check.source) if verdict else "",
        measurements=verdict.measurements if verdict else None,  # type: ignore[arg-type] # the model makes plain facts of it
        evidence=verdict.evidence if verdict else (),
        duration=round(duration, 3),
        artifacts=tuple(artifacts),
    )
