"""Conversations between DNS clients and servers, as packets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import dns.message
import dns.rcode

from tests.unit.analysis.capture.wires import ACK, SECOND, SYN, Packet, Socket, tcp, udp

CLIENTS = [("10.0.0.7", 4000), ("10.0.0.7", 4001), ("10.0.0.8", 4000), ("fd00::7", 4000)]


def query(name: str = "a.example", ident: int = 1, rtype: str = "A") -> bytes:
    return dns.message.make_query(name, rtype, id=ident).to_wire()


def response(wire: bytes, rcode: str = "NOERROR") -> bytes:
    message = dns.message.make_response(dns.message.from_wire(wire))
    message.set_rcode(dns.rcode.from_text(rcode))
    return message.to_wire()


def framed(*wires: bytes) -> bytes:
    return b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires)


def server_of(client: Socket) -> Socket:
    return ("fd00::a" if ":" in client[0] else "10.96.0.10", 53)


@dataclass
class Network:
    """Packets as they are sent."""

    packets: list[Packet] = field(default_factory=list)
    sequences: dict[tuple[Socket, Socket], int] = field(default_factory=dict)
    now: int = 1000 * SECOND

    def send(self, data: bytes, after: int = 1000) -> None:
        self.now += after
        self.packets.append((self.now, data))

    def datagram(self, source: Socket, destination: Socket, wire: bytes, after: int = 1000) -> None:
        self.send(udp(source, destination, wire), after)

    def opened(self, client: Socket, sequence: int = 7) -> None:
        server = server_of(client)
        for source, destination, flags in ((client, server, SYN), (server, client, SYN | ACK)):
            self.send(tcp(source, destination, sequence, flags=flags))
            self.sequences[source, destination] = sequence + 1

    def segments(self, source: Socket, destination: Socket, data: bytes, cuts: Sequence[int] = ()) -> None:
        edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        for start, end in pairwise(edges):
            sequence = self.sequences.setdefault((source, destination), 1)
            self.send(tcp(source, destination, sequence, data[start:end]))
            self.sequences[source, destination] = sequence + end - start
