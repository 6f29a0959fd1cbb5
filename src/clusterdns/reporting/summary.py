"""The report as the lines that end a run in the terminal."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting.schema import CheckResult, Report

Line = tuple[str, Outcome | None]  # the outcome it is about, for its colour

_EVIDENCE = 20  # lines of a complaint that are shown

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
    stands_in_for = attrgetter("stands_in_for")
    for what, pods in groupby(sorted(report.stand_ins, key=stands_in_for), stands_in_for):
        yield f"stand-in, not the real program: {', '.join(pod.pod for pod in pods)}: {what}", None
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
    # One cause often stops many checks: it is told once.
    for _, alike in groupby(sorted(complaints, key=_complaint), _complaint):
        yield from _told(list(alike))


def _complaint(check: CheckResult) -> tuple[int, str, str, tuple[str, ...]]:
    return list(Outcome).index(check.outcome), check.reason, check.remedy, check.evidence


def _told(alike: list[CheckResult]) -> Iterator[Line]:
    """Yield the complaint that all of `alike` make."""
    first = alike[0]
    yield (
        f"  {first.outcome.upper()} {', '.join(dict.fromkeys(check.name for check in alike))}",
        first.outcome,
    )
    yield f"    {first.reason}", None
    for line in first.evidence[:_EVIDENCE]:
        yield f"      {line}", None
    if len(first.evidence) > _EVIDENCE:
        yield f"      and {len(first.evidence) - _EVIDENCE} lines more in the report", None
    if first.remedy:
        yield f"    to do: {first.remedy}", None
    files = [file for check in alike for file in check.artifacts]
    if files:
        yield f"    see {', '.join(files)}", None
