import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.model.rank_sum import chance_of_larger

SAMPLES = st.lists(st.floats(0, 1000), min_size=8, max_size=60)


@pytest.mark.parametrize(
    ("earlier", "later", "chance"),
    [
        # As scipy.stats.mannwhitneyu(later, earlier, alternative="greater", method="asymptotic") gives it.
        (range(1, 11), range(6, 16), 0.0025376962),
        (range(1, 11), range(1, 11), 0.5151319788),
        (range(11, 21), range(1, 11), 0.9999325786),
        ([1, 1, 1, 1, 2, 2, 2, 2], [1, 1, 2, 2, 2, 2, 2, 2], 0.1742507119),
    ],
)
def test_known_values(earlier: list[float], later: list[float], chance: float) -> None:
    assert chance_of_larger(list(earlier), list(later)) == pytest.approx(chance, abs=1e-9)


@given(SAMPLES)
def test_equal_samples_differ_by_chance(values: list[float]) -> None:
    assert chance_of_larger(values, values) > 0.45


@given(SAMPLES)
def test_what_is_larger_throughout_is_no_chance(values: list[float]) -> None:
    assert chance_of_larger(values, [value + 1001 for value in values]) < 0.001
