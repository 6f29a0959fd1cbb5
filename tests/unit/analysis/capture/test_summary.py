"""What a capture tells."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.analysis.capture import lifetimes, summary
from clusterdns.analysis.capture.concurrency import LevelOverTime
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.summary import CapturedServer, CaptureSummary, ServerFigures
from clusterdns.analysis.histograms import histogram
from clusterdns.model.latency import Histogram
from tests.unit.analysis.capture.network import Network, framed, query, response, server_of
from tests.unit.analysis.capture.wires import ACK, FIN, RST, SECOND, SYN, Packet, records, tcp

CLIENT = ("10.0.0.7", 4000)
SERVER = server_of(CLIENT)
MS = 1_000_000


def summarised(packets: Sequence[Packet], chunk: int = 1 << 20) -> CaptureSummary:
    return CaptureSummary.of(Decoder(records(packets, chunk=chunk)), worst=2)


def only(found: CaptureSummary) -> ServerFigures:
    ((server, path),) = found.paths.items()
    assert isinstance(server, CapturedServer)
    return path


def asked(network: Network, name: str = "a.example", *, ident: int = 1, after: int = SECOND) -> bytes:
    wire = query(name, ident)
    network.datagram(CLIENT, SERVER, wire, after)
    return wire


class TestPaths:
    def test_latency_is_from_the_first_try_however_long_ago_that_was(self) -> None:
        network = Network()
        wire = asked(network)
        asked(network, after=100 * SECOND)
        network.datagram(SERVER, CLIENT, response(wire, "NXDOMAIN"), 5 * MS)
        path = only(summarised(network.packets))
        assert (path.transactions, path.tries, path.retried, path.slow) == (1, 2, 1, 1)
        assert path.latency.maximum == 100 * SECOND + 5 * MS
        assert path.last_try.maximum == 5 * MS
        assert path.rcodes == {3: 1}
        assert [one.tries for one in path.slowest] == [2]

    def test_what_has_no_response_is_counted_and_has_no_latency(self) -> None:
        network = Network()
        asked(network)
        path = only(summarised(network.packets))
        assert (path.transactions, path.unanswered, len(path.latency)) == (1, 1, 0)

    def test_a_clock_that_was_set_back_gives_no_latency(self) -> None:
        network = Network()
        wire = asked(network)
        network.datagram(SERVER, CLIENT, response(wire), -5 * SECOND)
        path = only(summarised(network.packets))
        assert (path.backwards, len(path.latency), path.unanswered) == (1, 0, 0)

    def test_the_timeline_tells_when_what_was_asked(self) -> None:
        network = Network()
        first = asked(network)
        network.datagram(SERVER, CLIENT, response(first), 30 * MS)
        asked(network, ident=2, after=2 * SECOND)
        path = only(summarised(network.packets))
        moments = [path.timeline[at] for at in sorted(path.timeline)]
        assert [(one.asked, one.unanswered, one.longest_ns) for one in moments] == [
            (1, 0, 30 * MS),
            (1, 1, 0),
        ]

    def test_a_long_timeline_gets_wider_bins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(summary, "_BINS", 16)
        network = Network()
        for ident in range(100):
            asked(network, ident=ident)
        path = only(summarised(network.packets))
        assert len(path.timeline) <= 16
        assert sum(one.asked for one in path.timeline.values()) == 100

    def test_servers_and_protocols_are_apart(self) -> None:
        network = Network()
        asked(network)
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(query()))
        network.datagram(("fd00::7", 1), ("fd00::a", 53), query())
        found = summarised(network.packets)
        assert sorted((server.tcp, path.transactions) for server, path in found.paths.items()) == [
            (False, 1),
            (False, 1),
            (True, 1),
        ]
        assert found.transactions == 3


class TestLookups:
    SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "google.internal")

    def test_expansions_of_a_name_are_one_lookup(self) -> None:
        network = Network()
        for lookup in range(3):
            for suffix in (*self.SEARCH, ""):
                name = f"www.example.com.{suffix}".rstrip(".")
                asked(network, name.upper() if lookup else name, ident=lookup, after=MS)
        asked(network, "www.example.com", ident=2, after=MS)  # a retry
        (one,) = summarised(network.packets).amplification("cluster.local")
        assert (one.queries, one.lookups) == (15, 3)
        assert [(base.name, base.expansions) for base in one.worst] == [("www.example.com", 5)]

    def test_tables_keep_what_is_frequent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(summary, "_NAMES", 5)
        network = Network()
        for ident in range(30):
            asked(network, f"rare{ident}", ident=ident)
            asked(network, "frequent", ident=ident)
        found = summarised(network.packets, chunk=400)
        assert found.names().most_common(1) == [("frequent", 30)]
        assert found.clients.total() == 60

    def test_source_ports_that_are_used_again(self) -> None:
        network = Network()
        for port in (1000, 1000, 1001):
            network.datagram((CLIENT[0], port), SERVER, query(ident=port + len(network.packets)))
        assert sorted(summarised(network.packets).sockets.values()) == [1, 2]


class TestConnections:
    @staticmethod
    def asked(acknowledged: int | None) -> lifetimes.Lifetimes:
        """A connection whose client asked, got no octet, and gave up after 5 s; what was acknowledged."""
        network = Network()
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(query()))
        if acknowledged is not None:
            network.send(tcp(SERVER, CLIENT, 8, acknowledged=acknowledged))
        network.now = 1005 * SECOND
        network.send(tcp(CLIENT, SERVER, network.sequences[CLIENT, SERVER], flags=FIN | ACK), 3000)
        return summarised(network.packets).connections

    def test_accepted_into_the_backlog_and_never_served(self) -> None:
        lives = self.asked(acknowledged=8 + len(framed(query())))
        assert (lives.count, lives.accepted, lives.served, lives.unanswered) == (1, 1, 0, 1)
        assert (lives.dropped, lives.uncertain, lives.refused) == (0, 0, 0)
        assert lives.ends == {"client": 1}
        assert (lives.busy_ns, lives.idle_ns) == (5 * SECOND, 2000)
        assert [(slow.phase, slow.wait_ns) for slow in lives.slowest] == [("response", 5 * SECOND)]
        (server,) = lives.servers()
        # The client has closed, but nothing tells that the server's kernel let go of it.
        assert lives.waiting(server).level.tolist() == [1]

    @pytest.mark.parametrize("acknowledged", [None, 8])
    def test_dropped_after_the_syn_ack(self, acknowledged: int | None) -> None:
        lives = self.asked(acknowledged)  # of the SYN alone: a kernel that has no room says that, too
        assert (lives.accepted, lives.served, lives.unanswered, lives.dropped) == (0, 0, 0, 1)
        assert lives.servers() == []

    def test_a_syn_ack_that_comes_again_says_that_there_is_no_room_yet(self) -> None:
        network = Network()
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(query()))
        network.send(tcp(SERVER, CLIENT, 7, flags=SYN | ACK, acknowledged=8), SECOND)
        network.send(tcp(SERVER, CLIENT, 8, acknowledged=99), SECOND)
        lives = summarised(network.packets).connections
        (server,) = lives.servers()
        assert lives.waiting(server).time_ns.tolist() == [network.now]

    def test_data_that_comes_again_says_that_there_was_no_room(self) -> None:
        network = Network()
        network.opened(CLIENT)
        sequence = network.sequences[CLIENT, SERVER]
        network.send(tcp(CLIENT, SERVER, sequence))
        confirmed = network.now
        network.send(tcp(CLIENT, SERVER, sequence, framed(query())))
        network.send(tcp(SERVER, CLIENT, 8, acknowledged=99))
        at_once = summarised(network.packets).connections
        (server,) = at_once.servers()
        assert at_once.waiting(server).time_ns.tolist() == [confirmed]

        network = Network()
        network.opened(CLIENT)
        for wait in (0, SECOND, 20 * SECOND):
            network.send(tcp(CLIENT, SERVER, sequence, framed(query())), wait)
        network.send(tcp(SERVER, CLIENT, 8, acknowledged=99))
        late = summarised(network.packets).connections
        assert late.waiting(server).time_ns.tolist() == [network.now]

    def test_without_anything_sent_it_is_uncertain(self) -> None:
        network = Network()
        network.opened(CLIENT)
        lives = summarised(network.packets).connections
        assert (lives.accepted, lives.dropped, lives.uncertain) == (0, 0, 1)

    def test_served_when_the_client_had_given_up(self) -> None:
        network = Network()
        network.opened(CLIENT)
        network.segments(CLIENT, SERVER, framed(query()))
        network.send(tcp(CLIENT, SERVER, network.sequences[CLIENT, SERVER], flags=FIN | ACK), 2 * SECOND)
        network.now += 20 * SECOND
        network.segments(SERVER, CLIENT, framed(response(query())))
        lives = summarised(network.packets).connections
        assert (lives.unanswered, lives.too_late) == (0, 1)

    def test_a_syn_that_a_full_queue_drops(self) -> None:
        network = Network()
        network.send(tcp(CLIENT, SERVER, 7, flags=SYN))
        network.now += SECOND
        network.opened(CLIENT)
        lives = summarised(network.packets).connections
        assert (lives.syns_again, lives.refused) == (1, 0)
        assert lives.handshake.maximum == SECOND + 2000
        assert lives.slow["SYN-ACK"] == 1

    def test_nobody_listens(self) -> None:
        network = Network()
        network.send(tcp(CLIENT, SERVER, 7, flags=SYN))
        network.send(tcp(SERVER, CLIENT, 0, flags=RST | ACK))
        lives = summarised(network.packets).connections
        assert (lives.refused, lives.ends) == (1, {"server (reset)": 1})
        assert lives.servers() == []

    def test_from_fin_to_the_end_and_the_same_port_again(self) -> None:
        network = Network()
        network.opened(CLIENT)
        network.send(tcp(SERVER, CLIENT, 8, flags=FIN | ACK))
        network.send(tcp(CLIENT, SERVER, 8, flags=FIN | ACK), 3 * SECOND)
        network.now += 2 * SECOND
        network.opened(CLIENT, 99)
        lives = summarised(network.packets).connections
        assert lives.ends == {"server": 1, "nobody": 1}
        assert lives.closing.maximum == 3 * SECOND
        assert lives.reopened.maximum == 2 * SECOND + 1000
        assert lives.slow["close"] == 1

    def test_how_many_the_server_holds(self) -> None:
        network = Network()
        clients = [(CLIENT[0], port) for port in range(4000, 4005)]
        for client in clients:
            network.opened(client)
            network.segments(client, SERVER, framed(query()))
        for client in clients[:3]:
            network.send(tcp(SERVER, client, 8, acknowledged=99))
        network.segments(SERVER, clients[0], framed(response(query())))
        network.send(tcp(SERVER, clients[0], network.sequences[SERVER, clients[0]], flags=FIN | ACK))
        lives = summarised(network.packets).connections
        (server,) = lives.servers()
        assert (lives.open(server).peak, lives.waiting(server).peak) == (3, 3)
        assert lives.open(server).level.tolist() == [1, 2, 3, 2]

    def test_strays_of_earlier_ones_do_not_count(self) -> None:
        network = Network()
        network.send(tcp(SERVER, CLIENT, 8, flags=FIN | ACK))
        assert summarised(network.packets).connections.count == 0

    def test_few_ports_are_remembered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lifetimes, "_PORTS_REMEMBERED", 2)
        network = Network()
        for port in range(10):
            network.opened((CLIENT[0], 4000 + port))
        assert len(summarised(network.packets).connections._ended) == 2


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=12)


@given(SPANS)
def test_concurrency_is_what_counting_gives(spans: list[tuple[int, int]]) -> None:
    begin = np.array([start for start, _ in spans], np.int64)
    end = np.array([start + lasts for start, lasts in spans], np.int64)
    counted = [sum(start <= now <= start + lasts for start, lasts in spans) for now in range(41)]
    found = LevelOverTime.of(begin, end)
    assert found.peak == max(counted)
    assert found.peak_ns == (counted.index(max(counted)) if spans else None)


@given(
    st.lists(st.integers(0, 2**62) | st.integers(0, 5000) | st.integers(1, 61).map(lambda bits: 2**bits - 1))
)
def test_a_histogram_of_a_column_is_that_of_its_values(values: list[int]) -> None:
    assert histogram(np.array(values, np.int64)) == Histogram.of(values)
