"""report.html: the report as one page that needs nothing besides and runs no script."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusterdns.model.outcome import Outcome
from clusterdns.reporting.drawing import drawing
from clusterdns.reporting.pictures import pictures
from clusterdns.reporting.schema import Cause, CheckResult, Report
from clusterdns.reporting.summary import explained
from clusterdns.reporting.terminal import MEANING

_WORST_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.PASSED, Outcome.SKIPPED)
_COMPLAINTS = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED)
_LINE = 100  # characters
_FEW = 3  # lines
_FACT = {"value", "source", "assumed"}  # of `model.topology.Fact`


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
    environment.tests["single"] = _is_single
    environment.tests["words"] = _are_words
    environment.tests["rows"] = _are_rows
    template = environment.get_template("report.html.j2")
    return template.render(
        report=report,
        meaning=MEANING[report.run.exit_code],
        counts=_counts(report.checks),
        explained=explained(report),
        long_facts={name: fact for name, fact in report.cluster.items() if name != "dns" and _is_long(fact)},
        causes=_causes(report),
        complaints=_complaints(report),
        areas=_areas(report.checks),
        skipped=_skipped(report.checks),
        # Our own drawings, which escape their labels themselves.
        drawing=Markup(drawing(report)),  # noqa: S704
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


def _causes(report: Report) -> list[tuple[Cause, list[CheckResult], list[str]]]:
    """Return each cause, the checks shown under it, and the names of those shown under an earlier one."""
    by_name = {check.name: check for check in report.checks}
    shown: set[str] = set()
    causes = []
    for cause in report.causes:
        again = [name for name in cause.explains if name in shown]
        checks = [by_name[name] for name in cause.explains if name in by_name and name not in shown]
        causes.append((cause, checks, again))
        shown.update(cause.explains)
    return causes


def _complaints(report: Report) -> list[tuple[str, list[CheckResult]]]:
    """Return what is to be looked at besides the causes: headings with their checks, the worst first."""
    failed = list(report.unexplained)
    others = [check for outcome in _COMPLAINTS[1:] for check in report.checks if check.outcome is outcome]
    if not report.causes:
        sections = [("What to look at", failed + others)]
    else:
        sections = [("What no cause explains", failed), ("What else to look at", others)]
    return [(heading, checks) for heading, checks in sections if checks]


def _is_single(value: object) -> bool:
    """Return whether a fact is told in a few words: a string, a number, or a value with its source."""
    if isinstance(value, Mapping) and value:
        return set(value) == _FACT and _is_single(value["value"])
    return not value or isinstance(value, str | int | float)


def _are_words(value: object) -> bool:
    """Return whether a fact is a few numbers or words that fit on a line, e.g. names of nodes."""
    if not isinstance(value, list | tuple) or not all(map(_is_single, value)):
        return False
    texts = [_told(item) for item in value]
    return len(", ".join(texts)) < _LINE and not any(" " in text for text in texts)


def _is_long(value: object) -> bool:
    """Return whether a fact about the cluster is too long to stand above what is wrong with it."""
    return isinstance(value, list | tuple) and len(value) > _FEW and not _are_words(value)


def _are_rows(value: object) -> bool:
    """Return whether the items of a fact are alike, and of single facts: the rows of a table."""
    items: Sequence[object] = ()
    if isinstance(value, Mapping):
        items = list(value.values())
    elif isinstance(value, list | tuple):
        items = value
    alike = {tuple(item) if isinstance(item, Mapping) else () for item in items}
    return (
        len(alike) == 1
        and alike != {()}
        and not any(map(_is_single, items))
        and all(_is_single(cell) for item in items if isinstance(item, Mapping) for cell in item.values())
    )


def _told(value: object) -> str:
    """Return a single fact in words."""
    if isinstance(value, Mapping) and value:
        return f"{_told(value['value'])} ({'assumed: ' if value['assumed'] else ''}{value['source']})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str | int) and value != "":
        return str(value)
    return "none"
