"""Where boxes and the arrows between them go, so that every arrow leads down and nothing covers anything.

Every row of boxes is followed by a row of labels. An arrow leads from a box to its label in the row below and
on to the next box; one that skips rows runs down on a lane of its own, to the right of everything. Cells of a
row never overlap, so neither do boxes, labels and the lines beside them.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from clusterdns.reporting.text import one_line, printable

_LETTER, _TITLE_LETTER = 7.2, 8.2  # widths in the widest of the usual fonts
LINE = 17  # height of a line of text
PADDING = 14  # between a box and its text
_SIGN = 18  # width of the sign before a fault
GAP = 30  # between rows, for lines to turn in
_BETWEEN, _MARGIN = 24, 8  # cells of a row; the picture and its edge
_LANE = 22  # room for each arrow that skips rows
_LONGEST = 46  # characters of a line
_SWEEPS = 4  # down and up the rows, until boxes are above the middle of what they lead to


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    Attributes:
        key: What arrows call it.
        title: Its first line.
        lines: Those below it.
        faults: What is wrong with it, a few words each.
    """

    key: str
    title: str
    lines: Sequence[str] = ()
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from one box to another, of which there is one at most.

    Attributes:
        source, target: Keys of its ends.
        lines: What is written on it.
        faults: What is wrong with it, a few words each.
    """

    source: str
    target: str
    lines: Sequence[str] = ()
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes and labels with their places.

    Attributes:
        boxes, labels: What there is, labels in the order of their arrows.
        width, height: Of all, with a margin.
    """

    boxes: Sequence["Cell"]
    labels: Sequence["Cell"]
    width: float
    height: float


def arrange(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> Layout:
    """Return where boxes and labels go.

    Args:
        boxes: With different keys; the first one is on top.
        arrows: Between them; they may not run in a circle.

    Raises:
        ValueError: the arrows run in a circle.
        KeyError: an arrow's end is no box.
    """
    rows, labels, by_key = _rows(boxes, arrows)
    _place(rows)
    height = _stack(rows)
    width = max((cell.x + cell.width / 2 for row in rows for cell in row), default=0.0)
    lanes = [label for label in labels if label.skips]
    for label in sorted(lanes, key=lambda label: label.below[0].top - label.top):
        width += _LANE
        label.lane = width
    return Layout(list(by_key.values()), labels, width + _MARGIN, height)


@dataclass(slots=True, eq=False)
class Cell:
    """What takes room in a row: a box, or the label of an arrow.

    Attributes:
        thing: The box, or the arrow.
        lines: Of text, the title first.
        faults: Told below them.
        skips: Whether it is the label of an arrow that skips rows.
        above, below: The cells that it is connected with: of a label one box each.
        x: Of its middle.
        lane: Where an arrow that skips rows runs down.
        top, bottom: Of its row.
    """

    thing: Box | Arrow
    lines: Sequence[str]
    faults: Sequence[str]
    skips: bool = False
    above: list["Cell"] = field(default_factory=list)
    below: list["Cell"] = field(default_factory=list)
    x: float = 0.0
    lane: float = 0.0
    top: float = 0.0
    bottom: float = 0.0

    @property
    def width(self) -> float:
        """Its width."""
        letter = _TITLE_LETTER if isinstance(self.thing, Box) else _LETTER
        widths = [_letters(line) * letter for line in self.lines]
        widths += [_letters(fault) * _TITLE_LETTER + _SIGN for fault in self.faults]
        return max(widths, default=0.0) + (2 * PADDING if isinstance(self.thing, Box) else 0)

    @property
    def height(self) -> float:
        """The height of its text, and of the box around it; its row may be higher."""
        text = (len(self.lines) + len(self.faults)) * LINE
        return text + (2 * PADDING - 6 if isinstance(self.thing, Box) else 8 if text else 0)

    def port(self, neighbour: "Cell", side: Sequence["Cell"]) -> float:
        """Return where on a side of this box the line from or to a neighbour begins."""
        ordered = sorted(side, key=lambda cell: max(cell.x, cell.lane))
        share = (ordered.index(neighbour) + 1) / (len(ordered) + 1)
        room = min(self.width, 40.0 * len(ordered))
        return self.x + (share - 0.5) * room


def _rows(
    boxes: Sequence[Box], arrows: Sequence[Arrow]
) -> tuple[list[list[Cell]], list[Cell], dict[str, Cell]]:
    """Return the cells by row, boxes and labels by turns; the labels; and the boxes by key."""
    ranks = _ranks(boxes, arrows)
    rows: list[list[Cell]] = [[] for _ in range(2 * max(ranks.values(), default=0) + 1)]
    by_key = {box.key: Cell(box, _clipped([box.title, *box.lines]), _clipped(box.faults)) for box in boxes}
    for box in boxes:
        rows[2 * ranks[box.key]].append(by_key[box.key])
    labels = []
    for arrow in arrows:
        skips = ranks[arrow.target] > ranks[arrow.source] + 1
        label = Cell(arrow, _clipped(arrow.lines), _clipped(arrow.faults), skips)
        rows[2 * ranks[arrow.source] + 1].append(label)
        labels.append(label)
        _connect(by_key[arrow.source], label)
        _connect(label, by_key[arrow.target])
    return rows, labels, by_key


def _connect(upper: Cell, lower: Cell) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _ranks(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> dict[str, int]:
    """Return each box's row: as far down as arrows push it, or just above its targets if none leads to it."""
    ranks = {box.key: 0 for box in boxes}
    for _ in boxes:
        pushed = [arrow for arrow in arrows if ranks[arrow.target] <= ranks[arrow.source]]
        for arrow in pushed:
            ranks[arrow.target] = max(ranks[arrow.target], ranks[arrow.source] + 1)
        if not pushed:
            break
    else:
        if arrows:
            raise ValueError("the arrows run in a circle")
    reached = {arrow.target for arrow in arrows} | {box.key for box in boxes[:1]}
    for box in boxes:
        targets = [ranks[arrow.target] for arrow in arrows if arrow.source == box.key]
        if box.key not in reached and targets:
            ranks[box.key] = min(targets) - 1
    return ranks


def _place(rows: Sequence[list[Cell]]) -> None:
    """Order every row, and put its cells near what they are connected with and clear of each other."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {id(cell): _wanted(cell, down=down) for cell in row}
            if sweep == 0:
                row.sort(key=lambda cell: (cell.skips, wanted[id(cell)]))
            for cell, x in zip(row, _spread(row, [wanted[id(cell)] for cell in row]), strict=True):
                cell.x = x
    left = min((cell.x - cell.width / 2 for row in rows for cell in row), default=0.0)
    for row in rows:
        for cell in row:
            cell.x += _MARGIN - left


def _wanted(cell: Cell, *, down: bool) -> float:
    """Return the middle of a cell's neighbours in the next row, or where it is if it has none there."""
    if down:
        near = [label.x for label in cell.above if not label.skips]
    else:
        near = [] if cell.skips else [neighbour.x for neighbour in cell.below]
    return sum(near) / len(near) if near else cell.x


def _spread(row: Sequence[Cell], wanted: Sequence[float]) -> list[float]:
    """Return the places nearest to those wanted (least squares) at which no two cells touch.

    That is isotonic regression of the wanted places less the room that cells to the left need: neighbours
    that are out of order are pooled at their mean.
    """
    needed = [(left.width + right.width) / 2 + _BETWEEN for left, right in pairwise(row)]
    offsets = [0.0, *accumulate(needed)][: len(row)]
    pools: list[tuple[float, int]] = []  # mean, cells
    for x, offset in zip(wanted, offsets, strict=True):
        mean, size = x - offset, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean = (other * count + mean * size) / (count + size)
            size += count
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _stack(rows: Iterable[Sequence[Cell]]) -> float:
    """Give every row its top and bottom; return the height of all."""
    y = float(_MARGIN)
    for index, row in enumerate(rows):
        y += GAP if index else 0
        height = max((cell.height for cell in row), default=0.0)
        for cell in row:
            cell.top, cell.bottom = y, y + height
        y += height
    return y + _MARGIN


def _clipped(texts: Iterable[str]) -> list[str]:
    lines = [one_line(printable(text)) for text in texts]
    return [line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in lines]


def _letters(text: str) -> float:
    """Return how many letters wide a text is: those of East Asia count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
