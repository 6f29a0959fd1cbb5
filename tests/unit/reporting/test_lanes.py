from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from datetime import UTC, datetime

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.model.soak import Event, Stretch, Trouble
from clusterdns.reporting.lanes import Lane, Look, Span, lanes
from clusterdns.reporting.pictures import pictures
from clusterdns.reporting.schema import CheckResult, Report, Run
from tests.unit.verdicts.test_soak import PATH, QUIET

LEGEND = [(look, look.name) for look in Look]
RECT = "{http://www.w3.org/2000/svg}rect"
TITLE = "{http://www.w3.org/2000/svg}title"


def drawn(*lane: Lane, seconds: float = 600, marks: tuple[float, ...] = ()) -> ET.Element:
    return ET.fromstring(lanes("a title", lane, seconds=seconds, marks=marks, legend=LEGEND))  # noqa: S314 - ours


def spans(svg: ET.Element) -> list[ET.Element]:
    """Return what is drawn in lanes: what has words of its own."""
    return [rect for rect in svg.iter(RECT) if rect.find(TITLE) is not None]


def test_a_span_is_where_its_time_is_and_never_too_narrow_to_be_seen() -> None:
    lane = Lane("n1", [Span(0, 300, Look.FULL, "half"), Span(300, 300.02, Look.HALF, "a blink")])
    half, blink = spans(drawn(lane))
    assert float(half.get("width", 0)) == 356  # of 712 pixels
    assert float(blink.get("x", 0)) == float(half.get("x", 0)) + 356
    assert float(blink.get("width", 0)) == 2


def test_looks_differ_without_colour() -> None:
    boxes = spans(drawn(Lane("n1", [Span(0, 1, look, look.name) for look in Look])))
    heights = [float(box.get("height", 0)) for box in boxes]
    assert heights[0] > heights[1]
    assert [box.get("stroke-dasharray") is not None for box in boxes] == [False, False, True]


def test_marks_are_numbered_where_there_is_room() -> None:
    svg = drawn(Lane("n1", []), marks=(100, 101, 200))
    numbers = [
        text.text for text in svg.iter("{http://www.w3.org/2000/svg}text") if text.get("fill") == "#0072b2"
    ]
    assert numbers == ["1", "3"]


def test_what_comes_from_a_cluster_is_escaped() -> None:
    hostile = "</svg><script>\"'&\x1b"
    svg = lanes(
        hostile, [Lane(hostile, [Span(0, 1, Look.FULL, hostile)])], seconds=1, marks=[], legend=LEGEND
    )
    ET.fromstring(svg)  # noqa: S314 - ours
    assert "<script>" not in svg


def report(**changes: object) -> Report:
    soak = replace(QUIET, **changes)  # type: ignore[arg-type]
    check = CheckResult(
        id="resilience.soak",
        case="paths",
        outcome=Outcome.PASSED,
        reason="",
        requirement="",
        measurements=asdict(soak),
        duration=1,
    )
    run = Run(id="r", started=datetime.now(UTC), duration=1, profile="soak", exit_code=ExitCode.OK)
    return Report(run=run, cluster={}, settings={}, checks=(check,))


def test_a_soak_has_a_picture_with_its_events() -> None:
    silent = Stretch("n1", "10.96.0.10", Trouble.SILENT, 65.0, 71.0, 360, 360, gap_s=6.0)
    (picture,) = pictures(report(stretches=[silent], events=[Event(64.9, "pod c is ending")]))
    assert picture.title.startswith("What clients went through in 10:00 min")
    assert "no answer: 65.0 to 71.0 s, 360 queries failed" in picture.svg
    assert list(picture.rows) == [["1. pod c is ending", "64.9"]]


def test_of_many_paths_those_in_trouble_are_drawn() -> None:
    paths = [replace(PATH, node=f"n{index:03}") for index in range(300)]
    slow = Stretch("n299", "10.96.0.10", Trouble.SLOW, 1, 2)
    (picture,) = pictures(report(paths=paths, stretches=[slow]))
    assert "n299 10.96.0.10" in picture.svg
    assert len(re.findall(r">n\d+ 10", picture.svg)) == 40
    assert picture.title.endswith("260 further paths are not drawn")
