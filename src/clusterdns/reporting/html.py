"""report.html: the report as one page that needs nothing besides and runs no script."""

import json
from collections import Counter
from itertools import groupby
from operator import attrgetter

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusterdns.model.outcome import Outcome
from clusterdns.reporting.pictures import pictures
from clusterdns.reporting.schema import CheckResult, Report
from clusterdns.reporting.summary import explained
from clusterdns.reporting.terminal import MEANING

_WORST_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.PASSED, Outcome.SKIPPED)


def html(report: Report) -> str:
    """Return the report as a page. What comes from a cluster is escaped, whatever it is."""
    environment = Environment(
        loader=PackageLoader("clusterdns.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["told"] = _told
    environment.tests["lines"] = _are_lines
    template = environment.get_template("report.html.j2")
    return template.render(
        report=report,
        meaning=MEANING[report.run.exit_code],
        counts=_counts(report.checks),
        explained=explained(report),
        areas=_areas(report.checks),
        skipped=_skipped(report.checks),
        # Our own drawing, which escapes its labels itself.
        pictures=[(one, Markup(one.svg)) for one in pictures(report)],  # noqa: S704
    )


def _counts(checks: tuple[CheckResult, ...]) -> dict[Outcome, int]:
    count = Counter(check.outcome for check in checks)
    return {outcome: count[outcome] for outcome in _WORST_FIRST if count[outcome]}


def _areas(checks: tuple[CheckResult, ...]) -> list[tuple[str, dict[Outcome, int], list[CheckResult]]]:
    """Return each area with its counts and its checks, the worst first; skipped ones are told elsewhere."""
    by_area = attrgetter("area")
    areas = []
    for area, group in groupby(sorted(checks, key=by_area), by_area):
        found = tuple(group)
        ran = [check for check in found if check.outcome is not Outcome.SKIPPED]
        ran.sort(key=lambda check: (_WORST_FIRST.index(check.outcome), check.name))
        areas.append((area, _counts(found), ran))
    return sorted(areas, key=lambda area: min(map(_WORST_FIRST.index, area[1])))


def _skipped(checks: tuple[CheckResult, ...]) -> dict[str, list[str]]:
    """Return why -> what was skipped for that."""
    found: dict[str, list[str]] = {}
    for check in checks:
        if check.outcome is Outcome.SKIPPED:
            found.setdefault(check.reason, []).append(check.name)
    return found


def _are_lines(value: object) -> bool:
    """Return whether a fact is several lines of text, e.g. the documented deviations that were met."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(line, str) for line in value)


def _told(value: object) -> str:
    """Return a fact as text: words as they are, the rest as JSON, short things on one line."""
    if isinstance(value, str):
        return value
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) < 100 else json.dumps(value, ensure_ascii=False, indent=1)  # noqa: PLR2004 - a line
