from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.soak import (
    LOST,
    REFUSED,
    UNASKED,
    Event,
    PathHistory,
    Stretch,
    Trouble,
    meanwhile,
    told_together,
)

GOOD, SLOW = 1_000_000, 400_000_000  # ns
RATE = 10


def history(*seconds: list[int], start: float = 0) -> PathHistory:
    path = PathHistory("n1", "10.96.0.10", slow_ns=250_000_000)
    for index, took in enumerate(seconds):
        path.add(start + index, 1.0, took)
    return path


def told(path: PathHistory) -> list[tuple[str, float, float, int]]:
    return [
        (str(part.trouble), round(part.start_s, 3), round(part.end_s, 3), part.failed)
        for part in path.stretches
    ]


def test_a_path_that_always_answers_has_no_stretches() -> None:
    path = history([GOOD] * RATE, [GOOD] * RATE)
    figures = path.figures()
    assert told(path) == []
    assert (figures.queries, figures.failed, figures.gap_s, figures.measured_s) == (20, 0, 0, 2)
    assert figures.p99_ms == pytest.approx(1.0, rel=0.01)


def test_a_gap_reaches_from_good_answer_to_good_answer() -> None:
    path = history([GOOD] * 8 + [LOST, REFUSED], [LOST] + [GOOD] * 9)
    assert told(path) == [("silent", 0.7, 1.1, 3)]
    assert path.figures().gap_s == pytest.approx(0.4)


def test_gaps_close_to_each_other_are_one_stretch_whose_longest_gap_is_told() -> None:
    path = history([GOOD, LOST, GOOD, GOOD, LOST, LOST, GOOD, GOOD, GOOD, GOOD])
    assert told(path) == [("silent", 0.0, 0.6, 3)]
    assert path.stretches[0].gap_s == pytest.approx(0.3)
    assert path.figures().silent == 1


def test_gaps_far_from_each_other_are_stretches_of_their_own() -> None:
    path = history([GOOD, LOST] + [GOOD] * 8, [GOOD] * RATE, [GOOD, LOST] + [GOOD] * 8)
    assert [part[:2] for part in told(path)] == [("silent", 0.0), ("silent", 2.0)]


def test_what_was_not_asked_is_neither_good_nor_lost() -> None:
    path = history([GOOD] + [UNASKED] * 8 + [GOOD])
    assert (path.figures().queries, told(path)) == (2, [])


def test_seconds_of_which_a_tenth_is_slow_are_one_stretch() -> None:
    path = history([GOOD] * 9 + [SLOW], [GOOD] * 8 + [SLOW] * 2, [GOOD] * RATE)
    assert told(path) == [("slow", 0, 2, 0)]


def test_a_time_that_nobody_measured_ends_a_gap_and_is_none() -> None:
    path = history([GOOD] * 5 + [LOST] * 5)
    path.add(60.0, 1.0, [LOST] * 2 + [GOOD] * 8)
    assert told(path) == [("silent", 0.4, 1.0, 5), ("silent", 60.0, 60.2, 2)]
    assert path.figures().measured_s == 2


def test_an_end_closes_what_is_open() -> None:
    path = history([GOOD] * 5 + [LOST] * 5)
    assert told(path) == []
    path.interrupt()
    assert told(path) == [("silent", 0.4, 1.0, 5)]


def test_a_node_that_joins_has_time_until_its_first_answer_but_not_for_ever() -> None:
    path = history()
    path.begin(settling_s=3)
    for second in range(2):
        path.add(second, 1.0, [LOST] * RATE)
    path.add(2, 1.0, [LOST] * 5 + [GOOD] * 5)
    assert told(path) == [("silent", 2.0, 2.5, 5)]

    never = history()
    never.begin(settling_s=3)
    for second in range(5):
        never.add(second, 1.0, [LOST] * RATE)
    never.interrupt()
    assert told(never) == [("silent", 3.0, 5.0, 20)]


def test_memory_is_bounded() -> None:
    path = history()
    for second in range(0, 6000, 3):
        path.add(second, 1.0, [GOOD, LOST, GOOD])
    assert len(path.stretches) == 1000
    assert path.figures().silent == 2000
    for second in range(6000, 6010):
        path.add(second, 1.0, [SLOW] * RATE)
    assert path.figures().slow == 1


@given(st.lists(st.tuples(st.integers(2, 30), st.integers(1, 30)), min_size=1, max_size=5))
def test_planted_outages_are_found_exactly(plan: list[tuple[int, int]]) -> None:
    """Whole seconds of answers and of silence in turn, which stand too far apart to be one."""
    seconds = [[GOOD] * RATE]
    planted = []
    for good, silent in plan:
        seconds += [[GOOD] * RATE] * good
        planted.append((float(len(seconds)), float(len(seconds) + silent), silent * RATE))
        seconds += [[LOST] * RATE] * silent
    path = history(*seconds, [GOOD] * RATE)
    spans = [(round(part.start_s + 0.1, 3), round(part.end_s, 3), part.failed) for part in path.stretches]
    assert spans == planted
    assert path.figures().failed == sum(failed for *_, failed in planted)


def stretch(start: float, end: float, gap: float = 0) -> Stretch:
    return Stretch("n1", "10.96.0.10", Trouble.SILENT, start, end, gap_s=gap)


def test_what_happened_shortly_before_or_during_a_stretch_belongs_to_it() -> None:
    events = [Event(at, str(at)) for at in (1.0, 12.0, 20.0, 26.0)]
    assert [event.at_s for event in meanwhile(stretch(21, 25), events)] == [12.0, 20.0]


def test_stretches_that_overlap_are_told_by_the_worst_of_them() -> None:
    first, worst, apart = stretch(0, 3, 1), stretch(2, 5, 2), stretch(8, 9, 1)
    assert told_together([apart, worst, first]) == [(worst, 2), (apart, 1)]


def test_stretches_overlap_what_ended_last_not_what_began_last() -> None:
    long, inside, later = stretch(0, 9, 1), stretch(1, 2, 5), stretch(8, 10, 1)
    assert told_together([long, inside, later]) == [(inside, 3)]


def test_slow_seconds_are_one_stretch_whatever_silence_is_between() -> None:
    between = [LOST, *[GOOD] * 9]
    path = history([SLOW] * RATE, between, [LOST, LOST, *[SLOW] * 8])
    assert [(part.start_s, part.end_s) for part in path.stretches if part.trouble is Trouble.SLOW] == [(0, 3)]
