"""DNS messages over TCP, however they are cut."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from clusterdns.capture.packets import TCP_FIN, TCP_RST, TCP_SYN, Packet
from clusterdns.capture.streams import Streams

MESSAGES = [b"first", b"second message", b"x" * 300]
WIRE = b"".join(len(message).to_bytes(2, "big") + message for message in MESSAGES)


def segment(sequence: int, payload: bytes = b"", flags: int = 0, port: int = 40000) -> Packet:
    return Packet(0, "10.0.0.7", port, "10.96.0.10", 53, True, sequence % 2**32, flags, payload)  # noqa: FBT003


def collect(segments: list[Packet]) -> list[bytes]:
    streams = Streams()
    return [message for packet in segments for message in streams.messages(packet)]


def test_one_segment_many_messages() -> None:
    assert collect([segment(1, WIRE)]) == MESSAGES


@given(st.lists(st.integers(0, len(WIRE)), max_size=8), st.integers(0, 2**32 - 1), st.randoms())
def test_any_cut_any_order_any_sequence_number(cuts: list[int], start: int, random: Random) -> None:
    edges = sorted({0, len(WIRE), *cuts})
    pieces = [segment(start + 1 + a, WIRE[a:b]) for a, b in pairwise(edges)]
    random.shuffle(pieces)

    assert collect([segment(start, flags=TCP_SYN), *pieces]) == MESSAGES


def test_retransmissions_count_once() -> None:
    assert (
        collect([segment(1, WIRE[:9]), segment(1, WIRE[:9]), segment(5, WIRE[4:]), segment(1, WIRE)])
        == MESSAGES
    )


def test_a_connection_from_before_the_capture() -> None:
    assert collect([segment(5000), segment(5000, WIRE)]) == MESSAGES


def test_connections_do_not_mix() -> None:
    assert collect([segment(1, WIRE[:4]), segment(1, WIRE[:4], port=40001), segment(5, WIRE[4:])]) == MESSAGES


def test_a_port_used_again_is_a_new_connection() -> None:
    for flag in (TCP_FIN, TCP_RST):
        again = [
            segment(1, WIRE[:4]),
            segment(5, b"tail", flag),
            segment(9, flags=TCP_SYN),
            segment(10, WIRE),
        ]
        assert collect(again)[-3:] == MESSAGES


def test_data_with_the_fin_is_read() -> None:
    assert collect([segment(1, WIRE, TCP_FIN)]) == MESSAGES
