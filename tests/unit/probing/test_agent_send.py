"""The agent's `send` as a program of its own, against servers on the loopback device."""

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

QUERY = b"\x12\x34 a question"
Answers = list[dict[str, Any]]
Send = Callable[..., Answers]


def message(port: int, transport: str = "udp", wire: bytes = QUERY, **more: object) -> dict[str, Any]:
    encoded = base64.b64encode(wire).decode()
    return {"wire": encoded, "address": "127.0.0.1", "port": port, "transport": transport, **more}


@pytest.fixture
def send(agent: Send) -> Send:
    def run(*messages: dict[str, Any], **request: Any) -> Answers:
        *answers, last = agent("send", {"messages": messages, "timeout": 0.5, **request})
        assert last == {"done": True}
        return sorted(answers, key=lambda answer: answer["message"])

    return run


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield server


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        yield server


def serve(target: Callable[[], None]) -> None:
    threading.Thread(target=target, daemon=True).start()


def test_udp_answers_are_the_first_with_the_id(udp: socket.socket, send: Send) -> None:
    def answer() -> None:
        wire, client = udp.recvfrom(512)
        udp.sendto(b"\0\0 someone else's", client)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.sendto(wire + b"!", client)

    serve(answer)
    before = time.time_ns()
    (answered,) = send(message(udp.getsockname()[1]))

    assert answered["failure"] is None
    assert base64.b64decode(answered["wire"]) == QUERY + b"!"
    assert answered["source"][0] == "127.0.0.1"
    assert answered["source"][1] != udp.getsockname()[1]
    assert answered["strays"] == 1
    assert before <= answered["start_ns"] <= answered["sent_ns"] <= answered["received_ns"] <= time.time_ns()


def test_udp_over_ipv6(send: Send) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.bind(("::1", 0))

        def answer() -> None:
            wire, client = server.recvfrom(512)
            server.sendto(wire, client)

        serve(answer)
        port = server.getsockname()[1]
        (answered,) = send(message(port) | {"address": "::1"})
    assert (answered["failure"], answered["source"]) == (None, ["::1", port])


def test_udp_failures(udp: socket.socket, send: Send) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nobody = gone.getsockname()[1]
    silent, refused = send(message(udp.getsockname()[1]), message(nobody))

    assert (silent["failure"], silent["wire"], silent["received_ns"]) == ("timeout", None, None)
    assert silent["sent_ns"] is not None
    assert refused["failure"] == "refused"


def answer_over_tcp(server: socket.socket, connections: int, queries: int, log: list[int]) -> None:
    """Serves a number of queries on each of a number of connections, then ends the connection."""
    for _ in range(connections):
        connection, (_, port) = server.accept()
        with connection:
            for _ in range(queries):
                size = int.from_bytes(connection.recv(2), "big")
                wire = connection.recv(size)
                log.append(port)
                # In pieces, as the network may cut it.
                connection.sendall(size.to_bytes(2, "big"))
                time.sleep(0.01)
                connection.sendall(wire[:3])
                time.sleep(0.01)
                connection.sendall(wire[3:])


def test_tcp_one_connection_each(tcp: socket.socket, send: Send) -> None:
    ports: list[int] = []
    serve(lambda: answer_over_tcp(tcp, 3, 1, ports))
    answers = send(*[message(tcp.getsockname()[1], "tcp")] * 3, concurrency=1)

    assert [base64.b64decode(answer["wire"]) for answer in answers] == [QUERY] * 3
    assert len(set(ports)) == 3


def test_tcp_one_connection_held(tcp: socket.socket, send: Send) -> None:
    ports: list[int] = []
    serve(lambda: answer_over_tcp(tcp, 1, 3, ports))
    wires = [bytes([0, index]) + b"query" for index in range(3)]
    answers = send(*[message(tcp.getsockname()[1], "tcp", wire, connection="a") for wire in wires])

    assert [base64.b64decode(answer["wire"]) for answer in answers] == wires
    assert len(set(ports)) == 1
    assert all(one["received_ns"] <= next_one["sent_ns"] for one, next_one in pairwise(answers))


def test_a_held_connection_that_is_closed_stays_closed(tcp: socket.socket, send: Send) -> None:
    serve(lambda: answer_over_tcp(tcp, 1, 1, []))
    answers = send(*[message(tcp.getsockname()[1], "tcp", connection="a")] * 3)

    assert [answer["failure"] for answer in answers] == [None, "closed", "closed"]
    assert answers[1]["sent_ns"] is not None
    assert answers[2]["sent_ns"] is None


def test_tcp_failures(tcp: socket.socket, send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nobody = gone.getsockname()[1]
    port = tcp.getsockname()[1]
    silent, refused = send(message(port, "tcp"), message(nobody, "tcp"))
    assert (silent["failure"], refused["failure"]) == ("timeout", "refused")
    assert silent["sent_ns"] is not None


def test_a_full_backlog_is_a_connect_timeout(tcp: socket.socket, send: Send) -> None:
    port = tcp.getsockname()[1]
    answers = send(*[message(port, "tcp")] * 6)
    failures = [answer["failure"] for answer in answers]
    # Nobody accepts: the kernel completes the connections that fit into the backlog, and no more.
    assert set(failures) == {"timeout", "connect timeout"}
    assert all((answer["sent_ns"] is None) == (answer["failure"] == "connect timeout") for answer in answers)


def test_concurrency_is_bounded(udp: socket.socket, send: Send) -> None:
    started = time.monotonic()
    answers = send(*[message(udp.getsockname()[1])] * 6, concurrency=2, timeout=0.2)
    assert time.monotonic() - started >= 3 * 0.2
    assert [answer["failure"] for answer in answers] == ["timeout"] * 6


def test_messages_of_a_turn_are_in_flight_one_at_a_time(udp: socket.socket, send: Send) -> None:
    messages = [message(udp.getsockname()[1], turn=turn) for turn in ("a", "a", "b", "a")]
    answered = send(*messages, timeout=0.1)  # nobody answers
    first, second, other, third = [one["start_ns"] for one in answered]
    assert all(later - earlier >= 90_000_000 for earlier, later in pairwise([first, second, third]))
    assert other < second


def test_a_name_for_an_address_is_the_agent_s_failure(agent: Send) -> None:
    (error,) = agent("send", {"messages": [message(53) | {"address": "dns.example"}]})
    assert error["error"].startswith("gaierror")


def test_a_server_that_leaves_messages_unanswered_is_given_up(udp: socket.socket, send: Send) -> None:
    answers = send(*[message(udp.getsockname()[1])] * 5, concurrency=1, timeout=0.1, give_up=2)
    assert [answer["failure"] for answer in answers] == ["timeout"] * 2 + ["given up"] * 3
    assert answers[-1]["sent_ns"] is None


def test_what_is_not_alike_is_not_given_up_with_it(udp: socket.socket, send: Send) -> None:
    port = udp.getsockname()[1]
    messages = [message(port, alike=alike) for alike in ("AAAA", "AAAA", "A", "AAAA")]
    answers = send(*messages, concurrency=1, timeout=0.1, give_up=2)
    assert [answer["failure"] for answer in answers] == ["timeout", "timeout", "timeout", "given up"]
    assert [answer["tried"] for answer in answers] == [True, True, True, False]


def test_a_server_that_answers_most_is_not_given_up(udp: socket.socket, send: Send) -> None:
    lost = {0, 4, 8, 12}

    def answer() -> None:
        for _ in range(14):
            wire, client = udp.recvfrom(512)
            if wire[0] not in lost:
                udp.sendto(wire, client)

    serve(answer)
    messages = [message(udp.getsockname()[1], wire=bytes([number, 0]) + b"query") for number in range(14)]
    answers = send(*messages, concurrency=1, timeout=0.1, give_up=2)
    assert {answer["message"] for answer in answers if answer["failure"] == "timeout"} == lost
    assert all(answer["tried"] for answer in answers)


def test_a_late_message_keeps_nobody_waiting(udp: socket.socket, send: Send) -> None:
    answers = send(*[message(udp.getsockname()[1], turn="a")] * 3, concurrency=1, timeout=1.5)
    starts = sorted(answer["start_ns"] for answer in answers)
    assert starts[-1] - starts[0] < 1_400_000_000


@pytest.mark.parametrize(("late", "side_by_side"), [(0.05, True), (None, False)])
def test_over_tcp_a_message_keeps_others_waiting_unless_it_says_when_it_is_late(
    late: float | None, tcp: socket.socket, send: Send, *, side_by_side: bool
) -> None:
    port = tcp.getsockname()[1]  # nobody accepts
    answers = send(*[message(port, "tcp", late=late)] * 2, concurrency=1, timeout=1.5)
    first, second = sorted(answer["start_ns"] for answer in answers)
    assert (second - first < 1_400_000_000) == side_by_side


def test_a_server_that_answers_every_second_message_is_given_up_soon(udp: socket.socket, send: Send) -> None:
    def answer() -> None:
        for number in range(60):
            wire, client = udp.recvfrom(512)
            if number % 2:
                udp.sendto(wire, client)

    serve(answer)
    messages = [message(udp.getsockname()[1], wire=bytes([number, 0]) + b"query") for number in range(60)]
    answers = send(*messages, concurrency=4, timeout=0.6, give_up=3)
    assert sum(answer["failure"] == "timeout" for answer in answers) < 12
    assert answers[-1]["failure"] == "given up"
