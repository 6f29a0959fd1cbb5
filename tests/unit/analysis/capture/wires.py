"""Packets and capture files, octet by octet."""

import io
import ipaddress
import struct
from collections.abc import Iterable, Sequence

from clusterdns.analysis.capture import pcap
from clusterdns.analysis.capture.records import LINKTYPE_RAW, Records

SYN, ACK, FIN, RST = 0x02, 0x10, 0x01, 0x04
SECOND = 1_000_000_000

Packet = tuple[int, bytes]
"""When, in nanoseconds since 1970, and what."""
Socket = tuple[str, int]


def ip(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IP packet of the addresses' version."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if ":" in source:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    return head + ends + payload


def udp(source: Socket, destination: Socket, payload: bytes) -> bytes:
    """An IP packet with a UDP datagram."""
    head = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0)
    return ip(source[0], destination[0], 17, head + payload)


def tcp(
    source: Socket,
    destination: Socket,
    sequence: int,
    payload: bytes = b"",
    flags: int = ACK,
    *,
    acknowledged: int = 0,
) -> bytes:
    """An IP packet with a TCP segment."""
    ports, numbers = (source[1], destination[1]), (sequence % 2**32, acknowledged % 2**32)
    head = struct.pack(">HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 0, 0, 0)
    return ip(source[0], destination[0], 6, head + payload)


def file(packets: Iterable[Packet], *, linktype: int = LINKTYPE_RAW, snaplen: int = 1 << 18) -> bytes:
    """A pcap file with nanoseconds."""
    content = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, linktype)
    for time_ns, data in packets:
        kept = data[:snaplen]
        content += struct.pack("<IIII", *divmod(time_ns, SECOND), len(kept), len(data)) + kept
    return content


def records(
    packets: Sequence[Packet], *, linktype: int = LINKTYPE_RAW, snaplen: int = 1 << 18, chunk: int = 1 << 20
) -> list[Records]:
    """What is read of such a file."""
    return list(pcap.read(io.BytesIO(file(packets, linktype=linktype, snaplen=snaplen)), chunk=chunk))
