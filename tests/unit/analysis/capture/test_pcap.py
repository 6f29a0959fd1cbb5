"""pcap files of every kind, whole and damaged."""

import contextlib
import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.records import LINKTYPE_ETHERNET, LINKTYPE_RAW, SPARE, PcapError, Records

REAL = Path(__file__).parents[2] / "data" / "resolver.pcap"


def pcap(
    *packets: bytes, order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = LINKTYPE_ETHERNET
) -> bytes:
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, linktype)
    records = [
        struct.pack(f"{order}IIII", 10 + index, 7, len(data), len(data)) + data
        for index, data in enumerate(packets)
    ]
    return header + b"".join(records)


class Record(NamedTuple):
    """A packet, its number in the file and on how many octets it was on the wire."""

    frame: int
    time_ns: int
    linktype: int
    data: bytes
    length: int


def rows(batches: Iterable[Records]) -> Iterator[Record]:
    for batch in batches:
        columns = (batch.time_ns, batch.linktype, batch.at, batch.captured, batch.length)
        for index, (time_ns, linktype, at, captured, length) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            data = batch.data[at : at + captured]
            assert len(batch.data) >= at + captured + len(SPARE)
            yield Record(batch.frame + index, time_ns, linktype, data, length)


def records(content: bytes, chunk: int = 1 << 20) -> list[Record]:
    return list(rows(read(io.BytesIO(content), chunk=chunk)))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_byte_orders_and_units(order: str, magic: int, unit: int) -> None:
    assert records(pcap(b"one", b"", order=order, magic=magic)) == [
        Record(1, 10_000_000_000 + 7 * unit, LINKTYPE_ETHERNET, b"one", 3),
        Record(2, 11_000_000_000 + 7 * unit, LINKTYPE_ETHERNET, b"", 0),
    ]


def test_a_file_without_packets() -> None:
    assert records(pcap()) == []


def test_check_sequence_bits_are_no_link_type() -> None:
    assert records(pcap(b"x", linktype=0x54000000 | LINKTYPE_RAW))[0].linktype == LINKTYPE_RAW


def test_the_probe_s_own_capture() -> None:
    with REAL.open("rb") as file:
        found = list(rows(read(file)))
    assert len(found) == 193
    assert {record.linktype for record in found} == {LINKTYPE_RAW}
    assert [record.time_ns for record in found] == sorted(record.time_ns for record in found)
    assert any(record.time_ns % 1000 for record in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"GIF89a" + bytes(30), "no capture file"),
        (b"\xd4", "no capture file"),
        (pcap()[:20], "ends within its header"),
        (pcap(b"four")[:30], "ends within packet 1:"),
        (pcap(b"one", b"four")[:-1], "ends within packet 2:"),
        (pcap(b"x") + struct.pack("<IIII", 1, 1, 1 << 31, 1), "damaged at octet 41, after 1 packets"),
    ],
)
def test_what_is_no_whole_pcap_is_told(content: bytes, message: str) -> None:
    with pytest.raises(PcapError, match=message):
        records(content)


def test_packets_before_the_damage_are_read() -> None:
    reader = rows(read(io.BytesIO(pcap(b"one", b"two")[:-1])))
    assert next(reader).data == b"one"
    with pytest.raises(PcapError):
        next(reader)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 200))
def test_pieces_make_no_difference(packets: list[bytes], chunk: int) -> None:
    assert [record.data for record in records(pcap(*packets), chunk)] == packets


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data: bytes) -> None:
    with contextlib.suppress(PcapError):
        records(pcap() + data)
