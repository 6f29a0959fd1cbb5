"""Exchanges that are right, and that a simple reader of captures gets wrong."""

import io
import struct

import dns.flags
import dns.message
import dns.rcode
import pytest

from clusterdns.analysis.capture import Analysed, analyse
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.report import facts
from clusterdns.analysis.capture.summary import CaptureSummary, ServerFigures
from tests.unit.analysis.capture.network import CLIENTS, Network, framed, query, response, server_of
from tests.unit.analysis.capture.wires import ACK, SECOND, SYN, Packet, file, ip, records, tcp, udp

CLIENT = CLIENTS[0]
SERVER = server_of(CLIENT)


def read(packets: list[Packet], **how: int) -> Analysed:
    return analyse(io.BytesIO(file(packets, **how)))


def only(packets: list[Packet], **how: int) -> ServerFigures:
    (path,) = read(packets, **how).summary.paths.values()
    return path


def rcodes(packets: list[Packet]) -> dict[str, int]:
    (server,) = facts(read(packets), "cluster.local", 0)["servers"]
    assert server["unanswered"] == 0
    return dict(server["rcodes"])


def asked(wire: bytes, *answers: bytes) -> list[Packet]:
    network = Network()
    network.datagram(CLIENT, SERVER, wire)
    for answer in answers:
        network.datagram(SERVER, CLIENT, answer)
    return network.packets


class TestResponsesThatTellLittle:
    """Responses with an extended rcode, or without the question."""

    @pytest.mark.parametrize("rcode", [dns.rcode.BADVERS, dns.rcode.BADCOOKIE])
    @pytest.mark.parametrize("question", [True, False])
    def test_extended_rcodes(self, rcode: dns.rcode.Rcode, *, question: bool) -> None:
        wire = dns.message.make_query("www.example.com", "A", id=7, use_edns=0).to_wire()
        answer = dns.message.make_response(dns.message.from_wire(wire))
        answer.use_edns(0)
        answer.set_rcode(rcode)
        if not question:
            answer.question.clear()
        assert rcodes(asked(wire, answer.to_wire())) == {rcode.name: 1}

    def test_a_header_alone(self) -> None:
        wire = query("www.example.com", 7)
        refused = struct.pack(">HHHHHH", 7, dns.flags.QR | dns.flags.RD | dns.rcode.FORMERR, 0, 0, 0, 0)
        assert rcodes(asked(wire, refused)) == {"FORMERR": 1}

    def test_asked_again_without_edns(self) -> None:
        first = dns.message.make_query("www.example.com", "A", id=7, use_edns=0).to_wire()
        refused = struct.pack(">HHHHHH", 7, dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)
        plain = query("www.example.com", 8)
        packets = asked(first, refused)
        for ends, wire in (((CLIENT, SERVER), plain), ((SERVER, CLIENT), response(plain))):
            packets.append((packets[-1][0] + 1000, udp(*ends, wire)))
        assert rcodes(packets) == {"FORMERR": 1, "NOERROR": 1}


class TestAnyDevice:
    """tcpdump -i any: a packet comes once an interface."""

    @staticmethod
    def seen(interface: int, packet: bytes) -> bytes:
        return struct.pack(">HHIHBB", 0x0800, 0, interface, 1, 0, 6) + bytes(8) + packet

    def test_three_interfaces_are_one_exchange(self) -> None:
        wire = query("www.example.com", 7)
        packets = []
        for moment, packet in ((1, udp(CLIENT, SERVER, wire)), (2, udp(SERVER, CLIENT, response(wire)))):
            packets += [
                (moment * SECOND + 1000 * interface, self.seen(interface, packet)) for interface in (2, 3, 4)
            ]
        found = read(packets, linktype=276)
        (path,) = found.summary.paths.values()
        assert (path.transactions, path.tries, path.unanswered) == (1, 1, 0)
        assert found.decoder.counts == {"packets seen again on another interface": 4}

    def test_many_packets_at_once_on_three_interfaces(self) -> None:
        wires = [query("www.example.com", ident) for ident in range(300)]
        packets = [
            (SECOND + 1000 * (ident + 7 * interface), self.seen(interface, udp(CLIENT, SERVER, wire)))
            for ident, wire in enumerate(wires)
            for interface in (2, 3, 4)
        ]
        found = read(sorted(packets), linktype=276)
        (path,) = found.summary.paths.values()
        assert (path.transactions, path.tries) == (300, 300)
        assert found.decoder.counts == {"packets seen again on another interface": 600}

    def test_before_and_behind_address_translation_are_two_paths(self) -> None:
        wire = query("www.example.com", 7)
        pod = ("10.0.0.53", 53)
        ends = [(CLIENT, SERVER), (CLIENT, pod), (pod, CLIENT), (SERVER, CLIENT)]
        wires = [wire, wire, response(wire), response(wire)]
        packets = [
            (SECOND + 1000 * at, self.seen(2 + at % 2, udp(*way, message)))
            for at, (way, message) in enumerate(zip(ends, wires, strict=True))
        ]
        paths = read(packets, linktype=276).summary.paths
        assert [(path.transactions, path.unanswered) for path in paths.values()] == [(1, 0), (1, 0)]


class TestDatagrams:
    def test_case_that_a_server_does_not_keep(self) -> None:
        wire = query("wWw.eXaMpLe.CoM", 7)
        answer = response(query("www.example.com", 7))
        assert only(asked(wire, answer)).unanswered == 0

    def test_both_from_port_53(self) -> None:
        ends = ("10.0.0.99", 53), ("10.0.0.53", 53)
        wire = query("www.example.com", 7)
        packets = [(SECOND, udp(*ends, wire)), (2 * SECOND, udp(*ends[::-1], response(wire)))]
        path = only(packets)
        assert (path.transactions, path.unanswered) == (1, 0)

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
    def test_a_response_in_fragments(self, order: tuple[int, int, int]) -> None:
        wire = query("www.example.com", 7)
        whole = udp(SERVER, CLIENT, response(wire) + bytes(1400))
        first, later = whole[20:1020], whole[1020:]
        pieces = [
            udp(CLIENT, SERVER, wire),
            fragment(first, 0x2000),
            fragment(later, len(first) // 8),
        ]
        found = read([(SECOND + place, pieces[index]) for place, index in enumerate(order)])
        (path,) = found.summary.paths.values()
        assert (path.transactions, path.unanswered) == (1, 0)
        assert found.decoder.counts == {"later fragments": 1}

    def test_an_unreachable_port_leaves_a_query_unanswered(self) -> None:
        wire = query("www.example.com", 7)
        refused = ip(SERVER[0], CLIENT[0], 1, b"\x03\x03" + bytes(6) + udp(CLIENT, SERVER, wire))
        found = read([*asked(wire), (1001 * SECOND, refused)])
        (path,) = found.summary.paths.values()
        assert (path.transactions, path.unanswered) == (1, 1)
        assert found.decoder.counts == {"packets that are neither UDP nor TCP over IP": 1}

    def test_a_lost_pair_is_asked_again_after_five_seconds(self) -> None:
        """Of A and AAAA from one socket the second is lost; glibc then asks for both, one after the other."""
        a, aaaa = query("www.example.com", 1), query("www.example.com", 2, "AAAA")
        network = Network()
        network.datagram(CLIENT, SERVER, a)
        network.datagram(CLIENT, SERVER, aaaa)
        network.datagram(SERVER, CLIENT, response(a))
        for wire, after in ((a, 5 * SECOND), (aaaa, 1000)):
            network.datagram(CLIENT, SERVER, wire, after)
            network.datagram(SERVER, CLIENT, response(wire))
        path = only(network.packets)
        assert (path.transactions, path.tries, path.retried, path.unanswered, path.slow) == (3, 4, 1, 0, 1)

    def test_big_endian_nanoseconds(self) -> None:
        wire = query("www.example.com", 7)
        content = struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, 101)
        for at, packet in ((0, udp(CLIENT, SERVER, wire)), (5, udp(SERVER, CLIENT, response(wire)))):
            content += struct.pack(">IIII", 1000, at, len(packet), len(packet)) + packet
        (path,) = analyse(io.BytesIO(content)).summary.paths.values()
        assert (path.transactions, path.latency.maximum) == (1, 5)


def fragment(payload: bytes, place: int) -> bytes:
    """Return a fragment of a UDP datagram from the server."""
    packet = bytearray(ip(SERVER[0], CLIENT[0], 17, payload))
    packet[6:8] = place.to_bytes(2, "big")
    return bytes(packet)


class TestConnections:
    def test_fast_open(self) -> None:
        """The SYN carries the first query (RFC 7413)."""
        wires = [query(f"q{ident}.example", ident) for ident in (1, 2)]
        network = Network()
        network.send(tcp(CLIENT, SERVER, 7, framed(wires[0]), SYN))
        network.sequences[CLIENT, SERVER] = 8 + len(framed(wires[0]))
        network.send(tcp(SERVER, CLIENT, 7, flags=SYN | ACK, acknowledged=network.sequences[CLIENT, SERVER]))
        network.sequences[SERVER, CLIENT] = 8
        network.segments(SERVER, CLIENT, framed(response(wires[0])))
        network.segments(CLIENT, SERVER, framed(wires[1]))
        network.segments(SERVER, CLIENT, framed(response(wires[1])))
        path = only(network.packets)
        assert (path.transactions, path.unanswered) == (2, 0)

    def test_a_port_used_again_with_the_same_sequence_number(self) -> None:
        network = Network()
        for start_ns, name in ((1000 * SECOND, "a.example"), (1010 * SECOND, "b.example")):
            network.now = start_ns
            network.opened(CLIENT, 7)
            network.segments(CLIENT, SERVER, framed(query(name)))
            network.segments(SERVER, CLIENT, framed(response(query(name))), [1])
        for chunk in (100, 1 << 20):
            summary = CaptureSummary.of(Decoder(records(network.packets, chunk=chunk)), worst=1)
            (path,) = summary.paths.values()
            assert (path.transactions, path.unanswered, path.slow) == (2, 0, 0)
            assert summary.connections.count == 2

    @pytest.mark.parametrize("cuts", [[], [1], [1, 2], [40]])
    def test_two_messages_in_a_segment_or_a_length_over_two(self, cuts: list[int]) -> None:
        wires = [query(f"q{ident}.example", ident) for ident in (1, 2)]
        network = Network()
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(*wires), cuts)
        network.segments(SERVER, CLIENT, framed(*map(response, wires)), cuts)
        path = only(network.packets)
        assert (path.transactions, path.unanswered) == (2, 0)
