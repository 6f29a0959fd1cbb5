"""Open-loop load: the agent's `load` as a program of its own against servers on the loopback device."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import dns.message
import dns.rcode
import pytest

from clusterdns.model.load import PodLoad, Protocol
from clusterdns.probing.load import (
    LEAD_NS,
    Bursts,
    Constant,
    Plan,
    Poisson,
    distinct,
    fixed,
    read_result,
)
from clusterdns.probing.pods import AGENT, ProbePod

POD = ProbePod("ns", "p", "n", "192.0.2.1")
SOON: Any = lambda ready: {"start_ns": ready["clock_ns"] + LEAD_NS}  # noqa: E731 - what the caller answers
DEADLINE = 2.0  # long for the machine, whatever else it does
Reply = Callable[[bytes], list[bytes]]
Serve = Callable[[Reply], int]


def answer(wire: bytes, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(wire))
    response.set_rcode(rcode)
    return response.to_wire()


def number(wire: bytes) -> int:
    return int(dns.message.from_wire(wire).question[0].name.labels[0].rpartition(b"-")[2])


def plan(port: int, schedule: Any = None, **more: Any) -> Plan:
    settings = {"templates": [distinct("load.example", "A")], "deadline": DEADLINE, "sockets": 4, **more}
    return Plan(address="127.0.0.1", port=port, schedule=schedule or Constant(200, 0.1), **settings)


@pytest.fixture
def load(agent: Callable[..., list[dict[str, Any]]]) -> Callable[[Plan], PodLoad]:
    def run(plan: Plan) -> PodLoad:
        *answers, last = agent("load", plan.request(), SOON)
        assert last == {"done": True}
        return read_result(answers, plan, POD)

    return run


@pytest.fixture
def udp() -> Iterator[Serve]:
    """Starts a server that sends what a function says for each query."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve(reply: Reply) -> int:
            def work() -> None:
                while True:
                    wire, client = server.recvfrom(512)
                    if not wire:
                        return
                    for message in reply(wire):
                        server.sendto(message, client)

            thread.append(threading.Thread(target=work))
            thread[0].start()
            return int(server.getsockname()[1])

        thread: list[threading.Thread] = []
        yield serve
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", server.getsockname())
        thread[0].join()


@pytest.fixture
def tcp() -> Iterator[Callable[[int], int]]:
    """Starts a server that answers a number of queries on each connection and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def converse(connection: socket.socket, queries: int) -> None:
            with connection, connection.makefile("rb") as reader:
                for _ in range(queries):
                    size = reader.read(2)
                    if not size:
                        return
                    wire = answer(reader.read(int.from_bytes(size, "big")))
                    # In pieces, as the network may cut it.
                    connection.sendall(len(wire).to_bytes(2, "big") + wire[:5])
                    connection.sendall(wire[5:])

        def accept(queries: int) -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=converse, args=(connection, queries), daemon=True).start()

        def serve(queries: int) -> int:
            threading.Thread(target=accept, args=(queries,), daemon=True).start()
            return int(server.getsockname()[1])

        yield serve
        server.shutdown(socket.SHUT_RDWR)


def test_every_query_is_sent_and_answered(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    seen: list[bytes] = []

    def reply(wire: bytes) -> list[bytes]:
        seen.append(wire)
        return [answer(wire, dns.rcode.NXDOMAIN if number(wire) % 4 == 0 else dns.rcode.NOERROR)]

    a, aaaa = distinct("load.example", "A"), distinct("Load.example", "AAAA")
    before = time.time_ns()
    result = load(plan(udp(reply), templates=[a, a, aaaa]))

    assert sorted(number(wire) for wire in seen) == list(range(20))
    assert len({dns.message.from_wire(wire).question[0].name for wire in seen}) == 20
    types = {number(wire): dns.message.from_wire(wire).question[0].rdtype.name for wire in seen}
    assert [types[index] for index in range(6)] == ["A", "A", "AAAA", "A", "A", "AAAA"]

    samples = result.samples
    assert list(samples.intended_ns) == [index * 5_000_000 for index in range(20)]
    assert samples.lost == 0
    assert list(samples.rcodes) == [3 if index % 4 == 0 else 0 for index in range(20)]
    assert min(samples.lag_ns) >= 0
    assert min(samples.elapsed_ns) > 0
    assert before < samples.start_ns < time.time_ns()
    assert (result.late, result.duplicates, result.strays, result.failures) == (0, 0, 0, {})
    assert result.cpu_seconds > 0


def test_fixed_names_keep_their_answers_apart_by_id(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    result = load(plan(udp(lambda wire: [answer(wire)]), templates=[fixed("a.example", "A")], sockets=1))
    assert (result.samples.lost, result.duplicates, result.strays) == (0, 0, 0)


def test_case_does_not_matter(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    def reply(wire: bytes) -> list[bytes]:
        response = answer(wire)
        return [response[:12] + response[12:].upper()]

    assert load(plan(udp(reply))).samples.lost == 0


def test_bursts_are_intended_at_one_time(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    result = load(plan(udp(lambda wire: [answer(wire)]), Bursts(size=30, interval=0.1, seconds=0.3)))
    assert list(result.samples.intended_ns) == [0] * 30 + [100_000_000] * 30 + [200_000_000] * 30
    assert result.samples.lost == 0


def test_poisson_arrivals_are_those_of_their_seed(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    port = udp(lambda wire: [answer(wire)])
    one, same, other = (load(plan(port, Poisson(1000, 0.2, seed))).samples.intended_ns for seed in (1, 1, 2))
    assert one == same != other
    assert all(earlier <= later for earlier, later in pairwise(one))
    assert 130 < len(one) < 270  # 200, within five standard deviations
    assert max(one) < 200_000_000


def test_a_stalled_server_is_sent_to_on_schedule(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    ends: list[int] = []

    def reply(wire: bytes) -> list[bytes]:
        if not ends:
            time.sleep(0.5)
            ends.append(time.time_ns())
        return [answer(wire)]

    samples = load(plan(udp(reply), Constant(50, 0.6))).samples
    stalled = [ends[0] - samples.start_ns - intended for intended in samples.intended_ns]
    assert sum(wait > 0 for wait in stalled) > 10
    assert all(latency > wait for latency, wait in zip(samples.latencies(), stalled, strict=True))
    assert samples.lost == 0


def test_lost_queries_stay_in_the_plan(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    port = udp(lambda wire: [] if number(wire) % 3 == 1 else [answer(wire)])
    samples = load(plan(port, deadline=1.0)).samples
    lost = [index for index, elapsed in enumerate(samples.elapsed_ns) if elapsed < 0]
    assert lost == list(range(1, 20, 3))
    assert {samples.latencies()[index] for index in lost} == {1_000_000_000}


def test_a_late_answer_is_no_answer(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    kept: list[bytes] = []

    def reply(wire: bytes) -> list[bytes]:
        if number(wire) == 0:
            kept.append(wire)
            return []
        return [answer(wire), answer(kept.pop())] if number(wire) == 14 else [answer(wire)]

    # One socket, as each has an answer of its own port only.
    result = load(plan(udp(reply), Constant(10, 1.6), deadline=1.0, sockets=1))
    assert [index for index, elapsed in enumerate(result.samples.elapsed_ns) if elapsed < 0] == [0]
    assert (result.late, result.duplicates, result.strays) == (1, 0, 0)


def test_further_answers_and_strays_are_counted_apart(udp: Serve, load: Callable[[Plan], PodLoad]) -> None:
    def reply(wire: bytes) -> list[bytes]:
        response = answer(wire)
        other_question = response[:13] + b"x" + response[14:]
        other_id = bytes([response[0] ^ 0x80]) + response[1:]
        return [b"?", wire, other_question, other_id, response, response]

    result = load(plan(udp(reply)))
    assert result.samples.lost == 0
    # The last query's further answers come when the run may have ended.
    assert 19 <= result.duplicates <= 20
    assert result.strays == 4 * 20


def test_a_closed_port_is_told(load: Callable[[Plan], PodLoad]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    for protocol in Protocol:
        result = load(plan(port, Constant(100, 0.1), protocol=protocol, deadline=1.0))
        assert result.samples.lost == 10
        assert set(result.failures) == {"ECONNREFUSED"}


def test_tcp_held(tcp: Callable[[int], int], load: Callable[[Plan], PodLoad]) -> None:
    result = load(plan(tcp(1000), Bursts(size=50, interval=0.1, seconds=0.2), protocol=Protocol.TCP_HELD))
    assert (result.samples.lost, result.connections, result.failures) == (0, 4, {})


def test_tcp_fresh(tcp: Callable[[int], int], load: Callable[[Plan], PodLoad]) -> None:
    result = load(plan(tcp(1000), Bursts(size=50, interval=0.1, seconds=0.2), protocol=Protocol.TCP_FRESH))
    assert (result.samples.lost, result.connections, result.failures) == (0, 100, {})


def test_a_held_connection_that_ended_is_made_again(
    tcp: Callable[[int], int], load: Callable[[Plan], PodLoad]
) -> None:
    port = tcp(1)
    result = load(plan(port, Constant(10, 0.5), protocol=Protocol.TCP_HELD, sockets=1, deadline=1.0))
    # The server closes after each answer, between two queries unless the machine is slow.
    assert result.connections > 1
    assert result.samples.lost <= result.failures.get("EOF", 0) + result.failures.get("ECONNRESET", 0)


def test_a_server_that_hangs_up(tcp: Callable[[int], int], load: Callable[[Plan], PodLoad]) -> None:
    result = load(plan(tcp(0), Constant(100, 0.1), protocol=Protocol.TCP_FRESH, deadline=1.0))
    assert result.samples.lost == result.connections == 10
    assert set(result.failures) <= {"EOF", "ECONNRESET", "EPIPE"}
    assert sum(result.failures.values()) == 10


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"schedule": Constant(1e6, 2)}, "a plan of 2000000 queries"),
        ({"schedule": Bursts(60, 0.2, 0)}, "a plan of 0 queries"),
        ({"schedule": Poisson(1e6, 2)}, "a plan of 2000000 queries"),
        ({"address": "dns.example"}, "gaierror"),
    ],
)
def test_what_cannot_be_carried_out(agent: Callable[..., Any], more: dict[str, Any], said: str) -> None:
    request = Plan(**{"address": "127.0.0.1", "schedule": Constant(1, 1), "templates": [], **more}).request()
    (error,) = agent("load", request)
    assert said in error["error"]


def test_a_start_that_has_passed(agent: Callable[..., Any]) -> None:
    _, error = agent("load", plan(9).request(), lambda ready: {"start_ns": ready["clock_ns"] - 1_000_000_000})
    assert "by this node's clock" in error["error"]


@pytest.fixture
def running(udp: Serve) -> Iterator[Callable[[Plan], subprocess.Popen[str]]]:
    """Starts the agent and returns when its first query has come."""
    first = threading.Event()

    def reply(wire: bytes) -> list[bytes]:
        first.set()
        return [answer(wire)]

    port = udp(reply)
    processes: list[subprocess.Popen[str]] = []

    def start(plan: Plan) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, AGENT / "load.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**plan.request(), "port": port}) + "\n")
        process.stdin.flush()
        assert process.stdout is not None
        process.stdin.write(json.dumps(SOON(json.loads(process.stdout.readline()))) + "\n")
        process.stdin.flush()
        assert first.wait(20)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def held_up(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Stops a program for a while; returns its answers."""
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGCONT)
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout]


def test_a_generator_that_was_held_up_says_so(running: Callable[[Plan], subprocess.Popen[str]]) -> None:
    this = plan(0, Constant(100, 1.0))
    process = running(this)
    samples = read_result(held_up(process)[:-1], this, POD).samples
    # Nothing is left out, and those that should have gone meanwhile count with their delay.
    assert len(samples) == 100
    assert max(samples.lag_ns) > 400_000_000
    assert samples.latency().percentile(0.8) > 100_000_000


def test_a_machine_that_cannot_keep_the_plan_is_an_error(
    running: Callable[[Plan], subprocess.Popen[str]],
) -> None:
    process = running(plan(0, Constant(100, 1.0), deadline=0.2))
    assert "behind its plan" in held_up(process)[-1]["error"]


@pytest.mark.parametrize("last_words", ['{"stop": true}\n', ""])
def test_it_ends_when_told_or_when_nobody_is_there(
    running: Callable[[Plan], subprocess.Popen[str]], last_words: str
) -> None:
    process = running(plan(0, Constant(20, 300)))
    lines, _ = process.communicate(last_words, timeout=60)
    assert "stopped" in json.loads(lines.splitlines()[-1])["error"]
