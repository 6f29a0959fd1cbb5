"""A comparison of two reports, for people: text for terminals, Markdown for CI systems."""

import re
from collections.abc import Iterator, Sequence

from clusterdns.model.outcome import ExitCode
from clusterdns.reporting.compare import Change, Comparison
from clusterdns.reporting.text import bounded, one_line

# What begins a link (after a bracket), ends a cell or a code span, or escapes one of these; and HTML.
_MARKUP = re.compile(r"(?<=\])\(|[\\|`&<]")
_WRITTEN = {"&": "&amp;", "<": "&lt;"}

_SAID = {
    ExitCode.OK: "no worse",
    ExitCode.FAILED: "worse",
    ExitCode.NOT_MEASURABLE: "no worse as far as it was measured, but something is not measured any more",
}


def _said(comparison: Comparison) -> str:
    """Return what a comparison came to, in words."""
    code = comparison.exit_code()
    if code is ExitCode.NOT_MEASURABLE and not comparison.compared:
        return "nothing is compared: no case has an outcome in both reports"
    return _SAID[code]


def _sections(comparison: Comparison) -> Iterator[tuple[str, Sequence[Change]]]:
    yield "Worse", comparison.worse
    yield "Slower beyond noise", comparison.slower
    yield "Not measured any more", comparison.unmeasured
    yield "Better", comparison.better
    yield "New", comparison.added
    yield "The cluster", comparison.facts
    yield "Settings that differ: times are not compared", comparison.settings


def text_lines(comparison: Comparison) -> Iterator[str]:
    """Yield what differs, and last what that means."""
    for title, changes in _sections(comparison):
        if changes:
            yield f"{title}:"
            yield from (f"  {one_line(str(change))}" for change in changes)
    yield _said(comparison)


def markdown_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the same as Markdown, first what it means."""
    yield f"## Cluster DNS: {_said(comparison)}"
    for title, changes in _sections(comparison):
        if changes:
            yield ""
            yield f"**{title}**"
            yield ""
            yield "| What | Before | After |"
            yield "|---|---|---|"
            yield from (
                f"| {cell(change.what)} | {cell(change.old)} | {cell(change.new)} |" for change in changes
            )


def cell(value: object) -> str:
    """Return a value for a cell of a table: bounded, and nothing in it is Markdown or HTML."""
    text = bounded(one_line("none" if value is None else str(value)))
    return _MARKUP.sub(lambda match: _WRITTEN.get(match[0], f"\\{match[0]}"), text)
