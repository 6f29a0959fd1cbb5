"""The report as the lines that end a run in the terminal."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting.schema import CheckResult, Report

Line = tuple[str, Outcome | None]  # the outcome it is about, for its colour

MEANING = {
    ExitCode.OK: "every check that ran passed",
    ExitCode.FAILED: "the cluster's DNS failed at least one check",
    ExitCode.INTERRUPTED: "the run was interrupted",
    ExitCode.INTERNAL: "pytest failed",
    ExitCode.NOTHING_MEASURED: "nothing was measured",
    ExitCode.NOT_MEASURABLE: "nothing failed, but something could not be measured",
}


def summary(report: Report) -> Iterator[Line]:
    """Yield the summary: each area's outcomes, every complaint with its remedy, what to know besides."""
    by_area = attrgetter("area")
    for area, checks in groupby(sorted(report.checks, key=by_area), by_area):
        yield from _area(area, list(checks))
    for stand_in in report.stand_ins:
        yield f"stand-in: {stand_in.pod} is not the real program: {stand_in.stands_in_for}", None
    for left in report.run.left_behind:
        yield f"left behind: {left}; remove it with: clusterdns cleanup", Outcome.ERROR
    code = report.run.exit_code
    yield f"exit code {code.value}: {MEANING[code]}", None


def _area(area: str, checks: list[CheckResult]) -> Iterator[Line]:
    count = Counter(check.outcome for check in checks)
    worst = next((o for o in (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED) if count[o]), Outcome.PASSED)
    counts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome])
    yield f"{area}: {counts}", worst
    complaints = [check for check in checks if check.outcome is not Outcome.PASSED]

    def complaint(check: CheckResult) -> tuple[int, str, str]:
        return list(Outcome).index(check.outcome), check.reason, check.remedy

    # One cause often stops many checks: it is told once.
    for (_, reason, remedy), alike in groupby(sorted(complaints, key=complaint), complaint):
        group = list(alike)
        outcome = group[0].outcome
        yield f"  {outcome.upper()} {', '.join(check.name for check in group)}", outcome
        yield f"    {reason}", None
        if remedy:
            yield f"    to do: {remedy}", None
