"""A server on 127.0.0.1 that does to each connection what a test tells it to."""

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Behaviour = Callable[[socket.socket, bytes], None]
"""What is done to a connection, given the request that came over it."""


def answer(
    status: int = 200, body: Any = None, headers: tuple[str, ...] = (), *, raw: bytes | None = None
) -> bytes:
    """Return an HTTP answer that ends its connection."""
    payload = json.dumps(body).encode() if raw is None else raw
    lines = [f"HTTP/1.1 {status} x", "connection: close", f"content-length: {len(payload)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


def gives(*arguments: Any, **more: Any) -> Behaviour:
    """Return a behaviour that gives an answer."""
    return lambda connection, _request: connection.sendall(answer(*arguments, **more))


def resets(connection: socket.socket, _request: bytes) -> None:
    """Reset the connection in place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(_connection: socket.socket, _request: bytes) -> None:
    """Close the connection without an answer."""


def drips(beginning: bytes, endless: bytes = b" ") -> Behaviour:
    """Return a behaviour that says a beginning octet by octet, and goes on for ever."""

    def drip(connection: socket.socket, _request: bytes) -> None:
        for octet in itertools.chain(beginning, itertools.cycle(endless)):
            connection.sendall(bytes([octet]))
            time.sleep(0.02)

    return drip


def floods(headers: bytes, piece: bytes) -> Behaviour:
    """Return a behaviour that sends a piece again and again, as fast as it can."""

    def flood(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(headers)
        while True:
            connection.sendall(piece)

    return flood


class Hostile:
    """Behaviours, one for each connection in turn; the last one for all that follow."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.behaviours: list[Behaviour] = []
        self.requests: list[str] = []  # first lines

    def next(self) -> Behaviour:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


@contextlib.contextmanager
def serving() -> Iterator[Hostile]:
    """Run a server until the block ends, and every connection with it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        hostile = Hostile(listening.getsockname()[1])
        listening.settimeout(0.02)
        ended = threading.Event()
        connections: list[tuple[socket.socket, threading.Thread]] = []

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                head, _, body = _receive(connection, b"", b"\r\n\r\n").partition(b"\r\n\r\n")
                hostile.requests.append(head.split(b"\r\n")[0].decode())
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:")
                    ),
                    0,
                )
                while len(body) < length:
                    body += connection.recv(1 << 16)
                hostile.next()(connection, body)

        def accept() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    connection.settimeout(5)
                    thread = threading.Thread(target=serve, args=(connection,))
                    connections.append((connection, thread))
                    thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield hostile
        finally:
            ended.set()
            accepting.join()
            for connection, thread in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                thread.join()


def _receive(connection: socket.socket, received: bytes, end: bytes) -> bytes:
    while end not in received:
        piece = connection.recv(1 << 16)
        if not piece:
            break
        received += piece
    return received
