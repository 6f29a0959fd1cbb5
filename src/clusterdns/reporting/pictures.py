"""What a report's measurements show as pictures: latency under load, dnsmasq while it saturates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from clusterdns.model.load_figures import PathLatency
from clusterdns.model.saturation import TcpWorkers
from clusterdns.model.soak import Soak, Stretch, Trouble
from clusterdns.reporting.lanes import Lane, Look, Span, clock, lanes
from clusterdns.reporting.plots import Axis, Limit, Series, SeriesStyle, chart
from clusterdns.reporting.schema import CheckResult, Report

_PATH_LATENCY = TypeAdapter(PathLatency)
_TCP_WORKERS = TypeAdapter(TcpWorkers)
_SOAK = TypeAdapter(Soak)
_LOOKS = {Trouble.SILENT: Look.FULL, Trouble.SLOW: Look.HALF, Trouble.UNMEASURED: Look.EMPTY}
_LEGEND = {Trouble.SILENT: "no answer", Trouble.SLOW: "slow", Trouble.UNMEASURED: "not measured"}
_MOST_LANES = 40
_MOST_EVENTS = 200
_HEADS = ("to", "sent", "lost", "errors", "p50 ms", "p99 ms", "max ms", "send to receive p99", "lag p99")


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
    """Draw every timeline of a report; those without any have no pictures.

    Raises:
        ValidationError: measurements of latency.path, saturation.tcp-workers or resilience.soak are not of
            their types (`PathLatency`, `TcpWorkers`, `Soak`), as in a report of another version.
    """
    return [*_latencies(report.checks), *_saturations(report.checks), *_soaks(report.checks)]


def _latencies(checks: Sequence[CheckResult]) -> Iterator[Picture]:
    """Yield a picture for each way to send load, with a curve for each destination."""
    steps: dict[str, list[PathLatency]] = {}
    for check in checks:
        if check.id == "latency.path" and check.measurements:
            measured = _PATH_LATENCY.validate_python(check.measurements)
            step = (check.case or "").removeprefix(f"{measured.load.to}-")
            steps.setdefault(step, []).append(measured)
    for step, paths in steps.items():
        limit = paths[0].limits.p99_ms
        series = [
            Series(
                path.load.to,
                [interval.start_s for interval in path.timeline],
                [interval.max_ms for interval in path.timeline],
            )
            for path in paths
        ]
        title = f"Worst latency from each moment's queries: {step}"
        svg = chart(
            title,
            series,
            x=Axis("seconds since the start"),
            y=Axis("ms, lost queries at their deadline", log=True),
            limits=[Limit(limit, f"p99 limit {limit:g} ms")],
        )
        yield Picture(title, svg, _HEADS, [_row(path) for path in paths])


def _row(path: PathLatency) -> list[str]:
    load = path.load
    return [
        f"{load.to}: {load.destination}",
        f"{load.sent:,}",
        f"{load.lost:,}",
        f"{load.refused:,}",
        _number(load.latency.p50_ms),
        _number(load.latency.p99_ms),
        _number(load.latency.max_ms),
        _number(load.send_to_receive.p99_ms),
        _number(load.lag_p99_ms),
    ]


def _saturations(checks: Sequence[CheckResult]) -> Iterator[Picture]:
    """Yield two pictures for each scenario in which dnsmasq was watched."""
    for check in checks:
        if check.id != "saturation.tcp-workers" or not check.measurements:
            continue
        measured = _TCP_WORKERS.validate_python(check.measurements)
        limits = [Limit(limit, f"limit {limit}") for limit in sorted(set(measured.limits.values()))]
        workers = [
            Series(pod, columns.seconds, columns.workers, SeriesStyle.STEP)
            for pod, columns in measured.timelines.items()
        ]
        queues = [
            Series(pod, columns.seconds, columns.queue, SeriesStyle.STEP)
            for pod, columns in measured.timelines.items()
        ]
        for what, series, marks in (
            ("TCP children of dnsmasq", workers, limits),
            ("Connections that wait for a child", queues, []),
        ):
            title = f"{what}: {check.case}"
            svg = chart(
                title, series, x=Axis("seconds since the first look"), y=Axis("how many"), limits=marks
            )
            yield Picture(title, svg)


def _soaks(checks: Sequence[CheckResult]) -> Iterator[Picture]:
    """Yield the timeline of a soak: when which path was in trouble, and what happened to the cluster."""
    for check in checks:
        if check.name != "resilience.soak[paths]" or not check.measurements:
            continue
        soak = _SOAK.validate_python(check.measurements)
        by_path: dict[tuple[str, str], list[Stretch]] = {(path.node, path.address): [] for path in soak.paths}
        for stretch in soak.stretches:
            by_path.setdefault((stretch.node, stretch.address), []).append(stretch)
        troubled = sorted(by_path, key=lambda path: (not by_path[path], path))
        drawn = [
            Lane(f"{node} {address}".strip(), [_span(stretch) for stretch in by_path[node, address]])
            for node, address in sorted(troubled[:_MOST_LANES])
        ]
        left_out = len(troubled) - len(drawn)
        events = soak.events[:_MOST_EVENTS]
        title = f"What clients went through in {clock(soak.seconds)} min from {soak.began} on"
        title += f"; {left_out} further paths are not drawn" if left_out else ""
        svg = lanes(
            title,
            drawn,
            seconds=soak.seconds,
            marks=[event.at_s for event in events],
            legend=[(_LOOKS[trouble], words) for trouble, words in _LEGEND.items()],
        )
        rows = [[f"{number}. {event.what}", f"{event.at_s:,.1f}"] for number, event in enumerate(events, 1)]
        yield Picture(title, svg, ("what happened", "after s"), rows)


def _span(stretch: Stretch) -> Span:
    words = f"{_LEGEND[stretch.trouble]}: {stretch.start_s:.1f} to {stretch.end_s:.1f} s"
    failed = f", {stretch.failed} queries failed" if stretch.failed else ""
    return Span(stretch.start_s, stretch.end_s, _LOOKS[stretch.trouble], words + failed)


def _number(value: float | None) -> str:
    return "too few" if value is None else f"{value:,.2f}"
