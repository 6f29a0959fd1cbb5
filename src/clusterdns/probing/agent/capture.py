"""Captures DNS packets from an AF_PACKET ring, and says how many it lost.

Request: {"interface": "eth0" | null, "port": 53, "seconds": 60.0, "ring_bytes": 16777216}
    Those are the defaults, but for "interface": null is all of them, and a packet that crosses two is then
    seen twice. "seconds" ends a capture that nobody stops.
Answers:
    {"ready": true}                 packets do arrive; the caller may then send {"stop": true}
    {"pcap": "<base64>"}, ...       pieces of one zlib stream: a pcap file, nanoseconds, link type RAW
    {"packets": 42, "drops": 0}     in the file; lost by the kernel: with any, the capture proves nothing

Why a ring (TPACKET_V3): without NET_ADMIN a socket's buffer cannot grow past net.core.rmem_max, which a burst
of DNS overflows; a ring needs NET_RAW alone.

Ready is proven: a marker, a UDP datagram between documentation addresses (RFC 5737) from the DNS port to the
discard port, leaves by the interface for the interface's own hardware address, so that nobody takes it, and
has to come back through filter and ring. At the end a second marker is the barrier behind which no earlier
packet can be left. No marker gets into the file.

The socket is cooked (SOCK_DGRAM): packets begin with the IP header whatever the link is, in the filter and in
the file. IP fragments after the first carry no ports; all of them pass. Packets are in the order in which
CPUs put them into the ring: unrelated ones may be microseconds out of order.
"""

from __future__ import annotations

import base64
import ctypes
import mmap
import os
import select
import socket
import struct
import sys
import time
import zlib
from typing import Any, Iterator, NamedTuple, Optional

from _agent import emit, run

# linux/if_packet.h, linux/if_ether.h, linux/if_arp.h, asm-generic/socket.h
SOL_PACKET = 263
PACKET_RX_RING = 5
PACKET_STATISTICS = 6
PACKET_VERSION = 10
TPACKET_V3 = 2
PACKET_OUTGOING = 4
TP_STATUS_USER = 1
SO_ATTACH_FILTER = 26
ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
ARPHRD_LOOPBACK = 772
SKF_AD_PKTTYPE = 0xFFFFF004  # linux/filter.h
SKF_AD_HATYPE = 0xFFFFF01C

BLOCK = 128 << 10  # of the ring: holds the largest packet
RETIRE_MS = 20  # a block that is not full is handed over after this time
MARKER_SECONDS = 5.0
PIECE = 48 << 10  # bytes of the zlib stream per line


class Packet(NamedTuple):
    """A packet from its IP header on."""

    seconds: int
    nanoseconds: int
    length: int
    data: bytes


def capture(request: dict[str, Any]) -> None:
    """Runs one capture."""
    deadline = time.monotonic() + request.get("seconds", 60.0)
    port = request.get("port", 53)
    ring = Ring(request["interface"], port, request.get("ring_bytes", 16 << 20))
    marker = Marker(ring, port)
    # Whatever came while filter, ring and interface were set up, and its losses, is not asked for.
    for _ in marker.packets_before():
        pass
    ring.drops()
    emit(ready=True)
    file = PcapFile()
    while not stopped(ring, deadline):
        file.add(marker.strip(ring.packets()))
    file.add(marker.packets_before())
    drops = ring.drops()
    for piece in file.pieces():
        emit(pcap=piece)
    emit(packets=file.count, drops=drops)


def stopped(ring: Ring, deadline: float) -> bool:
    """Waits for packets; tells whether to end: told so, nobody there any more, or the time is up."""
    timeout = max(0.0, deadline - time.monotonic())
    readable, _, _ = select.select([ring.socket, sys.stdin], [], [], timeout)
    return sys.stdin in readable or time.monotonic() >= deadline


class Ring:
    """A packet socket with a ring that it shares with the kernel."""

    def __init__(self, interface: Optional[str], port: int, size: int) -> None:
        blocks = max(2, size // BLOCK)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        attach_filter(self.socket, dns_filter(port))
        self.socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        # struct tpacket_req3; a frame's size has no meaning in version 3 but must divide a block's.
        frame = 2048
        frames = BLOCK // frame * blocks
        self.socket.setsockopt(
            SOL_PACKET, PACKET_RX_RING, struct.pack("7I", BLOCK, blocks, frame, frames, RETIRE_MS, 0, 0)
        )
        self._memory = mmap.mmap(self.socket.fileno(), BLOCK * blocks)
        self._blocks = blocks
        self._next = 0
        if interface:
            self.socket.bind((interface, ETH_P_ALL))

    def packets(self) -> Iterator[Packet]:
        """Takes what the kernel has handed over."""
        while True:
            start = self._next * BLOCK
            # struct tpacket_block_desc
            status, count, offset = struct.unpack_from("8x3I", self._memory, start)
            if not status & TP_STATUS_USER:
                return
            at = start + offset
            for _ in range(count):
                # struct tpacket3_hdr
                step, seconds, nanoseconds, kept, length, _, begin = struct.unpack_from(
                    "6IH", self._memory, at
                )
                yield Packet(seconds, nanoseconds, length, self._memory[at + begin : at + begin + kept])
                at += step
            struct.pack_into("I", self._memory, start + 8, 0)  # the block is the kernel's again
            self._next = (self._next + 1) % self._blocks

    def drops(self) -> int:
        """Counts the packets lost since this was asked last."""
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)
        return int(struct.unpack("3I", statistics)[1])


class Marker:
    """Datagrams of ours that prove that packets get from the wire into the ring."""

    NAME = b"clusterdns"

    def __init__(self, ring: Ring, port: int) -> None:
        self._ring = ring
        # IPv4 without options, UDP, 192.0.2.1:port -> 192.0.2.2:9
        self._start = (
            struct.pack(">BBHHHBBH", 0x45, 0, 28 + 24, 0, 0, 1, socket.IPPROTO_UDP, 0)
            + bytes((192, 0, 2, 1, 192, 0, 2, 2))
            + struct.pack(">HHHH", port, 9, 8 + 24, 0)
            + self.NAME
        )
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        interface, _, _, hardware, address = ring.socket.getsockname()
        # "Any interface" has no name; a marker that goes by the loopback device serves it.
        self._to = (interface or "lo", ETH_P_IP, 0, hardware, address or bytes(6))

    def packets_before(self) -> Iterator[Packet]:
        """Sends a marker and yields what the ring holds before it.

        Raises:
            TimeoutError: It does not come back.
        """
        marker = self._start + os.urandom(24 - len(self.NAME))
        deadline = time.monotonic() + MARKER_SECONDS
        while time.monotonic() < deadline:
            # Sent again each round, as a full ring may drop one.
            self._socket.sendto(marker, self._to)
            select.select([self._ring.socket], [], [], 0.25)
            packets = list(self._ring.packets())
            yield from self.strip(iter(packets))
            if any(packet.data == marker for packet in packets):
                return
        raise TimeoutError(f"the capture's own marker did not come back on {self._to[0]}")

    def strip(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        """Leaves markers out, other captures' too."""
        return (packet for packet in packets if not packet.data.startswith(self._start))


class PcapFile:
    """A pcap file in memory, compressed as it grows."""

    def __init__(self) -> None:
        self.count = 0
        self._zlib = zlib.compressobj(1)
        # Magic number for nanoseconds, version 2.4, longest packet, LINKTYPE_RAW.
        self._stream = bytearray(
            self._zlib.compress(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
        )

    def add(self, packets: Iterator[Packet]) -> None:
        """Appends packets."""
        for seconds, nanoseconds, length, data in packets:
            header = struct.pack("=IIII", seconds, nanoseconds, len(data), length)
            self._stream += self._zlib.compress(header + data)
            self.count += 1

    def pieces(self) -> Iterator[str]:
        """Ends the file and yields it in base64."""
        self._stream += self._zlib.flush()
        for start in range(0, len(self._stream), PIECE):
            yield base64.b64encode(self._stream[start : start + PIECE]).decode()


def dns_filter(port: int) -> bytes:
    """Assembles classic BPF: UDP and TCP from or to the port over IPv4 and IPv6, and later fragments.

    IPv6 extension headers other than the fragment header are not looked through: DNS does not come with them.
    On the loopback device every packet goes out and comes in: what goes out is left away.
    """
    load, load_byte, load_half, load_half_x, header_length = 0x20, 0x30, 0x28, 0x48, 0xB1
    shift, equal, has_bits, give = 0x74, 0x15, 0x45, 0x06
    # (label, opcode, operand, where to if true, where to if false); None is the next instruction.
    program: list[tuple[str, int, int, Optional[str], Optional[str]]] = [
        ("", load, SKF_AD_HATYPE, None, None),
        ("", equal, ARPHRD_LOOPBACK, None, "ip"),
        ("", load, SKF_AD_PKTTYPE, None, None),
        ("", equal, PACKET_OUTGOING, "no", None),
        ("ip", load_byte, 0, None, None),
        ("", shift, 4, None, None),
        ("", equal, 4, None, "6"),
        ("", load_byte, 9, None, None),
        ("", equal, socket.IPPROTO_UDP, "4 fragment", None),
        ("", equal, socket.IPPROTO_TCP, None, "no"),
        ("4 fragment", load_half, 6, None, None),
        ("", has_bits, 0x1FFF, "yes", None),
        ("", header_length, 0, None, None),
        ("", load_half_x, 0, None, None),
        ("", equal, port, "yes", None),
        ("", load_half_x, 2, None, None),
        ("", equal, port, "yes", "no"),
        ("6", equal, 6, None, "no"),
        ("", load_byte, 6, None, None),
        ("", equal, socket.IPPROTO_FRAGMENT, "yes", None),
        ("", equal, socket.IPPROTO_UDP, "6 ports", None),
        ("", equal, socket.IPPROTO_TCP, None, "no"),
        ("6 ports", load_half, 40, None, None),
        ("", equal, port, "yes", None),
        ("", load_half, 42, None, None),
        ("", equal, port, "yes", "no"),
        ("no", give, 0, None, None),
        ("yes", give, 262144, None, None),
    ]
    labels = {label: index for index, (label, *_) in enumerate(program)}
    code = b""
    for index, (_, opcode, operand, true, false) in enumerate(program):
        jumps = (labels[label] - index - 1 if label else 0 for label in (true, false))
        code += struct.pack("HBBI", opcode, *jumps, operand)
    return code


def attach_filter(to: socket.socket, code: bytes) -> None:
    """Attaches classic BPF to a socket: struct sock_fprog points at the code."""
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
    to.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


if __name__ == "__main__":
    run(capture)
