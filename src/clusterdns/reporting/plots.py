"""Plots as SVG text, self-contained: for a file of their own or inline in a page.

`chart` draws any series; `tails` and `frequencies` draw histograms of latency.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from clusterdns.model.latency import Histogram, samples_needed
from clusterdns.reporting import svg

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 16, 52, 44
_TICKS = 6  # about as many on a linear axis
# Okabe and Ito's colours, which the colour-blind tell apart; past them, and in print, dashes tell.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES = ("", "6 3", "2 2", "8 3 2 3")
_LETTER, _LINE = 6.4, 16  # about the width of one, and the height of a line
_NINES = 6  # of the farthest percentile of `tails`: p99.9999


class SeriesStyle(Enum):
    """How a series is drawn."""

    LINE = "from point to point"
    STEP = "a level that holds until the next point"
    DOTS = "a dot each"
    BARS = "from the axis up, as wide as the way to the next point"


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour.

    Attributes:
        label: What the legend says.
        x, y: Of the points, x ascending; what the axes cannot show is left out: y that is not
            finite, and what is not positive where an axis is logarithmic.
        kind: How they are drawn.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    kind: SeriesStyle = SeriesStyle.LINE


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        label: What it shows, with the unit.
        log: Whether it is logarithmic; it then shows whole decades.
        low, high: Its ends; by default what the points need, and a linear y axis begins at 0.
        ticks: Where to write what, instead of round numbers.
    """

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    ticks: Mapping[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line that is not to be crossed."""

    value: float
    label: str


def chart(title: str, series: Sequence[Series], *, x: Axis, y: Axis, limits: Sequence[Limit] = ()) -> str:
    """Draw series over common axes.

    Of many points of a line, of steps or of bars the lowest and the highest of each column of the picture are
    kept: it stays small, and no peak is lost.

    Returns:
        An `<svg>` element.
    """
    drawn = [_shown(one, x, y) for one in series]
    values = [point[1] for points in drawn for point in points] + [limit.value for limit in limits]
    across = _Scale(x, [point[0] for points in drawn for point in points], (_LEFT, WIDTH - _RIGHT))
    up = _Scale(y, values if y.log else [0.0, *values], (HEIGHT - _BOTTOM, _TOP))
    legend, down = _legend([one.label for one in series])
    parts = list(_frame(across, up))
    for index, (one, points) in enumerate(zip(series, drawn, strict=True)):
        places = [(across(at), up(value)) for at, value in points]
        parts += _DRAW[one.kind](places, _COLOURS[index % len(_COLOURS)], _dash(index))
    for limit in limits:
        at = up(limit.value)
        parts.append(svg.line((_LEFT, at), (WIDTH - _RIGHT, at), "#b00020", "4 3"))
        parts.append(svg.text((WIDTH - _RIGHT - 4, at - 4), limit.label, anchor="end", fill="#b00020"))
    if not any(drawn):
        parts.append(svg.text((WIDTH / 2, HEIGHT / 2), "nothing was measured", anchor="middle", fill="#777"))
    return svg.picture(
        title,
        [*legend, f'<g transform="translate(0 {down})">', *parts, "</g>"],
        left=_LEFT,
        size=(WIDTH, HEIGHT + down),
    )


def tails(
    title: str, histograms: Mapping[str, Histogram], *, unit: float, label: str, limits: Sequence[Limit] = ()
) -> str:
    """Draw latency over percentiles, spread so that each further nine has as much room as the one before.

    A curve ends with the last percentile that has enough samples to be judged; the legend tells the maximum.

    Args:
        title: Of the picture.
        histograms: What the legend says -> its values.
        unit: How many of the histogram's units are one of the axis', e.g. 1e6 from ns to ms.
        label: Of the axis, with the unit.
        limits: In the axis' unit.
    """
    series = []
    for name, values in histograms.items():
        nines = [step / 20 for step in range(20 * _NINES + 1)]
        nines = [nine for nine in nines if len(values) >= samples_needed(1 - 10**-nine)]
        legend = f"{name}: {len(values)}, max {number(values.maximum / unit)}"
        series.append(Series(legend, nines, [values.percentile(1 - 10**-nine) / unit for nine in nines]))
    last = max((one.x[-1] for one in series if one.x), default=1.0)
    ticks = {0.0: "min", -math.log10(0.5): "p50"}
    ticks |= {float(nine): f"p{100 - 100 * 10.0**-nine:.7g}" for nine in range(1, math.floor(last) + 1)}
    x = Axis("percentile", low=0.0, high=last, ticks=ticks)
    return chart(title, series, x=x, y=Axis(label, log=True), limits=limits)


def frequencies(
    title: str, histograms: Mapping[str, Histogram], *, unit: float, label: str, per_octave: int = 4
) -> str:
    """Draw how many values there are of which size, on a logarithmic axis.

    Args:
        title: Of the picture.
        histograms: What the legend says -> its values.
        unit: How many of the histogram's units are one of the axis', e.g. 1e6 from ns to ms.
        label: Of the axis, with the unit.
        per_octave: Bins for each doubling.
    """
    series = []
    for name, values in histograms.items():
        counts: dict[int, int] = {}
        for value, count in values.values():
            at = math.floor(math.log2(max(value, 1)) * per_octave)
            counts[at] = counts.get(at, 0) + count
        bins = range(min(counts, default=0), max(counts, default=-2) + 2)
        edges = [2 ** (at / per_octave) / unit for at in bins]
        series.append(Series(name, edges, [float(counts.get(at, 0)) for at in bins], SeriesStyle.BARS))
    return chart(title, series, x=Axis(label, log=True), y=Axis("how many"))


def number(value: float) -> str:
    """Write a number as short as a person wants it: 0.25, 100, 12,000."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - a thousand


_NOTHING = 1e-300  # an axis so short cannot be divided into ticks


class _Scale:
    """From values to places along one axis of the picture."""

    def __init__(self, axis: Axis, values: Sequence[float], ends: tuple[float, float]) -> None:
        self.axis = axis
        self._start, self._end = ends
        self._low = min(values, default=1.0) if axis.low is None else axis.low
        self._high = max(values, default=1.0) if axis.high is None else axis.high
        if axis.log:
            self._low, self._high = math.floor(_log(self._low)), math.ceil(_log(self._high))
        if self._high - self._low < _NOTHING:
            self._high = self._low + 1

    def __call__(self, value: float) -> float:
        measure = _log(value) if self.axis.log else value
        share = (min(max(measure, self._low), self._high) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> Mapping[float, str]:
        """Return where to write what."""
        if self.axis.ticks is not None:
            return self.axis.ticks
        if self.axis.log:
            decades = [10.0**power for power in range(int(self._low), int(self._high) + 1)]
            return {decade: number(decade) for decade in decades}
        about = (self._high - self._low) / _TICKS
        power = 10.0 ** math.floor(math.log10(about))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= about * 0.999)
        first, last = math.ceil(self._low / step - 1e-9), math.floor(self._high / step + 1e-9)
        return {index * step: number(index * step) for index in range(first, last + 1)}


def _log(value: float) -> float:
    return math.log10(value) if value > 0 else 0.0


def _shown(series: Series, x: Axis, y: Axis) -> list[svg.Point]:
    """Return the points that can be shown, without those that others hide."""
    points = [
        (at, value)
        for at, value in zip(series.x, series.y, strict=True)
        if math.isfinite(value) and (value > 0 or not y.log) and (at > 0 or not x.log)
    ]
    if series.kind is not SeriesStyle.DOTS and len(points) > 2 * WIDTH:
        return list(_thinned(points))
    return points


def _thinned(points: list[svg.Point]) -> Iterator[svg.Point]:
    first, last = points[0][0], points[-1][0]
    columns: dict[int, list[svg.Point]] = {}
    for point in points:
        columns.setdefault(int((point[0] - first) / (last - first or 1) * WIDTH), []).append(point)
    for column in columns.values():
        extremes = {min(column, key=lambda point: point[1]), max(column, key=lambda point: point[1])}
        yield from sorted({column[0], column[-1]} | extremes)


def _frame(across: _Scale, up: _Scale) -> Iterator[str]:
    """Yield the axes with their ticks."""
    for value, text in across.ticks().items():
        at = across(value)
        yield svg.line((at, _TOP), (at, HEIGHT - _BOTTOM), "#eee")
        yield svg.text((at, HEIGHT - _BOTTOM + 15), text, anchor="middle")
    for value, text in up.ticks().items():
        at = up(value)
        yield svg.line((_LEFT, at), (WIDTH - _RIGHT, at), "#ddd")
        yield svg.text((_LEFT - 6, at + 4), text, anchor="end")
    yield svg.line((_LEFT, HEIGHT - _BOTTOM), (WIDTH - _RIGHT, HEIGHT - _BOTTOM), "#555")
    yield svg.text(((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8), across.axis.label, anchor="middle")
    yield svg.text((16, (_TOP + HEIGHT - _BOTTOM) / 2), up.axis.label, anchor="middle", turned=True)


def _legend(labels: Sequence[str]) -> tuple[list[str], int]:
    """Return the legend, and how far down its lines push the axes."""
    parts, at, down = [], float(_LEFT), 0
    for index, label in enumerate(labels):
        width = 22 + len(label) * _LETTER + 14
        if at > _LEFT and at + width > WIDTH:
            at, down = float(_LEFT), down + _LINE
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(svg.line((at, 38 + down), (at + 18, 38 + down), colour, _dash(index), width=3))
        parts.append(svg.text((at + 22, 42 + down), label))
        at += width
    return parts, down


def _dash(index: int) -> str:
    return _DASHES[index // len(_COLOURS) % len(_DASHES)]


def _draw_line(places: list[svg.Point], colour: str, dash: str) -> Iterable[str]:
    if not places:
        return []
    if len(places) == 1:
        return _draw_dots(places, colour, dash)
    path = "M" + "L".join(f"{x:g},{y:g}" for x, y in places)
    return [_path(path, colour, dash)]


def _draw_step(places: list[svg.Point], colour: str, dash: str) -> Iterable[str]:
    if not places:
        return []
    path = f"M{places[0][0]:g},{places[0][1]:g}" + "".join(f"H{x:g}V{y:g}" for x, y in places[1:])
    return [_path(path, colour, dash)]


def _draw_dots(places: list[svg.Point], colour: str, dash: str) -> Iterable[str]:
    del dash  # has no meaning for dots
    return [f'<circle cx="{x:g}" cy="{y:g}" r="2" fill="{colour}"/>' for x, y in sorted(set(places))]


def _draw_bars(places: list[svg.Point], colour: str, dash: str) -> Iterable[str]:
    del dash
    bottom = HEIGHT - _BOTTOM
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{max(after - x, 1):.1f}" height="{bottom - y:.1f}"'
        f' fill="{colour}" fill-opacity="0.55"/>'
        for (x, y), (after, _) in pairwise([*places, (places[-1][0] if places else 0.0, 0.0)])
        if y < bottom
    ]


_DRAW = {
    SeriesStyle.LINE: _draw_line,
    SeriesStyle.STEP: _draw_step,
    SeriesStyle.DOTS: _draw_dots,
    SeriesStyle.BARS: _draw_bars,
}


def _path(path: str, colour: str, dash: str) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>'
