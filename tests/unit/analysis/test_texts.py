"""Columns of texts do what lists of bytes do."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.arrays import alike
from clusterdns.analysis.texts import Texts

WORDS = st.lists(
    st.one_of(st.binary(max_size=3), st.binary(max_size=40), st.sampled_from([b"a", b"a\0", b"/"]))
)


@given(words=WORDS)
def test_counting(words: list[bytes]) -> None:
    texts = Texts.of(words)
    assert list(texts) == words
    assert texts.counts() == Counter(words)
    codes, distinct = texts.coded()
    assert [distinct[code] for code in codes] == words
    assert len(set(distinct)) == len(distinct)


@given(words=WORDS, more=WORDS)
def test_a_hash_does_not_depend_on_what_lies_beside_it(words: list[bytes], more: list[bytes]) -> None:
    alone = [Texts.of([word]).hashes()[0] for word in words]
    assert Texts.of([*more, *words, *more]).hashes()[len(more) :][: len(words)].tolist() == alone


@given(words=WORDS)
def test_comparing(words: list[bytes]) -> None:
    texts = Texts.of(words)
    for word in (b"a", b"/", b"12345678"):
        assert texts.are(word).tolist() == [text == word for text in words]
        assert texts.begin_with(word).tolist() == [text.startswith(word) for text in words]
    assert texts.hold(ord("/")) == any(b"/" in word for word in words)


@given(words=st.lists(st.from_regex(rb"[0-9]{0,20}[ -z]?", fullmatch=True), max_size=3))
def test_numbers(words: list[bytes]) -> None:
    assert Texts.of(words).are_digits() == all(word.isdigit() for word in words)


@pytest.mark.parametrize("keys", [1, 7, 4000])
def test_equal_hashes_are_found_among_many(keys: int) -> None:
    hashes = np.random.default_rng(18).integers(0, 1 << 63, keys).astype(np.uint64) << np.uint64(1)
    column = np.random.default_rng(7).choice(hashes, 5000)
    first, last = alike(column)
    expected = {value: row for row, value in reversed(list(enumerate(column.tolist())))}
    assert first.tolist() == [expected[value] for value in column.tolist()]
    expected = {value: row for row, value in enumerate(column.tolist())}
    assert last.tolist() == [expected[value] for value in column.tolist()]
