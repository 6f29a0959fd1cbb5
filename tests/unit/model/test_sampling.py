from collections.abc import Sequence

import pytest

from clusterdns.model.sampling import missed, peaks
from clusterdns.model.saturation import Sample, Timeline


def timeline(workers: Sequence[int | None]) -> Timeline:
    samples = [Sample(index * 100_000_000, count, 0, {}, 0, 0, 0, 0) for index, count in enumerate(workers)]
    return Timeline(tuple(samples))


@pytest.mark.parametrize(
    ("workers", "lengths"),
    [
        ([0, 5, 0], []),
        ([0, 20, 0], [0.1]),
        ([20, 21, 0, None, 20, 20, 20, 0], [0.2, 0.3]),
        ([0, 20, 20], [0.1]),
    ],
)
def test_peaks_last_until_the_next_sample_below(workers: Sequence[int | None], lengths: list[float]) -> None:
    assert peaks(timeline(workers), 20) == pytest.approx(lengths)


def test_a_scrape_misses_the_share_of_a_peak_that_it_does_not_last() -> None:
    assert missed([]) == 0
    assert missed([15.0, 60.0]) == 0
    assert missed([1.5, 3.0], 15.0) == pytest.approx(0.9 + 0.8)
