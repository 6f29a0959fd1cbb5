"""Elements of SVG as text, and self-contained pictures made of them."""

from collections.abc import Iterable
from html import escape

from clusterdns.reporting.text import printable

Point = tuple[float, float]
"""x and y in pixels, from the upper left corner."""

INK, GREY = "#000", "#333"


def words(text: str) -> str:
    """Return text that comes from anywhere as the content of an element."""
    return escape(printable(text), quote=False)


def text(at: Point, said: str, *, anchor: str = "start", fill: str = GREY, turned: bool = False) -> str:
    """Return a `<text>`.

    Args:
        at: Where it starts, is centred or ends, as `anchor` says.
        said: The text.
        anchor: "start", "middle" or "end".
        fill: Its colour.
        turned: Whether it is read from below.
    """
    x, y = at
    turn = f' transform="rotate(-90 {x:g} {y:g})"' if turned else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{fill}"{turn}>{words(said)}</text>'


def line(start: Point, end: Point, colour: str, dash: str = "", *, width: float = 1) -> str:
    """Return a `<line>`; `dash` as in stroke-dasharray, "" for a solid one."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    (x1, y1), (x2, y2) = start, end
    place = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width:g}"{dashes}/>'


def picture(title: str, parts: Iterable[str], *, left: float, size: tuple[int, int]) -> str:
    """Return an `<svg>` on white, with its title at the top.

    Args:
        title: What it shows.
        parts: Its elements.
        left: Where the title begins.
        size: Width and height.
    """
    width, height = size
    dimensions = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    label = f'role="img" aria-label="{escape(printable(title))}"'
    font = 'font-family="system-ui, sans-serif" font-size="12"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {dimensions} {label} {font}>',
            '<rect width="100%" height="100%" fill="#fff"/>',
            text((left, 20), title, fill=INK),
            *parts,
            "</svg>\n",
        ]
    )
