"""Link, network and transport layers, as far as DNS meets them."""

import ipaddress
import struct
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture.addresses import Addresses
from clusterdns.analysis.capture.packets import Packets, SkippedPacket, decode
from clusterdns.analysis.capture.records import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
)
from tests.unit.analysis.capture.wires import records


class Packet(NamedTuple):
    """One packet as the decoder sees it."""

    source: str
    source_port: int
    destination: str
    destination_port: int
    tcp: bool
    sequence: int
    flags: int
    payload: bytes
    length: int


def decoded(
    *packets: bytes, linktype: int = LINKTYPE_RAW, snaplen: int = 1 << 18
) -> tuple[list[Packet], Counter[str]]:
    counts: Counter[str] = Counter()
    addresses = Addresses()
    found = []
    for batch in records([(5, packet) for packet in packets], linktype=linktype, snaplen=snaplen):
        table = decode(batch, [53], addresses, counts)
        for values in zip(*(getattr(table, name).tolist() for name in Packets.columns()), strict=True):
            row = dict(zip(Packets.columns(), values, strict=True))
            assert row["time_ns"] == 5
            found.append(
                Packet(
                    addresses[row["source"]],
                    row["source_port"],
                    addresses[row["destination"]],
                    row["destination_port"],
                    row["tcp"],
                    row["sequence"] if row["tcp"] else 0,
                    row["flags"] if row["tcp"] else 0,
                    batch.data[row["at"] : row["at"] + row["captured"]],
                    row["length"],
                )
            )
    return found, +counts


def raw(data: bytes) -> Packet | None:
    found, _ = decoded(data)
    return found[0] if found else None


UDP = struct.pack(">HHHH", 40000, 53, 11, 0) + b"dns"
CLIENT, SERVER = "10.0.0.7", "10.96.0.10"
CLIENT6, SERVER6 = "fd00::7", "fd00:10::a"


def ipv4(payload: bytes, *, protocol: int = 17, fragment: int = 0, options: bytes = b"") -> bytes:
    size = 20 + len(options)
    return (
        struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(payload), 1, fragment, 64, protocol, 0)
        + ipaddress.ip_address(CLIENT).packed
        + ipaddress.ip_address(SERVER).packed
        + options
        + payload
    )


def ipv6(payload: bytes, *, protocol: int = 17) -> bytes:
    return (
        struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
        + ipaddress.ip_address(CLIENT6).packed
        + ipaddress.ip_address(SERVER6).packed
        + payload
    )


EXPECTED = Packet(CLIENT, 40000, SERVER, 53, tcp=False, sequence=0, flags=0, payload=b"dns", length=3)
EXPECTED6 = EXPECTED._replace(source=CLIENT6, destination=SERVER6)


@pytest.mark.parametrize(
    ("linktype", "link"),
    [
        (LINKTYPE_RAW, b""),
        (LINKTYPE_ETHERNET, bytes(12) + b"\x08\x00"),
        (LINKTYPE_ETHERNET, bytes(12) + b"\x81\x00\x00\x05\x08\x00"),
        (LINKTYPE_ETHERNET, bytes(12) + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"),
        (LINKTYPE_LINUX_SLL, bytes(14) + b"\x08\x00"),
        (LINKTYPE_LINUX_SLL2, b"\x08\x00" + bytes(18)),
    ],
)
def test_link_layers(linktype: int, link: bytes) -> None:
    assert decoded(link + ipv4(UDP), linktype=linktype) == ([EXPECTED], {})


def test_what_is_not_ip_is_counted() -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    assert decoded(arp, bytes(60), linktype=LINKTYPE_ETHERNET) == ([], {SkippedPacket.OTHER: 2})
    assert decoded(ipv4(UDP), linktype=127) == ([], {"packets of link type 127, which is not read": 1})
    assert decoded(ipv4(bytes(8), protocol=1)) == ([], {SkippedPacket.OTHER: 1})


def test_other_ports_are_counted() -> None:
    assert decoded(ipv4(struct.pack(">HHHH", 123, 124, 8, 0))) == ([], {SkippedPacket.OTHER_PORT: 1})


def test_versions_stay_in_order() -> None:
    assert decoded(ipv6(UDP), ipv4(UDP), ipv6(UDP))[0] == [EXPECTED6, EXPECTED, EXPECTED6]


def test_ipv4_options_and_ethernet_padding() -> None:
    assert raw(ipv4(UDP, options=bytes(8)) + bytes(6)) == EXPECTED


def test_fragments() -> None:
    assert raw(ipv4(UDP, fragment=0x2000)) == EXPECTED
    assert decoded(ipv4(UDP, fragment=0x0010)) == ([], {SkippedPacket.FRAGMENT: 1})


def test_ipv6() -> None:
    assert raw(ipv6(UDP)) == EXPECTED6


@pytest.mark.parametrize("protocol", [0, 43, 60])
def test_ipv6_extension_headers(protocol: int) -> None:
    assert raw(ipv6(bytes([17, 1]) + bytes(14) + UDP, protocol=protocol)) == EXPECTED6


def test_ipv6_fragments() -> None:
    first, later = struct.pack(">BBHI", 17, 0, 1, 9), struct.pack(">BBHI", 17, 0, 1 | 8 << 3, 9)
    assert raw(ipv6(first + UDP, protocol=44)) == EXPECTED6
    assert decoded(ipv6(later + UDP, protocol=44)) == ([], {SkippedPacket.FRAGMENT: 1})


def test_tcp() -> None:
    segment = struct.pack(">HHIIBBHHH", 40000, 53, 77, 0, 8 << 4, 0x18, 0, 0, 0) + bytes(12) + b"\0\3dns"
    assert raw(ipv4(segment, protocol=6)) == EXPECTED._replace(
        tcp=True, sequence=77, flags=0x18, payload=b"\0\3dns", length=5
    )


def test_lengths_of_offloaded_segments_may_be_zero() -> None:
    packet = bytearray(ipv4(UDP))
    packet[2:4] = b"\0\0"
    assert raw(bytes(packet)) == EXPECTED


def test_a_snap_length_cuts_the_payload_and_tells_its_length() -> None:
    packet = ipv4(struct.pack(">HHHH", 40000, 53, 108, 0) + bytes(100))
    (found,), _ = decoded(packet, snaplen=60)
    assert (len(found.payload), found.length) == (32, 100)


@given(st.sampled_from([ipv4(UDP), ipv6(UDP)]), st.integers(0, 47))
def test_cut_off_headers_are_counted(packet: bytes, size: int) -> None:
    found, counts = decoded(packet, snaplen=size)
    if size < packet.index(b"dns"):
        assert (found, counts) == ([], {SkippedPacket.CUT: 1})
    else:
        assert b"dns".startswith(found[0].payload)


@given(
    st.lists(st.binary(max_size=80), max_size=4),
    st.sampled_from([LINKTYPE_RAW, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2]),
)
def test_no_bytes_break_it(packets: list[bytes], linktype: int) -> None:
    found, counts = decoded(*packets, linktype=linktype)
    assert len(found) + counts.total() == len(packets)
