"""Results as lines of a terminal: those that end a run, and those of an audit."""

from collections.abc import Sequence

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.reporting.schema import CheckResult
from clusterdns.reporting.text import shown

Line = tuple[str, Outcome | None]
"""A line, and the outcome that it is about, for its colour."""

MEANING = {
    ExitCode.OK: "every check that ran passed",
    ExitCode.FAILED: "the cluster's DNS failed at least one check",
    ExitCode.INTERRUPTED: "the run was interrupted",
    ExitCode.INTERNAL: "pytest failed",
    ExitCode.NOTHING_MEASURED: "nothing was measured",
    ExitCode.NOT_MEASURABLE: "nothing failed, but something could not be measured",
}

_SHOWN = 20  # lines of evidence
_STYLES = {
    Outcome.PASSED: "\033[32m",
    Outcome.FAILED: "\033[31m",
    Outcome.WARNED: "\033[33m",
    Outcome.SKIPPED: "\033[2m",
    Outcome.ERROR: "\033[31m",
}
_PLAIN = "\033[0m"


def told(checks: Sequence[CheckResult]) -> list[Line]:
    """Return what is known of cases that all say the same: outcome, reason, evidence, remedy, source, files.

    Args:
        checks: At least one; what they have in common is taken from the first.
    """
    first = checks[0]
    complains = first.outcome in (Outcome.FAILED, Outcome.WARNED)
    names = ", ".join(dict.fromkeys(check.name for check in checks))
    files = [file for check in checks for file in check.artifacts]
    said = [first.reason] if first.reason else []
    reason, _, _ = first.reason.partition(" (and ")  # model.outcome.and_more
    evidence = [line for line in first.evidence if line != reason]
    said += [f"  {line}" for line in evidence[:_SHOWN]]
    hidden = len(evidence) - _SHOWN
    said += [f"  and {hidden} lines more in the report"] if hidden > 0 else []
    said += [f"to do: {first.remedy}"] if first.remedy else []
    said += [f"source: {first.source}"] if complains and first.source else []
    said += [f"see {', '.join(files)}"] if files else []
    headline = f"{first.outcome.upper():<7} {names}"
    return [(headline, first.outcome), *((f"    {shown(line)}", None) for line in said)]


def exit_line(code: ExitCode) -> Line:
    """Return what an exit code means."""
    return f"exit code {code.value}: {MEANING[code]}", None


def rendered(lines: Sequence[Line], *, coloured: bool) -> str:
    """Return lines as text; the escapes of a terminal colour them by their outcomes."""
    return "".join(
        f"{_STYLES[outcome]}{line}{_PLAIN}\n" if coloured and outcome else f"{line}\n"
        for line, outcome in lines
    )
