"""A part of a run is measured once, whoever asks, and remembered even where it fails."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from clusterdns.errors import ProbeError
from clusterdns.measuring.part import part


class Measured:
    def __init__(self) -> None:
        self.times = 0
        self.begun = threading.Barrier(4)

    @part
    def value(self) -> int:
        self.times += 1
        return self.times

    @part
    def broken(self) -> int:
        self.times += 1
        raise ProbeError("gone")

    @part
    def circle(self) -> int:
        return self.circle


def test_it_is_measured_once() -> None:
    measured = Measured()
    assert not Measured.value.is_measured(measured)
    assert (measured.value, measured.value, measured.times) == (1, 1, 1)
    assert Measured.value.is_measured(measured)
    assert Measured().value == 1  # of each object its own


def test_a_failure_is_remembered() -> None:
    measured = Measured()
    for _ in range(2):
        with pytest.raises(ProbeError, match="gone"):
            _ = measured.broken
    assert measured.times == 1
    assert not Measured.broken.is_measured(measured)


def test_threads_that_ask_at_once_share_what_one_of_them_measures() -> None:
    measured = Measured()

    def ask(_: int) -> int:
        measured.begun.wait()
        return measured.value

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {1}
    assert measured.times == 1


def test_a_part_that_needs_itself_is_a_defect_and_not_a_deadlock() -> None:
    with pytest.raises(RuntimeError, match="circle needs itself"):
        _ = Measured().circle
