"""A query and its response within every link layer and tunnel that is read; the others are named."""

import io
import struct
from collections.abc import Callable

import pytest

from clusterdns.analysis.capture import analyse
from clusterdns.analysis.capture.records import LINKTYPE_ETHERNET, LINKTYPE_RAW
from tests.unit.analysis.capture.network import query, response
from tests.unit.analysis.capture.wires import SECOND, file, ip, udp

WIRE = query("www.example.com", 7)
MACS = bytes.fromhex("020000000001020000000002")
ETHERNET_IP = MACS + b"\x08\x00"
NODES = (("192.168.1.1", 50_000), ("192.168.1.2", 0))

Wrap = Callable[[bytes], bytes]


def behind(head: bytes) -> Wrap:
    return lambda packet: head + packet


def nflog(packet: bytes) -> bytes:
    return bytes([2, 0, 0, 0]) + struct.pack("<HH", 4 + len(packet), 9) + packet


def pppoe(packet: bytes) -> bytes:
    return MACS + b"\x88\x64\x11\x00\x00\x01" + struct.pack(">H", 2 + len(packet)) + b"\x00\x21" + packet


def tunnel(port: int, header: bytes) -> Wrap:
    """Put an Ethernet frame into UDP between two nodes."""
    ends = NODES[0], (NODES[1][0], port)
    return lambda packet: ETHERNET_IP + udp(*ends, header + ETHERNET_IP + packet)


def within(protocol: int, header: bytes = b"") -> Wrap:
    """Put a packet into one of IP between two nodes."""
    return lambda packet: ETHERNET_IP + ip("192.168.1.1", "192.168.1.2", protocol, header + packet)


LINKS: dict[str, tuple[int, Wrap]] = {
    "Ethernet": (LINKTYPE_ETHERNET, behind(ETHERNET_IP)),
    "VLAN 0x8100": (LINKTYPE_ETHERNET, behind(MACS + b"\x81\x00\x00\x64\x08\x00")),
    "802.1ad 0x88a8": (LINKTYPE_ETHERNET, behind(MACS + b"\x88\xa8\x00\x64\x81\x00\x00\x0a\x08\x00")),
    "802.1ad 0x9100": (LINKTYPE_ETHERNET, behind(MACS + b"\x91\x00\x00\x64\x81\x00\x00\x0a\x08\x00")),
    "MPLS": (LINKTYPE_ETHERNET, behind(MACS + b"\x88\x47\x00\x06\x41\x40")),
    "PPPoE": (LINKTYPE_ETHERNET, pppoe),
    "NULL": (0, behind(b"\x02\x00\x00\x00")),
    "LOOP": (108, behind(b"\x00\x00\x00\x02")),
    "RAW": (LINKTYPE_RAW, behind(b"")),
    "RAW on BSD": (12, behind(b"")),
    "IPV4": (228, behind(b"")),
    "PPP": (9, behind(b"\xff\x03\x00\x21")),
    "PPP in HDLC": (50, behind(b"\xff\x03\x00\x21")),
    "NFLOG": (239, nflog),
    "SLL": (113, behind(b"\0\0\0\1\0\6" + bytes(8) + b"\x08\x00")),
    "SLL2": (276, behind(b"\x08\x00" + bytes(18))),
    "VXLAN": (LINKTYPE_ETHERNET, tunnel(4789, b"\x08" + bytes(7))),
    "VXLAN of Flannel": (LINKTYPE_ETHERNET, tunnel(8472, b"\x08" + bytes(7))),
    "Geneve": (LINKTYPE_ETHERNET, tunnel(6081, b"\x00\x00\x65\x58" + bytes(4))),
    "IPIP": (LINKTYPE_ETHERNET, within(4)),
    "GRE": (LINKTYPE_ETHERNET, within(47, b"\x00\x00\x08\x00")),
}
LINKS_OF_IPV6: dict[str, tuple[int, Wrap]] = {
    "IPV6": (229, behind(b"")),
    "NULL of macOS": (0, behind(b"\x1e\x00\x00\x00")),
    "6in4": (LINKTYPE_ETHERNET, within(41)),
}


def exchange(linktype: int, wrap: Wrap, *, prefix: str, server: str) -> io.BytesIO:
    ends = (f"{prefix}9", 40_001), (server, 53)
    packets = [udp(*ends, WIRE), udp(*ends[::-1], response(WIRE))]
    return io.BytesIO(
        file([(at * SECOND, wrap(packet)) for at, packet in enumerate(packets, 1)], linktype=linktype)
    )


@pytest.mark.parametrize(("linktype", "wrap"), LINKS.values(), ids=LINKS)
def test_links_and_tunnels(linktype: int, wrap: Wrap) -> None:
    found = analyse(exchange(linktype, wrap, prefix="10.0.0.", server="10.0.0.53"))
    ((server, path),) = found.summary.paths.items()
    assert (found.server(server), path.transactions, path.unanswered) == ("10.0.0.53:53 by UDP", 1, 0)
    assert found.decoder.counts == {}


@pytest.mark.parametrize(("linktype", "wrap"), LINKS_OF_IPV6.values(), ids=LINKS_OF_IPV6)
def test_links_and_tunnels_of_ipv6(linktype: int, wrap: Wrap) -> None:
    found = analyse(exchange(linktype, wrap, prefix="fd00::", server="fd00::53"))
    ((server, path),) = found.summary.paths.items()
    assert (found.server(server), path.transactions, path.unanswered) == ("[fd00::53]:53 by UDP", 1, 0)


def test_an_ipv6_fragment_of_its_own_behind_options() -> None:
    """A hop-by-hop header, then a fragment header of a datagram that is whole (RFC 6946)."""

    def with_headers(packet: bytes) -> bytes:
        options, fragment = b"\x2c\x00\x01\x04" + bytes(4), b"\x11\x00\x00\x00" + bytes(4)
        size = struct.pack(">H", len(packet) - 40 + 16)
        return packet[:4] + size + b"\x00" + packet[7:40] + options + fragment + packet[40:]

    found = analyse(exchange(229, with_headers, prefix="fd00::", server="fd00::53"))
    (path,) = found.summary.paths.values()
    assert (path.transactions, path.unanswered) == (1, 0)


def test_a_link_type_that_is_not_read_is_named() -> None:
    found = analyse(exchange(195, behind(b""), prefix="10.0.0.", server="10.0.0.53"))
    assert found.decoder.counts == {"packets of link type 195, which is not read": 2}
