"""Opens idle TCP connections to a DNS server until it no longer answers, and counts what it takes.

Request: {"address": "10.0.0.7", "port": 53, "wire": "<base64>", "most": 84, "timeout": 2.0}
    "wire" is a query that the server answers at once. "most" bounds the connections; "timeout" is in seconds,
    for an answer and for the connections that are tried together.
Answer:
    {"answered": 20, "connected": 53, "tried": 84, "udp_answered": true}
    "answered": connections that were answered, each opened after the answer on the one before and kept open.
    After the first that is not, all that are left are tried together. "connected": how many the server's
    kernel took in all, those that were answered among them. "udp_answered": whether the same query by UDP is
    answered while all are open.
All connections are closed at the end.
"""

from __future__ import annotations

import base64
import select
import socket
import time
from typing import Any

from _agent import emit, run


def ramp(request: dict[str, Any]) -> None:
    """Opens connections as asked; emits the counts."""
    # Numeric only: nothing here depends on a resolver.
    ((family, _, _, _, peer),) = socket.getaddrinfo(
        request["address"], request["port"], type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )
    wire, most, timeout = base64.b64decode(request["wire"]), request["most"], request["timeout"]
    connections: list[socket.socket] = []
    answered = 0
    try:
        while len(connections) < most:
            connections.append(socket.socket(family, socket.SOCK_STREAM))
            if not answers(connections[-1], peer, len(wire).to_bytes(2, "big") + wire, timeout):
                break
            answered += 1
        while len(connections) < most:
            connections.append(socket.socket(family, socket.SOCK_STREAM))
            connections[-1].settimeout(0)
            connections[-1].connect_ex(peer)
        settle(connections, timeout)
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            by_udp = answers(datagrams, peer, wire, timeout)
        emit(answered=answered, connected=sum(map(made, connections)), tried=most, udp_answered=by_udp)
    finally:
        for connection in connections:
            connection.close()


def answers(one: socket.socket, peer: tuple[Any, ...], message: bytes, timeout: float) -> bool:
    """Connects and asks; tells whether anything comes back."""
    one.settimeout(timeout)
    try:
        one.connect(peer)
        one.sendall(message)
        return bool(one.recv(512))
    except OSError:
        return False


def settle(connections: list[socket.socket], timeout: float) -> None:
    """Waits until every connection is made or has failed, or the time is up."""
    deadline = time.monotonic() + timeout
    poll = select.poll()
    for connection in connections:
        if not made(connection):
            poll.register(connection, select.POLLOUT)
    waiting = sum(not made(connection) for connection in connections)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            waiting -= 1


def made(connection: socket.socket) -> bool:
    """Tells whether the peer's kernel has taken a connection."""
    try:
        connection.getpeername()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    run(ramp)
