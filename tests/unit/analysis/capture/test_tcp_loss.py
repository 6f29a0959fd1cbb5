"""A segment that a capture lacks costs its own message, and is told."""

from random import Random

import pytest

from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.report import Analysed, facts, lines
from clusterdns.analysis.capture.summary import CaptureSummary, ServerFigures
from tests.unit.analysis.capture.network import CLIENTS, Network, framed, query, response, server_of
from tests.unit.analysis.capture.wires import ACK, FIN, Packet, records, tcp

CLIENT = CLIENTS[0]
SERVER = server_of(CLIENT)


def exchanges(count: int, *, closed: bool = True) -> Network:
    """Open a connection (packets 0, 1), ask and answer in turn (2 and 3 the first time), and close it."""
    network = Network()
    network.opened(CLIENT)
    for ident in range(1, count + 1):
        wire = query(f"q{ident}.example", ident)
        network.segments(CLIENT, SERVER, framed(wire))
        network.segments(SERVER, CLIENT, framed(response(wire)))
    if closed:
        for ends in ((CLIENT, SERVER), (SERVER, CLIENT)):
            network.send(tcp(*ends, network.sequences[ends], flags=FIN | ACK))
    return network


def analysed(packets: list[Packet]) -> tuple[Analysed, ServerFigures]:
    decoder = Decoder(records(packets))
    summary = CaptureSummary.of(decoder, worst=5)
    (path,) = summary.paths.values()
    return Analysed(decoder, summary, None), path


def told(found: Analysed) -> str:
    return "\n".join(lines(facts(found, "cluster.local", 5), "capture"))


def test_a_whole_connection() -> None:
    found, path = analysed(exchanges(3).packets)
    assert (path.transactions, path.unanswered, found.decoder.gaps) == (3, 0, (0, 0))
    assert "missing" not in told(found)


@pytest.mark.parametrize("count", [3, 33])
@pytest.mark.parametrize("closed", [True, False])
def test_a_lost_response_leaves_its_query_unanswered_and_no_other(count: int, *, closed: bool) -> None:
    packets = exchanges(count, closed=closed).packets
    del packets[5]
    found, path = analysed(packets)
    assert (path.transactions, path.unanswered, path.fell) == (count, 1, 1)
    assert found.decoder.gaps == (0, 1)
    assert "1 queries without a response fell into gaps and may have had one" in told(found)


@pytest.mark.parametrize("count", [3, 33])
@pytest.mark.parametrize("closed", [True, False])
def test_a_lost_query_is_not_known_and_no_other(count: int, *, closed: bool) -> None:
    packets = exchanges(count, closed=closed).packets
    del packets[4]
    found, path = analysed(packets)
    assert (path.transactions, path.unanswered) == (count - 1, 0)
    assert found.decoder.gaps == (1, 0)
    assert found.decoder.counts["responses to no query that still waits"] == 1


def test_late_queries_keep_their_own_times() -> None:
    """What follows a gap is not as late as the gap."""
    packets = exchanges(40).packets
    del packets[5]
    _, path = analysed(packets)
    assert (path.transactions, path.unanswered, path.fell) == (40, 1, 1)
    assert path.latency.maximum == packets[3][0] - packets[2][0]


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
def test_random_loss_costs_about_what_was_lost(share: float) -> None:
    packets = exchanges(2000).packets
    random = Random(18)  # noqa: S311 - a seed that makes the test repeatable
    lost = {index for index in range(2, len(packets) - 2) if random.random() < share}
    queries = sum(index % 2 == 0 for index in lost)
    responses = sum(index % 2 == 1 and index - 1 not in lost for index in lost)
    found, path = analysed([packet for index, packet in enumerate(packets) if index not in lost])
    assert (path.transactions, path.unanswered) == (2000 - queries, responses)
    assert sum(found.decoder.gaps) <= len(lost)
