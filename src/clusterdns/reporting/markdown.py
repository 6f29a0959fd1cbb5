"""The report for CI systems that show Markdown, and GitHub's annotations."""

from collections import Counter
from collections.abc import Iterator

from clusterdns.model.outcome import Outcome
from clusterdns.reporting.compare import Comparison
from clusterdns.reporting.comparison_text import cell, markdown_lines
from clusterdns.reporting.schema import Report
from clusterdns.reporting.summary import explained
from clusterdns.reporting.terminal import exit_line
from clusterdns.reporting.text import bounded

_TOLD = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED)
_COMMANDS = {Outcome.FAILED: "error", Outcome.ERROR: "error", Outcome.WARNED: "warning"}
_MOST_ROWS = 100  # GitHub cuts a step's summary off at 1 MiB


def markdown(report: Report, comparison: Comparison | None = None) -> str:
    """Return the report as Markdown: what it came to, the causes, every complaint, and what became worse."""
    return "\n".join(_lines(report, comparison)) + "\n"


def github_annotations(report: Report) -> Iterator[str]:
    """Yield a workflow command of GitHub Actions for each complaint.

    Source: docs.github.com, "Workflow commands for GitHub Actions".
    """
    for check in report.checks:
        if check.outcome in _COMMANDS:
            reason, remedy = bounded(check.reason), bounded(check.remedy)
            text = f"{reason}\nto do: {remedy}" if remedy else reason
            yield f"::{_COMMANDS[check.outcome]} title={_property(bounded(check.name))}::{_data(text)}"


def _lines(report: Report, comparison: Comparison | None) -> Iterator[str]:
    count = Counter(check.outcome for check in report.checks)
    counts = ", ".join(f"{count[outcome]} {outcome}" for outcome in Outcome if count[outcome])
    yield "## Cluster DNS conformance"
    yield ""
    yield cell(f"{counts or 'nothing ran'}; {exit_line(report.run.exit_code)[0]}")
    if report.causes:
        yield ""
        yield cell(f"{explained(report)}:")
        yield ""
        yield "| Cause | What is broken | Explains | To do |"
        yield "|---|---|---|---|"
        for cause in report.causes:
            row = (cause.id, cause.sentence, ", ".join(cause.explains), cause.remedy)
            yield f"| {' | '.join(map(cell, row))} |"
    complaints = [check for outcome in _TOLD for check in report.checks if check.outcome is outcome]
    if complaints:
        yield ""
        yield "| Check | Outcome | Found | To do |"
        yield "|---|---|---|---|"
        for check in complaints[:_MOST_ROWS]:
            columns = (check.name, check.outcome.value, check.reason, check.remedy)
            yield f"| {' | '.join(map(cell, columns))} |"
    if len(complaints) > _MOST_ROWS:
        yield ""
        yield f"{len(complaints) - _MOST_ROWS} more are in report.html."
    if comparison is not None:
        yield ""
        yield from markdown_lines(comparison)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
