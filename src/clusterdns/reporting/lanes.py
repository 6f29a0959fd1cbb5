"""Lanes as SVG text, self-contained: what each of several things was like over one stretch of time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from clusterdns.reporting import svg

_WIDTH, _LEFT, _RIGHT, _TOP = 960, 232, 16, 64
_LANE, _BAR = 22, 14  # pixels of a lane, and of what is drawn in it
_NARROWEST = 2.0  # pixels: a gap of 20 ms in an hour is seen, too
_APART = 16  # pixels between two marks that are both numbered
_LABEL = 34  # characters
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds between two ticks
_MOST_TICKS = 10


_Across = Callable[[float], float]
"""Seconds -> pixels."""


class Look(Enum):
    """What a span looks like: told by height and outline, too, for those who see no colours."""

    FULL = ("#b3261e", 1.0)
    HALF = ("#e69f00", 0.5)
    EMPTY = ("#9aa3b0", 0.0)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a lane.

    Attributes:
        start_s, end_s: When it began and ended.
        look: What it looks like.
        told: In words, for those who point at it or hear it.
    """

    start_s: float
    end_s: float
    look: Look
    told: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One thing over time.

    Attributes:
        label: What it is.
        spans: What it was like, where that is worth a mark.
    """

    label: str
    spans: Sequence[Span]


def lanes(
    title: str,
    drawn: Sequence[Lane],
    *,
    seconds: float,
    marks: Sequence[float],
    legend: Sequence[tuple[Look, str]],
) -> str:
    """Draw lanes under each other, over one axis of time.

    Args:
        title: Of the picture.
        drawn: From top to bottom.
        seconds: How long the axis is.
        marks: When something happened, in order: numbered from 1.
        legend: What each look means.

    Returns:
        An `<svg>` element.
    """
    bottom = _TOP + _LANE * len(drawn)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(seconds, 1e-9)

    def across(at: float) -> float:
        return round(_LEFT + min(max(at, 0), seconds) * scale, 1)

    parts = [*_legend(legend), *_axis(seconds, across, bottom), *_marks(marks, across, bottom)]
    for index, lane in enumerate(drawn):
        parts += _lane(lane, _TOP + _LANE * index, across)
    return svg.picture(title, parts, left=8, size=(_WIDTH, bottom + 40))


def _lane(lane: Lane, top: float, across: _Across) -> Iterator[str]:
    label = lane.label if len(lane.label) <= _LABEL else f"{lane.label[: _LABEL - 1]}…"
    yield svg.text((_LEFT - 8, top + _BAR), label, anchor="end")
    middle = top + _LANE / 2
    yield svg.line((_LEFT, middle), (_WIDTH - _RIGHT, middle), "#cfd6df")
    for span in lane.spans:
        start, end = across(span.start_s), across(span.end_s)
        yield _box(start, middle, max(end - start, _NARROWEST), span.look, span.told)


def _box(left: float, middle: float, width: float, look: Look, told: str = "") -> str:
    colour, share = look.value
    height = _BAR * (share or 1)
    fill = f'fill="{colour}"' if share else f'fill="#fff" stroke="{colour}" stroke-dasharray="3 2"'
    title = f"<title>{svg.words(told)}</title>" if told else ""
    place = f'x="{left:g}" y="{middle - height / 2:g}" width="{width:g}" height="{height:g}"'
    return f"<rect {place} {fill}>{title}</rect>"


def _legend(legend: Sequence[tuple[Look, str]]) -> Iterator[str]:
    left = 8.0
    for look, words in legend:
        yield _box(left, 40, 18, look)
        yield svg.text((left + 24, 44), words)
        left += 24 + 7 * len(words) + 20


def _axis(seconds: float, across: _Across, bottom: float) -> Iterator[str]:
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), _STEPS[-1] * 2)
    for index in range(int(seconds / step) + 1):
        at = across(index * step)
        yield svg.line((at, _TOP), (at, bottom), "#eee")
        yield svg.text((at, bottom + 30), clock(index * step), anchor="middle")


def _marks(marks: Sequence[float], across: _Across, bottom: float) -> Iterator[str]:
    last = -float(_APART)
    for number, at in enumerate(marks, 1):
        left = across(at)
        yield svg.line((left, _TOP), (left, bottom + 4), "#0072b2", "2 3")
        if left - last >= _APART:
            yield svg.text((left, bottom + 15), str(number), anchor="middle", fill="#0072b2")
            last = left


def clock(seconds: float) -> str:
    """Write a time since a start as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
