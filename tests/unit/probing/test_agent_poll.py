"""The agent's `poll` as a program of its own, against a server on the loopback device."""

import base64
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from clusterdns.probing.wire import question

Agent = Callable[..., list[dict[str, Any]]]


def test_answers_are_told_when_they_change(agent: Agent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            for number in range(8):
                query, client = server.recvfrom(512)
                server.sendto(b"\0\0" + query[2:], client)  # somebody else's
                rcode = 3 if number < 4 else 0
                server.sendto(query[:3] + bytes([rcode]) + query[4:], client)

        threading.Thread(target=answer, daemon=True).start()
        wires = [base64.b64encode(question(f"n{n}.example", "A")).decode() for n in range(3)]
        target = {"address": "127.0.0.1", "port": server.getsockname()[1], "wires": wires}
        before = time.time_ns()
        answers = agent("poll", {"targets": [target], "interval": 0.02, "seconds": 0.3})
    ready, *told, counted, done = answers
    assert done == {"done": True}
    assert ready["ready"]
    assert before <= ready["now_ns"] <= time.time_ns()
    rcodes = [base64.b64decode(one["wire"])[3] & 15 for one in told]
    assert rcodes == [3, 0]
    assert all(before <= one["sent_ns"] <= one["received_ns"] for one in told)
    assert counted["received"] == 8
    assert counted["sent"] >= 8


def test_an_answer_that_another_overtook_is_no_change(agent: Agent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            late, client = server.recvfrom(512)
            for _ in range(4):
                query, client = server.recvfrom(512)
                server.sendto(query[:3] + b"\0" + query[4:], client)
                if late:
                    server.sendto(late[:3] + b"\3" + late[4:], client)
                late = b""

        threading.Thread(target=answer, daemon=True).start()
        wire = base64.b64encode(question("a.example", "A")).decode()
        target = {"address": "127.0.0.1", "port": server.getsockname()[1], "wires": [wire]}
        answers = agent("poll", {"targets": [target], "interval": 0.02, "seconds": 0.3})
    _, *told, counted, _ = answers
    assert [base64.b64decode(one["wire"])[3] & 15 for one in told] == [0]
    assert counted["received"] == 5


def test_nobody_there_is_no_failure(agent: Agent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    wire = base64.b64encode(question("a.example", "A")).decode()
    target = {"address": "127.0.0.1", "port": port, "wires": [wire]}
    _, counted, _ = agent("poll", {"targets": [target], "interval": 0.02, "seconds": 0.1})
    assert counted["received"] == 0
    assert counted["sent"] >= 1


def test_a_server_that_stalls_is_not_given_more_to_do(agent: Agent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        wire = base64.b64encode(question("a.example", "A")).decode()
        target = {"address": "127.0.0.1", "port": server.getsockname()[1], "wires": [wire]}
        _, counted, _ = agent("poll", {"targets": [target], "interval": 0.01, "seconds": 0.3})
        assert counted["sent"] == 2
