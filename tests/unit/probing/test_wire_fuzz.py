"""Whatever bytes a server sends, reading them and judging them ends in words."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterdns.model.exchange import Exchange
from clusterdns.model.questions import questions_of
from clusterdns.probing.wire import MalformedMessage, question, read
from clusterdns.verdicts.answers import Context, faults_of, too_long
from tests.unit.verdicts.rightserver import COREDNS, PATHS, answer, context

QUESTIONS = questions_of(context())
SEEDS = [
    answer(one, question(one.name, one.rtype, edns=path.edns, ident=1), path)
    for one in QUESTIONS[::7]
    for path in PATHS[:2]
]


def judged(wire: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        message = read(wire)
        for one in QUESTIONS[::40]:
            query = question(one.name, one.rtype, ident=1)
            found = faults_of(one, Exchange(PATHS[0], query, message), Context(COREDNS))
            assert all(found)
        list(too_long(message, 30, 60))
        list(message.dig(1))


@given(st.binary(max_size=600))
@example(b"")
def test_random_bytes(wire: bytes) -> None:
    judged(wire)


@given(st.sampled_from(SEEDS), st.data())
def test_truncated_bytes(wire: bytes, data: st.DataObject) -> None:
    cut = wire[: data.draw(st.integers(0, len(wire) - 1))]
    judged(cut)


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_flipped_bytes(wire: bytes, changes: list[tuple[int, int]]) -> None:
    spoiled = bytearray(wire)
    for where, what in changes:
        spoiled[where % len(spoiled)] = what
    judged(bytes(spoiled))


@pytest.mark.parametrize("wire", [b"", b"\0" * 11, b"\0" * 3 + b"\xc0" * 40])
def test_what_is_no_message_is_told_so(wire: bytes) -> None:
    with pytest.raises(MalformedMessage, match="octets"):
        read(wire)
