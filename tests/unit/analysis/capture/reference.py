"""What the decoder is held against: the same, packet by packet, in the simplest way."""

import struct
from collections import defaultdict
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.name
import dns.wire

from tests.unit.analysis.capture.wires import SYN, Packet

Transaction = tuple[int, int, int, str, int | None, int]
"""Number of the query's packet, when it was sent, its attempt, its name, when it was answered, and its id."""


def decoded(packets: Sequence[Packet], port: int = 53) -> list[Transaction]:  # noqa: C901 - one straight line
    """The queries of IP packets of which every TCP segment is there and in order."""
    streams: dict[tuple[bytes, bytes], tuple[bytes, int]] = {}
    epochs: defaultdict[tuple[bytes, bytes], int] = defaultdict(int)
    waiting: defaultdict[object, list[int]] = defaultdict(list)
    found: list[list[object]] = []
    for number, (time_ns, data) in enumerate(packets, 1):
        version = data[0] >> 4
        start = 20 if version == 4 else 40
        protocol = data[9] if version == 4 else data[6]
        half = 4 if version == 4 else 16
        addresses = data[start - 2 * half : start]
        source = addresses[:half] + data[start : start + 2]
        destination = addresses[half:] + data[start + 2 : start + 4]
        if port not in struct.unpack_from(">HH", data, start):
            continue
        wires: list[tuple[bytes, int]] = []
        if protocol == 17:
            wires = [(data[start + 8 :], time_ns)]
        else:
            direction = source, destination
            if data[start + 13] & SYN:
                streams.pop(direction, None)
                epochs[min(direction, direction[::-1])] += data[start + 13] == SYN
            buffer, first_ns = streams.pop(direction, (b"", time_ns))
            buffer += data[start + 20 :]
            while len(buffer) >= 2 and len(buffer) >= (end := 2 + int.from_bytes(buffer[:2], "big")):
                wires.append((buffer[2:end], first_ns))
                buffer, first_ns = buffer[end:], time_ns
            if buffer:
                streams[direction] = buffer, first_ns
        for wire, first_ns in wires:
            if (parsed := question(wire)) is None:
                continue
            name, rest, response = parsed
            ends = (destination, source) if response else (source, destination)
            epoch = epochs[min(ends, ends[::-1])] if protocol == 6 else 0
            key = (ends, protocol, epoch, wire[:2], name.lower(), rest)
            if not response:
                waiting[key].append(len(found))
                attempt = len(waiting[key])
                found.append([number, first_ns, attempt, name, None, int.from_bytes(wire[:2], "big")])
            elif waiting[key]:
                found[waiting.pop(key)[-1]][4] = time_ns
    return [tuple(row) for row in found]  # type: ignore[misc]


def question(wire: bytes) -> tuple[str, bytes, bool] | None:
    """Name, type and class of a standard message with one question, and whether it is a response."""
    if len(wire) < 12 or wire[2] & 0x78 or wire[4:6] != b"\0\1":
        return None
    try:
        name, used = dns.name.from_wire(wire[12:], 0)
    except dns.exception.DNSException:
        return None
    rest = wire[12 + used : 16 + used]
    if len(rest) < 4 or any(size & 0xC0 for size in _sizes(wire[12 : 12 + used])):
        return None
    return name.to_text(omit_final_dot=True).removesuffix("."), rest, bool(wire[2] & 0x80)


def _sizes(name: bytes) -> list[int]:
    sizes: list[int] = []
    at = 0
    while at < len(name) and (not sizes or sizes[-1]):
        sizes.append(name[at])
        at += 1 + name[at]
    return sizes
