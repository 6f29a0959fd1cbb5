"""pcap files of every kind, whole and damaged."""

import io
import struct
from pathlib import Path

import pytest

from clusterdns.formats.pcap import LINKTYPE_ETHERNET, LINKTYPE_RAW, PcapError, Record, read

REAL = Path(__file__).parents[1] / "data" / "resolver.pcap"


def pcap(
    *packets: bytes, order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = LINKTYPE_ETHERNET
) -> bytes:
    header = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, linktype)
    records = [
        struct.pack(f"{order}IIII", 10 + index, 7, len(data), len(data)) + data
        for index, data in enumerate(packets)
    ]
    return header + b"".join(records)


def records(content: bytes) -> list[Record]:
    return list(read(io.BytesIO(content)))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_byte_orders_and_units(order: str, magic: int, unit: int) -> None:
    assert records(pcap(b"one", b"", order=order, magic=magic)) == [
        Record(10_000_000_000 + 7 * unit, LINKTYPE_ETHERNET, b"one"),
        Record(11_000_000_000 + 7 * unit, LINKTYPE_ETHERNET, b""),
    ]


def test_a_file_without_packets() -> None:
    assert records(pcap()) == []


def test_check_sequence_bits_are_no_link_type() -> None:
    assert records(pcap(b"x", linktype=0x54000000 | LINKTYPE_RAW))[0].linktype == LINKTYPE_RAW


def test_the_probe_s_own_capture() -> None:
    with REAL.open("rb") as file:
        found = list(read(file))
    assert len(found) == 193
    assert {record.linktype for record in found} == {LINKTYPE_RAW}
    assert [record.time_ns for record in found] == sorted(record.time_ns for record in found)
    assert any(record.time_ns % 1000 for record in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no pcap file"),
        (b"GIF89a" + bytes(30), "no pcap file"),
        (struct.pack("<I", 0x0A0D0D0A) + bytes(40), "pcapng"),
        (pcap()[:20], "ends within its header"),
        (pcap(b"four")[:30], "ends within a record"),
        (pcap(b"four")[:-1], "ends within a packet"),
        (pcap() + struct.pack("<IIII", 1, 1, 1 << 31, 1), "damaged"),
    ],
)
def test_what_is_no_whole_pcap_is_told(content: bytes, message: str) -> None:
    with pytest.raises(PcapError, match=message):
        records(content)


def test_packets_before_the_damage_are_read() -> None:
    reader = read(io.BytesIO(pcap(b"one", b"two")[:-1]))
    assert next(reader).data == b"one"
    with pytest.raises(PcapError):
        next(reader)
