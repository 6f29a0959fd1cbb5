"""What a report's measurements show as pictures: latency under load, dnsmasq while it saturates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterdns.reporting.plots import Axis, Kind, Limit, Series, chart
from clusterdns.reporting.schema import CheckResult, Report

_WORKERS, _QUEUE = 1, 2  # columns of a saturation timeline


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot with what it is about.

    Attributes:
        title: Of the picture.
        svg: The plot.
        heads: Of the table below it.
        rows: Of that table.
    """

    title: str
    svg: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default=())


def pictures(report: Report) -> list[Picture]:
    """Draw every timeline of a report; those without any have no pictures."""
    return [*_latencies(report.checks), *_saturations(report.checks)]


def _latencies(checks: Sequence[CheckResult]) -> Iterator[Picture]:
    """Yield a picture for each way to send load, with a curve for each destination."""
    steps: dict[str, list[CheckResult]] = {}
    for check in checks:
        if check.id == "latency.path" and check.measurements.get("timeline"):
            step = (check.case or "").removeprefix(f"{check.measurements['to']}-")
            steps.setdefault(step, []).append(check)
    for step, group in steps.items():
        limit = _facts(group[0], "limits")["p99 ms"]
        series = [
            Series(
                str(check.measurements["to"]),
                [row["s"] for row in _rows(check)],
                [row["max ms"] for row in _rows(check)],
            )
            for check in group
        ]
        title = f"Worst latency from each moment's queries: {step}"
        svg = chart(
            title,
            series,
            x=Axis("seconds since the start"),
            y=Axis("ms, lost queries at their deadline", log=True),
            limits=[Limit(limit, f"p99 limit {limit:g} ms")],
        )
        heads = (
            "to",
            "sent",
            "lost",
            "errors",
            "p50 ms",
            "p99 ms",
            "max ms",
            "send to receive p99",
            "lag p99",
        )
        yield Picture(title, svg, heads, [_figures(check) for check in group])


def _figures(check: CheckResult) -> list[str]:
    latency, answered = _facts(check, "latency ms"), _facts(check, "send to receive ms")
    rows = _rows(check)
    return [
        f"{check.measurements['to']}: {check.measurements['destination']}",
        f"{check.measurements['sent']:,}",
        f"{check.measurements['lost']:,}",
        f"{sum(row['refused'] for row in rows):,}",
        *(_number(latency.get(name)) for name in ("p50", "p99", "max")),
        _number(answered.get("p99")),
        _number(_figure(check, "schedule lag p99 ms")),
    ]


def _saturations(checks: Sequence[CheckResult]) -> Iterator[Picture]:
    """Yield two pictures for each episode in which dnsmasq was watched under load."""
    for check in checks:
        if check.id != "saturation.tcp-workers" or not check.measurements.get("load"):
            continue
        timelines = _facts(check, "timeline")
        limits = sorted(set(_facts(check, "limits").values()))
        for what, column, marks in (
            ("TCP children of dnsmasq", _WORKERS, [Limit(one, f"limit {one}") for one in limits]),
            ("Connections that wait for a child", _QUEUE, []),
        ):
            title = f"{what}: {check.case}"
            series = [
                Series(pod, [row[0] for row in rows], [row[column] for row in rows], Kind.STEP)
                for pod, rows in timelines.items()
            ]
            svg = chart(
                title, series, x=Axis("seconds since the first look"), y=Axis("how many"), limits=marks
            )
            yield Picture(title, svg)


def _facts(check: CheckResult, name: str) -> Mapping[str, Any]:
    found = check.measurements.get(name)
    return found if isinstance(found, dict) else {}


def _rows(check: CheckResult) -> list[dict[str, float]]:
    rows = check.measurements["timeline"]
    return rows if isinstance(rows, list) else []


def _figure(check: CheckResult, name: str) -> float | None:
    found = check.measurements.get(name)
    return found if isinstance(found, int | float) else None


def _number(value: float | None) -> str:
    return "too few" if value is None else f"{value:,.2f}"
