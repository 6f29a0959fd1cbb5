"""How long answers are waited for: as long as ever, until a path that is quick is known to lose some."""

import pytest

from clusterdns.measuring.patience import Patience

UDP, TCP = ("node-1", "10.96.0.10", "udp"), ("node-1", "10.96.0.10", "tcp")


def test_a_path_that_has_lost_nothing_is_waited_for_as_long_as_ever() -> None:
    patience = Patience(5)
    patience.learn(UDP, 0.001)
    assert patience.seconds(UDP) == 5


def test_a_path_that_has_answered_nothing_is_waited_for_as_long_as_ever() -> None:
    patience = Patience(5)
    patience.learn(UDP, None)
    assert patience.seconds(UDP) == 5


@pytest.mark.parametrize(
    ("path", "slowest", "seconds"), [(UDP, 0.001, 1), (UDP, 0.2, 2), (UDP, 0.9, 5), (TCP, 0.001, 2.5)]
)
def test_a_path_that_has_lost_some_is_waited_for_as_its_slowest_answer_says(
    path: tuple[str, str, str], slowest: float, seconds: float
) -> None:
    patience = Patience(5)
    for took in (0.0005, slowest, None, 0.0005):
        patience.learn(path, took)
    assert patience.seconds(path) == pytest.approx(seconds)


def test_no_wait_is_longer_than_the_time_out() -> None:
    patience = Patience(0.5)
    for took in (0.2, None):
        patience.learn(TCP, took)
    assert patience.seconds(TCP) == 0.5


@pytest.mark.parametrize(("took", "late"), [(0.001, 0.05), (0.02, 0.2), (0.2, 0.3)])
def test_a_query_is_late_after_ten_times_what_its_path_takes_on_average(took: float, late: float) -> None:
    patience = Patience(5)
    patience.learn(UDP, took)
    assert patience.late_seconds(UDP) is None  # nothing is lost there
    patience.learn(UDP, None)
    assert patience.late_seconds(UDP) == pytest.approx(late)
    assert patience.late_seconds(TCP) is None


def test_another_path_has_a_wait_of_its_own() -> None:
    patience = Patience(5)
    for took in (0.001, None):
        patience.learn(UDP, took)
    assert (patience.seconds(UDP), patience.seconds(TCP)) == (1, 5)


@pytest.mark.parametrize(("longest", "udp", "tcp"), [(5, 1, 2.5), (0.5, 0.5, 0.5)])
def test_a_glance_is_as_brief_as_its_transport_allows(longest: float, udp: float, tcp: float) -> None:
    patience = Patience(longest)
    assert (patience.glance_seconds(UDP), patience.glance_seconds(TCP)) == (udp, tcp)
