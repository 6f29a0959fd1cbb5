"""Link, network and transport layers, as far as DNS meets them."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.capture.packets import Packet, decode
from clusterdns.formats.pcap import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
    Record,
)

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


def raw(data: bytes) -> Packet | None:
    return decode(Record(5, LINKTYPE_RAW, data))


EXPECTED = Packet(5, CLIENT, 40000, SERVER, 53, tcp=False, sequence=0, flags=0, payload=b"dns")
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
    assert decode(Record(5, linktype, link + ipv4(UDP))) == EXPECTED


def test_what_is_not_ip_is_passed_over() -> None:
    assert decode(Record(5, LINKTYPE_ETHERNET, bytes(12) + b"\x08\x06" + bytes(28))) is None
    assert decode(Record(5, 127, ipv4(UDP))) is None
    assert raw(ipv4(bytes(8), protocol=1)) is None


def test_ipv4_options_and_ethernet_padding() -> None:
    assert raw(ipv4(UDP, options=bytes(8)) + bytes(6)) == EXPECTED


def test_fragments() -> None:
    assert raw(ipv4(UDP, fragment=0x2000)) == EXPECTED
    assert raw(ipv4(UDP, fragment=0x0010)) is None


def test_ipv6() -> None:
    assert raw(ipv6(UDP)) == EXPECTED6


@pytest.mark.parametrize("protocol", [0, 43, 60])
def test_ipv6_extension_headers(protocol: int) -> None:
    assert raw(ipv6(bytes([17, 1]) + bytes(14) + UDP, protocol=protocol)) == EXPECTED6


def test_ipv6_fragments() -> None:
    first, later = struct.pack(">BBHI", 17, 0, 1, 9), struct.pack(">BBHI", 17, 0, 1 | 8 << 3, 9)
    assert raw(ipv6(first + UDP, protocol=44)) == EXPECTED6
    assert raw(ipv6(later + UDP, protocol=44)) is None


def test_tcp() -> None:
    segment = struct.pack(">HHIIBBHHH", 40000, 53, 77, 0, 8 << 4, 0x18, 0, 0, 0) + bytes(12) + b"\0\3dns"
    assert raw(ipv4(segment, protocol=6)) == EXPECTED._replace(
        tcp=True, sequence=77, flags=0x18, payload=b"\0\3dns"
    )


def test_lengths_of_offloaded_segments_may_be_zero() -> None:
    packet = bytearray(ipv4(UDP))
    packet[2:4] = b"\0\0"
    assert raw(bytes(packet)) == EXPECTED


@given(st.sampled_from([ipv4(UDP), ipv6(UDP)]), st.integers(0, 47))
def test_cut_off_headers_are_passed_over(packet: bytes, size: int) -> None:
    found = raw(packet[:size])
    assert found is None or b"dns".startswith(found.payload)


@given(
    st.binary(max_size=80),
    st.sampled_from([LINKTYPE_RAW, LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2]),
)
def test_no_bytes_break_it(data: bytes, linktype: int) -> None:
    decode(Record(0, linktype, data))
