"""Boxes and the arrows between them as SVG text, from top to bottom, for inline use in a page.

Colours are the page's (CSS variables), with light ones where it has none.
"""

from collections.abc import Iterator, Sequence

from clusterdns.reporting import svg
from clusterdns.reporting.layout import (
    GAP,
    LINE,
    PADDING,
    Arrow,
    Box,
    Cell,
    arrange,
)

_HEAD = 7  # height of an arrow's head, less its tip
# Before each fault: it is not told by its colour alone.
_CROSS = '<tspan font-size="16">\N{MULTIPLICATION SIGN}</tspan>'
_STYLE = """
.diagram text { fill: var(--ink, #1d2430); text-anchor: middle; }
.diagram .title { font-size: 13px; font-weight: 600; }
.diagram rect { fill: var(--card, #fff); stroke: var(--dim, #5b6472); stroke-width: 1.2; }
.diagram path { fill: none; stroke: var(--dim, #5b6472); stroke-width: 1.4; }
.diagram .head { fill: var(--dim, #5b6472); stroke: none; }
.diagram .fault rect { fill: var(--bad-fill, #fdecea); stroke: var(--bad, #b3261e); stroke-width: 2.4; }
.diagram .fault path { stroke: var(--bad, #b3261e); stroke-width: 2.4; }
.diagram .fault .head { fill: var(--bad, #b3261e); stroke: none; }
.diagram .why { fill: var(--bad, #b3261e); font-weight: 600; }
"""


def diagram(title: str, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> str:
    """Draw boxes in rows so that every arrow leads down.

    Args:
        title: What it shows, for whom it is read to.
        boxes: With different keys; the first one is on top.
        arrows: Between them; they may not run in a circle.

    Returns:
        An `<svg>` element with a title and a description that says the same in words.

    Raises:
        ValueError: the arrows run in a circle.
        KeyError: an arrow's end is no box.
    """
    layout = arrange(boxes, arrows)
    size = f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}"'
    size += f' width="{layout.width:.0f}" height="{layout.height:.0f}"'
    role = 'role="img" aria-labelledby="diagram-title" aria-describedby="diagram-description"'
    font = 'font-family="system-ui, DejaVu Sans, sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" {size} {role} {font}>',
            f'<title id="diagram-title">{svg.words(title)}</title>',
            f'<desc id="diagram-description">{svg.words(_in_words(boxes, arrows))}</desc>',
            f"<style>{_STYLE}</style>",
            *(part for label in layout.labels for part in _drawn(label, _line(label))),
            *(part for box in layout.boxes for part in _drawn(box, _frame(box))),
            "</svg>\n",
        ]
    )


def _drawn(cell: Cell, around: Iterator[str]) -> Iterator[str]:
    """Yield a cell's elements: what is around its text, and that."""
    is_box = isinstance(cell.thing, Box)
    yield '<g class="fault">' if cell.faults else "<g>"
    yield from around
    room = cell.bottom - cell.top - cell.height if is_box else 0
    y = cell.top + room / 2 + (PADDING - 7 if is_box else 0)
    for index, line in enumerate(cell.lines):
        y += LINE
        style = ' class="title"' if is_box and index == 0 else ""
        yield f'<text x="{cell.x:.1f}" y="{y:.1f}"{style}>{svg.words(line)}</text>'
    for fault in cell.faults:
        y += LINE
        yield f'<text x="{cell.x:.1f}" y="{y:.1f}" class="why">{_CROSS} {svg.words(fault)}</text>'
    yield "</g>"


def _frame(box: Cell) -> Iterator[str]:
    place = f'x="{box.x - box.width / 2:.1f}" y="{box.top:.1f}"'
    yield f'<rect {place} width="{box.width:.1f}" height="{box.bottom - box.top:.1f}" rx="8"/>'


def _line(label: Cell) -> Iterator[str]:
    """Yield an arrow's way from the box above its label to the one below."""
    (source,), (target,) = label.above, label.below
    yield _curve((source.port(label, source.below), source.bottom), (label.x, label.top))
    yield _curve((label.x, label.top + label.height), (label.x, label.bottom))
    turn = (label.x, label.bottom)
    if label.skips:
        yield _curve(turn, (label.lane, label.bottom + GAP))
        turn = (label.lane, target.top - GAP)
        yield _curve((label.lane, label.bottom + GAP), turn)
    x = target.port(label, target.above)
    yield _curve(turn, (x, target.top - _HEAD))
    yield f'<path class="head" d="M{x:.1f},{target.top:.1f}l-5,-{_HEAD + 2}h10z"/>'


def _in_words(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> str:
    """Return what the picture shows, a sentence for each box and each arrow."""
    names = {box.key: " ".join([box.title, *box.lines[:1]]) for box in boxes}
    things = [(f"{box.title}: {'; '.join(box.lines)}", box.faults) for box in boxes]
    things += [
        (f"From {names[arrow.source]} to {names[arrow.target]}: {'; '.join(arrow.lines)}", arrow.faults)
        for arrow in arrows
    ]
    return " ".join(f"{text}{'; fails: ' if faults else ''}{', '.join(faults)}." for text, faults in things)


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    turn = (y1 + y2) / 2
    return f'<path d="M{x1:.1f},{y1:.1f}C{x1:.1f},{turn:.1f} {x2:.1f},{turn:.1f} {x2:.1f},{y2:.1f}"/>'
