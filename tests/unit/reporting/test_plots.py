"""Plots: well-formed, self-contained, true to their points."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterdns.model.latency import Histogram
from clusterdns.reporting.plots import Axis, Limit, Series, SeriesStyle, chart, frequencies, tails

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def drawn(svg: str, tag: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter(f"{SVG}{tag}"))  # noqa: S314 - our own


def test_points_lie_where_the_axes_say() -> None:
    svg = chart("t", [Series("a", [0, 10], [0, 4])], x=Axis("s"), y=Axis("n"))
    assert drawn(svg, "path")[0].get("d") == "M72,256L704,52"


def test_steps_hold_their_level() -> None:
    svg = chart("t", [Series("a", [0, 5, 10], [0, 4, 0], SeriesStyle.STEP)], x=Axis("s"), y=Axis("n"))
    assert drawn(svg, "path")[0].get("d") == "M72,256H388V52H704V256"


def test_a_logarithmic_axis_shows_whole_decades() -> None:
    svg = chart("t", [Series("a", [0, 1], [0.2, 300])], x=Axis("s"), y=Axis("ms", log=True))
    assert {"0.1", "1", "10", "100", "1,000"} <= set(texts(svg))


def test_bars_reach_to_the_next() -> None:
    series = Series("a", [0, 1, 3], [2, 4, 0], SeriesStyle.BARS)
    bars = drawn(chart("t", [series], x=Axis("s"), y=Axis("n")), "rect")[1:]
    width = (704 - 72) / 3
    assert [float(bar.get("width") or 0) for bar in bars] == pytest.approx([width, 2 * width], abs=0.2)


def test_a_peak_among_many_points_is_kept() -> None:
    y = [1.0] * 100_000
    y[70_001] = 900.0
    svg = chart("t", [Series("a", range(len(y)), y)], x=Axis("s"), y=Axis("ms"))
    assert len(svg) < 50_000
    assert ",52L" in (drawn(svg, "path")[0].get("d") or "")


def test_a_limit_is_seen_with_the_points_far_below() -> None:
    svg = chart("t", [Series("a", [0, 1], [1, 1])], x=Axis("s"), y=Axis("n"), limits=[Limit(20, "most: 20")])
    assert "most: 20" in texts(svg)
    assert "20" in texts(svg)


def test_a_long_legend_takes_several_lines() -> None:
    series = [Series(f"a server with a long name, {index}", [0, 1], [1, 2]) for index in range(5)]
    root = ET.fromstring(chart("t", series, x=Axis("s"), y=Axis("n")))  # noqa: S314 - our own
    labels = [text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("a server")]
    assert max(float(label.get("x") or 0) + 6 * len(label.text or "") for label in labels) < 720
    assert root.get("height") == "316"


def test_nothing_measured_is_said() -> None:
    svg = chart("t", [Series("a", [], [])], x=Axis("s", log=True), y=Axis("ms", log=True))
    assert "nothing was measured" in texts(svg)


def test_text_of_others_is_harmless() -> None:
    svg = chart("<b>\x1b", [Series("</svg>&\x00", [1], [1])], x=Axis('"'), y=Axis("n"))
    assert "</svg>&\\x00" in texts(svg)
    assert "<b>\\x1b" in texts(svg)


def test_it_needs_nothing_from_outside() -> None:
    svg = chart("t", [Series("a", [0, 1], [1, 2])], x=Axis("s"), y=Axis("n"))
    assert re.findall(r"https?://\S+?(?=\")", svg) == ["http://www.w3.org/2000/svg"]
    assert "href" not in svg


def test_tails_end_where_there_are_too_few_samples() -> None:
    values = Histogram.of(range(1_000_000, 1_002_000))
    said = texts(tails("t", {"udp": values}, unit=1e6, label="ms"))
    assert {"p50", "p90", "p99"} <= set(said)
    assert "p99.9" not in said
    assert "udp: 2000, max 1.002" in said


def test_frequencies_count_everything() -> None:
    bars = drawn(frequencies("t", {"a": Histogram.of([10] * 4 + [1000] * 2)}, unit=1, label="ns"), "rect")[1:]
    heights = [float(bar.get("height") or 0) for bar in bars]
    assert heights == pytest.approx([204, 102], abs=0.2)


NUMBERS = st.floats(-1e12, 1e12)


@example(points=[(0.0, 5e-324)], kind=SeriesStyle.LINE, log=False)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS | st.sampled_from([float("nan"), float("inf")])), max_size=30),
    st.sampled_from(SeriesStyle),
    st.booleans(),
)
def test_no_numbers_break_it(points: list[tuple[float, float]], kind: SeriesStyle, log: bool) -> None:  # noqa: FBT001
    points.sort()
    series = Series("a", [x for x, _ in points], [y for _, y in points], kind)
    svg = chart("t", [series], x=Axis("s", log=log), y=Axis("n", log=log))
    ET.fromstring(svg)  # noqa: S314 - our own
    assert not re.search(r"\b(nan|inf)\b", svg)
