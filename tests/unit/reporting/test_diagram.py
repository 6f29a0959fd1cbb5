"""Diagrams: well-formed, nothing covered, and told in words."""

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.reporting.diagram import diagram
from clusterdns.reporting.layout import Arrow, Box, Cell, arrange

SVG = "{http://www.w3.org/2000/svg}"
CROSS = "\N{MULTIPLICATION SIGN}"
HOSTILE = "</text></svg><script>alert(1)</script> & \x1b[31m \u202e"
CHAIN = [Box("a", "A"), Box("b", "B", ["of b"]), Box("c", "C", faults=["is broken"])]
ARROWS = [Arrow("a", "b", ["TCP, 20"]), Arrow("b", "c", ["UDP"], ["is lost"]), Arrow("a", "c", ["TLS"])]

texts = st.text(max_size=60)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[Arrow]]:
    """Boxes, and arrows between them that run in no circle."""
    count = draw(st.integers(1, 12))
    boxes = [
        Box(str(key), draw(texts), draw(st.lists(texts, max_size=3)), draw(st.lists(texts, max_size=1)))
        for key in range(count)
    ]
    pairs = list(combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=20)) if pairs else []
    arrows = [Arrow(str(a), str(b), draw(st.lists(texts, max_size=2)), ["lost"]) for a, b in chosen]
    return boxes, arrows


def sides(cell: Cell) -> tuple[float, float, float, float]:
    return cell.x - cell.width / 2, cell.x + cell.width / 2, cell.top, cell.bottom


def overlap(one: Cell, other: Cell) -> bool:
    left, right, top, bottom = sides(one)
    other_left, other_right, other_top, other_bottom = sides(other)
    across = left < other_right - 0.01 and other_left < right - 0.01
    return across and top < other_bottom and other_top < bottom


@given(graphs())
def test_nothing_overlaps_and_every_arrow_leads_down(graph: tuple[list[Box], list[Arrow]]) -> None:
    layout = arrange(*graph)
    cells = [*layout.boxes, *layout.labels]
    assert [cell.thing for cell in cells] == [*graph[0], *graph[1]]
    assert not [pair for pair in combinations(cells, 2) if overlap(*pair)]
    by_key = {box.key: cell for box, cell in zip(graph[0], layout.boxes, strict=True)}
    for arrow, label in zip(graph[1], layout.labels, strict=True):
        assert by_key[arrow.source].bottom < label.top
        assert label.bottom < by_key[arrow.target].top
    for left, right, top, bottom in map(sides, cells):
        assert left >= 0
        assert top >= 0
        assert right <= layout.width
        assert bottom <= layout.height
    lanes = [label.lane for label in layout.labels if label.skips]
    assert len(set(lanes)) == len(lanes)
    assert all(right < lane < layout.width for lane in lanes for _, right, _, _ in map(sides, cells))


@given(graphs())
def test_every_box_and_arrow_is_drawn(graph: tuple[list[Box], list[Arrow]]) -> None:
    root = ET.fromstring(diagram("t", *graph))  # noqa: S314 - our own
    assert len(list(root.iter(f"{SVG}rect"))) == len(graph[0])
    heads = [path for path in root.iter(f"{SVG}path") if path.get("class") == "head"]
    assert len(heads) == len(graph[1])


def test_a_chain_is_straight() -> None:
    layout = arrange(CHAIN, ARROWS[:2])
    assert len({round(cell.x, 3) for cell in (*layout.boxes, *layout.labels)}) == 1


def test_what_nothing_leads_to_is_just_above_where_it_leads() -> None:
    a, b, c, lone = arrange([*CHAIN, Box("d", "D")], [*ARROWS[:2], Arrow("d", "c")]).boxes
    assert a.top < b.top == lone.top < c.top


def test_faults_are_told_by_words_and_a_sign_not_by_colour_alone() -> None:
    root = ET.fromstring(diagram("t", CHAIN, ARROWS))  # noqa: S314 - our own
    marked = [group for group in root.iter(f"{SVG}g") if group.get("class") == "fault"]
    assert ["".join(group.findall(f"{SVG}text")[-1].itertext()) for group in marked] == [
        f"{CROSS} is lost",
        f"{CROSS} is broken",
    ]


def test_it_is_read_to_those_who_do_not_see_it() -> None:
    root = ET.fromstring(diagram("the title", CHAIN, ARROWS))  # noqa: S314 - our own
    assert root.get("role") == "img"
    ids = {element.get("id"): element.text for element in root if element.get("id")}
    assert ids[root.get("aria-labelledby")] == "the title"
    words = ids[root.get("aria-describedby")] or ""
    assert words.startswith("A: . B: of b. C: ; fails: is broken. From A to B of b: TCP, 20.")
    assert "From B of b to C: UDP; fails: is lost." in words


def test_hostile_words_are_escaped_and_long_ones_cut() -> None:
    svg = diagram(HOSTILE, [Box("a", HOSTILE, [HOSTILE]), Box("b", "x" * 300)], [Arrow("a", "b", [HOSTILE])])
    root = ET.fromstring(svg)  # noqa: S314 - our own
    assert not list(root.iter(f"{SVG}script"))
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert max(len(text.text or "") for text in root.iter(f"{SVG}text")) < 60


def test_arrows_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        diagram("t", CHAIN, [*ARROWS, Arrow("c", "a")])
