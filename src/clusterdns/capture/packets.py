"""From link layer to UDP and TCP payloads."""

import functools
import socket
import struct
from typing import NamedTuple

from clusterdns.formats.pcap import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LINUX_SLL2,
    LINKTYPE_RAW,
    Record,
)

TCP_FIN, TCP_SYN, TCP_RST = 0x01, 0x02, 0x04

_IPV4, _IPV6 = 0x0800, 0x86DD
_VERSION_4, _IPV4_OCTETS = 4, 4
_VLAN = {0x8100, 0x88A8}
# IPv6 extension headers that tell their length in units of 8 octets (RFC 8200): hop-by-hop, routing,
# destination.
_EXTENSIONS = {0, 43, 60}


class Packet(NamedTuple):
    """A UDP datagram or a TCP segment.

    Attributes:
        time_ns: When it was captured, in nanoseconds since 1970.
        source, source_port: Where from.
        destination, destination_port: Where to.
        tcp: Whether it is TCP.
        sequence: Of the first byte of `payload`; 0 in UDP.
        flags: TCP's; 0 in UDP.
        payload: As far as it was captured: of a fragmented datagram the first fragment's.
    """

    time_ns: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    tcp: bool
    sequence: int
    flags: int
    payload: bytes


def decode(record: Record) -> Packet | None:
    """Takes a captured packet apart.

    Returns:
        None for what is neither UDP nor TCP, is a later fragment, or is cut off within the headers.
    """
    try:
        network = _network_layer(record)
        if network is None:
            return None
        version = record.data[network] >> 4
        return _ipv4(record, network) if version == _VERSION_4 else _ipv6(record, network)
    except (IndexError, struct.error):
        return None


def _network_layer(record: Record) -> int | None:
    """Finds where the IP header begins."""
    data = record.data
    if record.linktype == LINKTYPE_RAW:
        return 0
    if record.linktype == LINKTYPE_ETHERNET:
        start = 14
        while (kind := struct.unpack_from(">H", data, start - 2)[0]) in _VLAN:
            start += 4
    elif record.linktype == LINKTYPE_LINUX_SLL:
        start, kind = 16, struct.unpack_from(">H", data, 14)[0]
    elif record.linktype == LINKTYPE_LINUX_SLL2:
        start, kind = 20, struct.unpack_from(">H", data, 0)[0]
    else:
        return None
    return start if kind in {_IPV4, _IPV6} else None


def _ipv4(record: Record, start: int) -> Packet | None:
    length, fragment, protocol, source, destination = struct.unpack_from(
        ">2xH2xHxB2x4s4s", record.data, start
    )
    if fragment & 0x1FFF:
        return None
    transport = start + (record.data[start] & 0x0F) * 4
    # With segmentation offload the length field may be 0: then the capture's end is the packet's.
    end = start + length if length else len(record.data)
    return _transport(record, protocol, (transport, end), (source, destination))


def _ipv6(record: Record, start: int) -> Packet | None:
    length, protocol, source, destination = struct.unpack_from(">4xHBx16s16s", record.data, start)
    transport = start + 40
    end = transport + length if length else len(record.data)
    while protocol in _EXTENSIONS:
        protocol, transport = record.data[transport], transport + 8 + record.data[transport + 1] * 8
    if protocol == socket.IPPROTO_FRAGMENT:
        protocol, offset = struct.unpack_from(">BxH", record.data, transport)
        transport += 8
        if offset & 0xFFF8:
            return None
    return _transport(record, protocol, (transport, end), (source, destination))


def _transport(
    record: Record, protocol: int, within: tuple[int, int], addresses: tuple[bytes, bytes]
) -> Packet | None:
    start, end = within
    if protocol == socket.IPPROTO_UDP:
        tcp, sequence, flags, header = False, 0, 0, 8
    elif protocol == socket.IPPROTO_TCP:
        tcp = True
        sequence, offset, flags = struct.unpack_from(">I4xBB", record.data, start + 4)
        header = (offset >> 4) * 4
    else:
        return None
    ports = struct.unpack_from(">HH", record.data, start)
    payload = record.data[start + header : end]
    source, destination = (_address(packed) for packed in addresses)
    return Packet(record.time_ns, source, ports[0], destination, ports[1], tcp, sequence, flags, payload)


@functools.lru_cache(maxsize=4096)
def _address(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == _IPV4_OCTETS else socket.AF_INET6, packed)
