"""The decoder against a simple one, on captures of every kind; and what it does with damaged ones."""

import io
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture import pcap
from clusterdns.analysis.capture.connections import Connections
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.names import text
from clusterdns.analysis.capture.queries import read_queries
from clusterdns.analysis.capture.records import PcapError
from clusterdns.analysis.capture.transactions import Queries, Transactions
from tests.unit.analysis.capture import reference
from tests.unit.analysis.capture.network import CLIENTS, Network, framed, query, response, server_of
from tests.unit.analysis.capture.wires import (
    ACK,
    FIN,
    RST,
    SECOND,
    SYN,
    Packet,
    Socket,
    file,
    records,
    tcp,
    udp,
)


def rows(packets: Sequence[Packet], **how: Any) -> list[reference.Transaction]:
    """What the decoder finds, in the form of the reference's."""
    decoder = Decoder(records(packets, **how), [53])
    queries = Queries.joined([decoded.queries for decoded in decoder])
    found = []
    for index in queries.frame.argsort(kind="stable").tolist():
        answered = int(queries.response_ns[index]) if queries.answered[index] else None
        row = (queries.frame[index], queries.time_ns[index], queries.attempt[index])
        frame, time_ns, attempt = (int(value) for value in row)
        found.append((frame, time_ns, attempt, text(queries.name[index]), answered, int(queries.id[index])))
    return found


NAMES = ["a.example", "A.eXample", "b.example", "a-much-longer-label-than-eight.svc.cluster.local", "."]


@st.composite
def captures(draw: st.DrawFn) -> list[Packet]:
    network = Network()
    asked: list[tuple[Socket, bytes, bool]] = []
    for _ in range(draw(st.integers(1, 20))):
        what = draw(st.sampled_from(["ask", "ask", "again", "answer", "answer", "open", "noise", "back"]))
        client, by_tcp = draw(st.sampled_from(CLIENTS)), draw(st.booleans())
        cuts = draw(st.lists(st.integers(1, 200), max_size=3))
        if what == "open":
            network.opened(client, draw(st.integers(0, 2**32 - 1)))
        elif what == "noise":
            network.datagram(client, server_of(client), draw(st.binary(max_size=30)))
        elif what == "back":
            network.now -= 5 * SECOND
        elif what == "ask" or not asked:
            wires = [query(draw(st.sampled_from(NAMES)), draw(st.integers(1, 2)))]
            wires += wires[:1] if draw(st.booleans()) and by_tcp else []
            asked += [(client, wire, by_tcp) for wire in wires]
            if by_tcp:
                network.segments(client, server_of(client), framed(*wires), cuts)
            else:
                network.datagram(client, server_of(client), wires[0])
        else:
            client, wire, by_tcp = draw(st.sampled_from(asked))
            ends = (client, server_of(client)) if what == "again" else (server_of(client), client)
            wire = wire if what == "again" else response(wire)
            if by_tcp:
                network.segments(*ends, framed(wire), cuts)
            else:
                network.datagram(*ends, wire, after=draw(st.sampled_from([1000, 7 * SECOND])))
    return network.packets or [(SECOND, udp(CLIENT, SERVER, b""))]


@given(captures(), st.sampled_from([1000, 1 << 20]))
def test_it_finds_what_the_simple_one_finds(packets: list[Packet], chunk: int) -> None:
    assert rows(packets, chunk=chunk) == reference.decoded(packets)


CLIENT = CLIENTS[0]
SERVER = server_of(CLIENT)
WIRES = [query(name, ident) for ident, name in enumerate(["first.example", "second.example", "x" * 60])]
STREAM = framed(*WIRES)


def names(packets: Sequence[Packet], **how: Any) -> list[str]:
    return [one.qname for one in read_queries(records(packets, **how))]


@given(
    st.lists(st.integers(0, len(STREAM)), max_size=8),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
    st.sampled_from([400, 1 << 20]),
)
def test_any_cut_any_order_any_sequence_number(
    cuts: list[int], start: int, random: Random, chunk: int
) -> None:
    edges = sorted({0, len(STREAM), *cuts})
    pieces = [tcp(CLIENT, SERVER, start + 1 + a, STREAM[a:b]) for a, b in pairwise(edges)]
    pieces += random.choices(pieces, k=2)
    random.shuffle(pieces)
    packets = [tcp(CLIENT, SERVER, start, flags=SYN), *pieces]
    found = names([(SECOND, packet) for packet in packets], chunk=chunk)
    assert sorted(found) == sorted(["first.example", "second.example", "x" * 60])


def test_a_connection_from_before_the_capture() -> None:
    assert len(names([(1, tcp(CLIENT, SERVER, 5000)), (2, tcp(CLIENT, SERVER, 5000, STREAM))])) == 3


def test_a_query_over_tcp_lasts_from_its_first_octet_to_the_response_s_last() -> None:
    network = Network()
    network.opened(CLIENT)
    network.segments(CLIENT, SERVER, framed(WIRES[0]), [2])
    network.segments(SERVER, CLIENT, framed(response(WIRES[0])), [9])
    (one,) = read_queries(records(network.packets))
    assert (one.time_ns, one.response_ns) == (network.packets[2][0], network.packets[-1][0])


def test_a_server_that_asks_from_its_own_port() -> None:
    network = Network()
    asking = ("10.0.0.53", 53)
    network.opened(asking)
    network.segments(asking, SERVER, framed(WIRES[0]))
    network.segments(SERVER, asking, framed(response(WIRES[0])))
    (one,) = read_queries(records(network.packets))
    assert (one.client, one.server, one.rcode) == (asking[0], SERVER[0], "NOERROR")


def test_after_a_lost_segment_the_stream_is_found_again() -> None:
    network = Network()
    network.opened(CLIENT)
    for number in range(100):
        network.segments(CLIENT, SERVER, framed(query(f"n{number}")))
    del network.packets[10]
    decoder = Decoder(records(network.packets), [53])
    assert sum(len(decoded.queries) for decoded in decoder) == 99
    assert decoder.counts == {"gaps in what clients sent by TCP": 1}


def test_a_segment_that_was_cut_off_costs_its_own_message_only() -> None:
    long = dns.message.make_query("a.example", "A", use_edns=True, pad=200).to_wire()
    network = Network()
    network.opened(CLIENT)
    network.segments(CLIENT, SERVER, framed(WIRES[0]))
    network.segments(CLIENT, SERVER, framed(long), [2])
    network.segments(CLIENT, SERVER, framed(WIRES[1]))
    assert names(network.packets, snaplen=120) == ["first.example", "second.example"]


def test_a_question_that_was_kept_is_enough() -> None:
    network = Network()
    network.datagram(CLIENT, SERVER, WIRES[0] + bytes(200))
    network.datagram(CLIENT, SERVER, query("a" * 60))
    decoder = Decoder(records(network.packets, snaplen=80), [53])
    assert sum(len(decoded.queries) for decoded in decoder) == 1
    assert decoder.counts == {"messages cut off within their question by the capture": 1}


def test_time_that_goes_back_is_told() -> None:
    packets = [
        (5 * SECOND, udp(CLIENT, SERVER, WIRES[0])),
        (2 * SECOND, udp(SERVER, CLIENT, response(WIRES[0]))),
    ]
    decoder = Decoder(records(packets), [53])
    (decoded, _) = decoder
    assert (decoder.backwards, decoder.farthest_back_ns) == (1, 3 * SECOND)
    assert decoded.queries.response_ns[0] - decoded.queries.time_ns[0] == -3 * SECOND


def test_what_lies_before_the_damage_is_decoded() -> None:
    content = file([(SECOND, udp(CLIENT, SERVER, WIRES[0])), (SECOND, b"cut")])[:-1]
    decoding = iter(Decoder(pcap.read(io.BytesIO(content))))
    assert len(next(decoding).queries) == 0
    assert len(next(decoding).queries) == 1
    with pytest.raises(PcapError, match="packet 2"):
        next(decoding)


def test_queries_beyond_the_most_that_wait_are_given_up() -> None:
    network = Network()
    for ident in range(10):
        network.datagram(CLIENT, SERVER, query(ident=ident))
    decoder = Decoder(records(network.packets), [53])
    decoder._transactions = Transactions(most_waiting=4)
    first, last = [decoded.queries for decoded in decoder]
    assert first.id.tolist() == [0, 1, 2, 3, 4, 5]
    assert last.id.tolist() == [6, 7, 8, 9]
    assert decoder._transactions.counts.total() == 6


def connections(packets: Sequence[Packet], **how: Any) -> Connections:
    return Connections.joined([decoded.connections for decoded in Decoder(records(packets, **how), [53])])


class TestConnections:
    @staticmethod
    def conversation() -> Network:
        network = Network()
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(WIRES[0], WIRES[1]))
        network.now += SECOND
        network.segments(SERVER, CLIENT, framed(response(WIRES[0])))
        network.segments(SERVER, CLIENT, framed(response(WIRES[1])))
        network.send(tcp(CLIENT, SERVER, network.sequences[CLIENT, SERVER], flags=FIN | ACK), 2 * SECOND)
        network.send(tcp(SERVER, CLIENT, network.sequences[SERVER, CLIENT], flags=FIN | ACK), 3 * SECOND)
        return network

    def test_a_whole_one(self) -> None:
        network = self.conversation()
        times = [time_ns for time_ns, _ in network.packets]
        one = connections(network.packets)
        assert one.opened_ns.tolist() == times[:1]
        assert one.answered_ns.tolist() == times[1:2]
        assert (one.queries.tolist(), one.responses.tolist()) == ([2], [2])
        assert one.busy_ns.tolist() == [times[4] - times[2]]
        assert one.longest_ns.tolist() == [times[4] - times[2]]
        assert (one.closed_ns - one.fin_ns).tolist() == [3 * SECOND]
        assert one.closed_by_client.tolist() == [True]

    def test_a_port_used_again_is_another(self) -> None:
        network = self.conversation()
        network.opened(CLIENT, 900)
        network.send(tcp(SERVER, CLIENT, 901, flags=RST))
        found = connections(network.packets)
        assert found.sequence.tolist() == [7, 900]
        assert found.closed_by_client.tolist() == [True, False]

    def test_a_syn_sent_again_is_the_same(self) -> None:
        network = Network()
        for after in (1, SECOND, 2 * SECOND):
            network.send(tcp(CLIENT, SERVER, 7, flags=SYN), after)
        found = connections(network.packets)
        assert found.syns.tolist() == [3]
        assert (found.answered_ns == found.closed_ns).all()  # neither ever was

    @given(st.integers(60, 400))
    def test_pieces_make_no_difference(self, chunk: int) -> None:
        network = self.conversation()
        network.opened(CLIENT, 900)
        network.segments(CLIENT, SERVER, framed(*WIRES), [5, 50])
        whole, pieced = connections(network.packets), connections(network.packets, chunk=chunk)
        for name in Connections.columns():
            assert getattr(whole, name).tolist() == getattr(pieced, name).tolist()

    def test_those_that_are_over_are_forgotten(self) -> None:
        network = self.conversation()
        network.datagram(CLIENT, SERVER, WIRES[0], after=61 * SECOND)
        decoder = Decoder(records(network.packets), [53])
        first, last = decoder
        assert (len(first.connections), len(last.connections)) == (1, 0)
