"""The report as the lines that end a run in the terminal."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from clusterdns.model.outcome import Outcome
from clusterdns.reporting.schema import Cause, CheckResult, Report
from clusterdns.reporting.terminal import Line, exit_line, told

_SHOWN = 6  # names of explained checks, or of nodes


def summary(report: Report) -> Iterator[Line]:
    """Yield the summary: the causes, each area's outcomes, every complaint with its remedy, what to know."""
    yield from _causes(report)
    by_area = attrgetter("area")
    for area, checks in groupby(sorted(report.checks, key=by_area), by_area):
        yield from _area(area, list(checks))
    stands_in_for = attrgetter("stands_in_for")
    for what, pods in groupby(sorted(report.stand_ins, key=stands_in_for), stands_in_for):
        yield f"stand-in, not the real program: {', '.join(pod.pod for pod in pods)}: {what}", None
    yield from _nodes_not_measured(report)
    for left in report.run.left_behind:
        yield f"left behind: {left}; remove it with: {report.cleanup_command}", Outcome.ERROR
    yield exit_line(report.run.exit_code)


def _nodes_not_measured(report: Report) -> Iterator[Line]:
    """Yield a line for each reason: a large cluster may have thousands of such nodes."""
    unmeasured = report.cluster.get("nodes not measured")
    by_reason: dict[str, list[str]] = {}
    for line in unmeasured if isinstance(unmeasured, list) else ():
        node, _, reason = str(line).partition(": ")
        by_reason.setdefault(reason, []).append(node)
    for reason, nodes in by_reason.items():
        more = f" and {len(nodes) - _SHOWN:,} more" if len(nodes) > _SHOWN else ""
        what = "node" if len(nodes) == 1 else "nodes"
        yield f"{what} not measured: {', '.join(nodes[:_SHOWN])}{more}: {reason}", Outcome.WARNED


def explained(report: Report) -> str:
    """Return how many failures and errors are explained, in words; "" where nothing is."""
    if not report.causes:
        return ""
    failed = [check for check in report.checks if check.outcome is Outcome.FAILED]
    errors = [check for check in report.checks if check.outcome is Outcome.ERROR]
    named = {name for cause in report.causes for name in cause.explains}
    of_errors = sum(check.name in named for check in errors)
    counts = [(len(failed) - len(report.unexplained), len(failed), "failures")] if failed else []
    counts += [(of_errors, len(errors), "errors")] if of_errors else []
    number = len(report.causes)
    verb = "cause explains" if number == 1 else "causes explain"
    return f"{number} {verb} {' and '.join(f'{some} of {all_} {what}' for some, all_, what in counts)}"


def _causes(report: Report) -> Iterator[Line]:
    if not report.causes:
        return
    yield explained(report), Outcome.FAILED
    for cause in report.causes:
        yield f"  {cause.id}: {cause.sentence}", Outcome.FAILED
        yield f"    explains {len(cause.explains)}: {', '.join(cause.explains[:_SHOWN])}{_more(cause)}", None
        yield f"    to do: {cause.remedy}", None
    if report.unexplained:
        names = ", ".join(check.name for check in report.unexplained)
        yield f"  not explained: {names}", Outcome.FAILED


def _more(cause: Cause) -> str:
    return " …" if len(cause.explains) > _SHOWN else ""


def _area(area: str, checks: list[CheckResult]) -> Iterator[Line]:
    count = Counter(check.outcome for check in checks)
    worst = next((o for o in (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED) if count[o]), Outcome.PASSED)
    counts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome])
    yield f"{area}: {counts}", worst
    complaints = [check for check in checks if check.outcome is not Outcome.PASSED]
    # One cause often stops many checks: it is told once.
    for _, alike in groupby(sorted(complaints, key=_complaint), _complaint):
        yield from ((f"  {line}", outcome) for line, outcome in told(list(alike)))


def _complaint(check: CheckResult) -> tuple[int, str, str, tuple[str, ...]]:
    return list(Outcome).index(check.outcome), check.reason, check.remedy, check.evidence
