"""The sockets of a load: which queries went over each, and what came back."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Optional, Protocol

if TYPE_CHECKING:
    import collections

BUFFER = 4 << 20  # bytes of answers per socket; the kernel may grant less

# asm-generic/socket.h, linux/sock_diag.h
SO_TIMESTAMPNS = 35
SO_MEMINFO = 55
SK_MEMINFO_DROPS = 8
ANCILLARY = socket.CMSG_SPACE(struct.calcsize("ll"))  # a struct timespec


class Receiver(Protocol):
    """What a channel reports to: a load, as far as a channel knows it."""

    family: int
    peer: Any
    fresh: bool
    epoll: select.epoll
    channels: dict[int, Channel]
    connections: int
    failures: collections.Counter[str]

    def take(self, channel: Channel, answer: bytes, received: int) -> None:
        """Takes an answer down for the query that it belongs to."""

    def fail(self, error: OSError, channel: Optional[Channel]) -> None:
        """Counts what a socket failed with; it is the end of a connection."""


class Channel:
    """A socket, and which queries of the plan went over it: first, first + stride, ..., last."""

    def __init__(self, load: Receiver, kind: socket.SocketKind, first: int) -> None:
        self.load = load
        self.first = self.last = first
        self.socket = socket.socket(load.family, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        load.channels[self.socket.fileno()] = self

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.socket.fileno() < 0

    def send(self, wire: bytearray) -> None:
        """Sends a query."""
        raise NotImplementedError

    def ready(self, events: int) -> None:
        """Does what the socket is ready for."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends it; twice does no harm."""
        self.load.channels.pop(self.socket.fileno(), None)
        self.socket.close()


class Datagrams(Channel):
    """A UDP socket; it blocks rather than drop a query, and goes on whatever it fails with."""

    def __init__(self, load: Receiver, first: int) -> None:
        super().__init__(load, socket.SOCK_DGRAM, first)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.socket.connect(load.peer)
        load.epoll.register(self.socket, select.EPOLLIN)

    def send(self, wire: bytearray) -> None:
        """Sends a query."""
        while True:
            try:
                self.socket.send(wire)
            except ConnectionRefusedError as error:  # an earlier one was: this one has not left yet
                self.load.fail(error, self)
            else:
                return

    def ready(self, events: int) -> None:  # noqa: ARG002 - the interface
        """Takes an answer, as far as it matters: header and question."""
        answer, ancillary, _, _ = self.socket.recvmsg(512, ANCILLARY, socket.MSG_DONTWAIT)
        self.load.take(self, answer, received_ns(ancillary))

    def dropped(self) -> int:
        """Counts the answers for which there was no room."""
        memory = self.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64)
        return int(struct.unpack_from("I", memory, 4 * SK_MEMINFO_DROPS)[0])


class Connection(Channel):
    """A TCP connection (RFC 1035, 4.2.2), with queries in a pipeline (RFC 7766, 6.2.1.1)."""

    def __init__(self, load: Receiver, first: int) -> None:
        super().__init__(load, socket.SOCK_STREAM, first)
        self._out, self._in = bytearray(), bytearray()
        self._owed = 0
        self._events = select.EPOLLIN | select.EPOLLOUT
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        load.connections += 1
        load.epoll.register(self.socket, self._events)
        error = self.socket.connect_ex(load.peer)
        if error not in (0, errno.EINPROGRESS):
            self.close()
            raise OSError(error, os.strerror(error))

    def send(self, wire: bytearray) -> None:
        """Sends a query, or keeps it until the connection is made."""
        self._owed += 1
        self._out += len(wire).to_bytes(2, "big") + wire
        self._flush()

    def ready(self, events: int) -> None:
        """Sends what was kept, takes what has come."""
        if events & select.EPOLLOUT:
            self._flush()
        if events & ~select.EPOLLOUT:
            self._receive()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            del self._out[: self.socket.send(self._out)]
        events = select.EPOLLIN | (select.EPOLLOUT if self._out else 0)
        if events != self._events:
            self._events = events
            self.load.epoll.modify(self.socket, events)

    def _receive(self) -> None:
        piece, ancillary, _, _ = self.socket.recvmsg(1 << 16, ANCILLARY)
        self._in += piece
        while len(self._in) >= (end := 2 + int.from_bytes(self._in[:2], "big")) > 2:  # noqa: PLR2004
            self._owed -= 1
            self.load.take(self, bytes(self._in[2:end]), received_ns(ancillary))
            del self._in[:end]
        if not piece and self._owed:
            self.load.failures["EOF"] += 1
        if not piece or (self.load.fresh and not self._owed):
            self.close()


def received_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Reads when the kernel received a packet; at first it may not know: now."""
    for _, kind, data in ancillary:
        if kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("ll", data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()
