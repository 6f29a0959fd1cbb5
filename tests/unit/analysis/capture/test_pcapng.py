"""pcapng files, whole and damaged."""

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.records import LINKTYPE_ETHERNET, LINKTYPE_RAW, PcapError


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(linktype: int = LINKTYPE_RAW, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", linktype, 0, 0) + options, order)


def packet(ticks: int, data: bytes, index: int = 0, order: str = "<") -> bytes:
    head = (index, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) + 5)
    return block(6, struct.pack(f"{order}5I", *head) + data, order)


def rows(content: bytes, chunk: int = 1 << 20) -> list[tuple[int, int, int, bytes, int]]:
    found = []
    for batch in read(io.BytesIO(content), chunk=chunk):
        for index, at in enumerate(batch.at.tolist()):
            data = batch.data[at : at + int(batch.captured[index])]
            numbers = (batch.time_ns[index], batch.linktype[index], batch.length[index])
            time_ns, linktype, length = (int(number) for number in numbers)
            found.append((batch.frame + index, time_ns, linktype, data, length))
    return found


@pytest.mark.parametrize("order", "<>")
def test_a_packet(order: str) -> None:
    content = section(order) + interface(order=order) + packet(1_700_000_000_123_456, b"abc", order=order)
    assert rows(content) == [(1, 1_700_000_000_123_456_000, LINKTYPE_RAW, b"abc", 8)]


@pytest.mark.parametrize(
    ("options", "ticks", "time_ns"),
    [
        (option(9, b"\x09"), 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (option(9, b"\x03"), 1_700_000_000_123, 1_700_000_000_123_000_000),
        (option(9, b"\x8a"), 1024 * 3 + 512, 3_500_000_000),
        (option(9, b"\x0c"), 3_500_000_000_000, 3_500_000_000),
        (option(1, b"a comment") + option(14, struct.pack("<q", 1000)), 5_000_001, 1_005_000_001_000),
    ],
    ids=["nanoseconds", "milliseconds", "powers of two", "picoseconds", "offset"],
)
def test_the_interface_s_clock(options: bytes, ticks: int, time_ns: int) -> None:
    ((_, found, *_),) = rows(section() + interface(options=options) + packet(ticks, b""))
    assert found == time_ns


def test_interfaces_and_sections() -> None:
    content = (
        section()
        + interface()
        + packet(1, b"a")
        + interface(LINKTYPE_ETHERNET)
        + block(4, b"names")
        + packet(2, b"b", 1)
        + packet(3, b"c", 0)
        + section(">")
        + interface(LINKTYPE_ETHERNET, order=">")
        + packet(4, b"d", order=">")
    )
    assert [(frame, linktype, data) for frame, _, linktype, data, _ in rows(content)] == [
        (1, LINKTYPE_RAW, b"a"),
        (2, LINKTYPE_ETHERNET, b"b"),
        (3, LINKTYPE_RAW, b"c"),
        (4, LINKTYPE_ETHERNET, b"d"),
    ]


def test_losses_that_the_file_tells() -> None:
    statistics = (
        struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 7)) + option(7, struct.pack("<Q", 2))
    )
    content = section() + interface() + block(5, statistics) + packet(1, b"a")
    assert [batch.drops for batch in read(io.BytesIO(content))] == [9]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (section()[:20], "ends within a block, after 0 packets"),
        (section() + interface() + packet(1, b"a") + packet(2, b"b")[:-1], "after 1 packets"),
        (section() + interface() + packet(1, b"a", 5), "a packet without an interface"),
        (section() + interface() + packet(1, b"a") + bytes(12), "after 1 packets: a block of 0 octets"),
        (section() + interface(options=option(9, b"\x7f")), "ticks per second"),
        (section() + block(1, b""), "shorter than what it holds"),
        (block(0x0A0D0D0A, bytes(16)), "without a byte order"),
        (section() + interface() + block(3, bytes(8)), "simple packet block.*editcap"),
    ],
)
def test_damage_is_told(content: bytes, message: str) -> None:
    with pytest.raises(PcapError, match=message):
        rows(content)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 200))
def test_pieces_make_no_difference(packets: list[bytes], chunk: int) -> None:
    content = section() + interface() + b"".join(packet(1, data) for data in packets)
    assert [row[3] for row in rows(content, chunk)] == packets


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    with contextlib.suppress(PcapError):
        rows(section() + interface() + data)


@given(st.data())
def test_no_damage_breaks_it(data: st.DataObject) -> None:
    content = bytearray(section() + interface() + packet(1, b"abcd") + packet(2, b"e"))
    content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PcapError):
        rows(bytes(content))
