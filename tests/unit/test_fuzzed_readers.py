"""Whatever a file or an answer holds, a reader gives figures or an error of ours, in printable lines."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fuzzing import READERS, damaged


@pytest.mark.parametrize("name", READERS)
@given(seed=st.integers(0, 2**64 - 1))
def test_damaged_inputs(name: str, seed: int) -> None:
    reader = READERS[name]
    told = reader.told(damaged(reader.seeds, Random(seed)))  # noqa: S311 - repeatable
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=200))
def test_any_octets(name: str, data: bytes) -> None:
    assert all(line.isprintable() for line in READERS[name].told(data))
