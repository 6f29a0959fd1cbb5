"""The ramp against servers that stop answering connections after some."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clusterdns.probing.wire import question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.probing.conftest import Agent

BACKLOG = 4


@contextmanager
def server(limit: int, *, udp: bool) -> Iterator[int]:
    """Answer so many connections, accept no more, as dnsmasq does; yield the port."""
    tcp = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    port: int = tcp.getsockname()[1]
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    served: list[socket.socket] = []

    def serve() -> None:
        for _ in range(limit):
            connection, _ = tcp.accept()
            served.append(connection)
            connection.sendall(connection.recv(512))

    def echo() -> None:
        wire, peer = datagrams.recvfrom(512)
        datagrams.sendto(wire, peer)

    threads = [threading.Thread(target=serve), *([threading.Thread(target=echo)] if udp else [])]
    for thread in threads:
        thread.start()
    try:
        yield port
    finally:
        for thread in threads:
            thread.join()
        for one in (*served, tcp, datagrams):
            one.close()


def ramp(agent: Agent, port: int, most: int) -> dict[str, Any]:
    wire = base64.b64encode(question("kubernetes.default.svc.cluster.local", "A")).decode()
    request = {"address": "127.0.0.1", "port": port, "wire": wire, "most": most, "timeout": 0.5}
    answer, done = agent("ramp", request)
    assert done == {"done": True}
    return answer


def test_it_finds_the_limit_and_the_listen_queue(agent: Agent) -> None:
    with server(3, udp=True) as port:
        # Linux takes one connection more than the backlog.
        assert ramp(agent, port, 12) == {
            "answered": 3,
            "connected": 3 + BACKLOG + 1,
            "tried": 12,
            "udp_answered": True,
        }


def test_without_a_limit_in_reach_all_are_answered(agent: Agent) -> None:
    with server(5, udp=False) as port:
        found = ramp(agent, port, 5)
    assert (found["answered"], found["connected"], found["udp_answered"]) == (5, 5, False)
