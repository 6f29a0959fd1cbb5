"""Sends raw DNS messages over UDP or TCP and reports what comes back, byte for byte.

Request:
    {"messages": [{"wire": "<base64>", "address": "10.96.0.10", "port": 53, "transport": "udp" | "tcp",
                   "connection": "a", "turn": "name", "alike": "a udp AAAA", "timeout": 1.0, "late": 0.3},
                  ...],
     "concurrency": 32, "timeout": 5.0, "give_up": 3}
"connection" is for TCP: messages of the same name to one server go over one connection, in turn, each after
the answer to the one before; without it every message has its own. Of messages with the same "turn" one is
in flight at a time, whatever their servers and transports. "timeout" is in seconds per message, connecting
included, one message's own before that of all; "concurrency" counts sockets; both have these defaults. A
message is late "late" seconds after it was sent (without it: 0.3 over UDP, over TCP never): it is lost, or
its answer. From then on it keeps nobody from their turn, and its socket counts no more (one with several
messages: after as many times as long). With "give_up", a server that leaves so many messages unanswered, less
a quarter of those that it answers meanwhile, is sent no more of them; while so many are late, the others
wait. This is counted for messages that have "alike" in common, or else the transport.

Answers, one per message in the order they ended:
    {"message": index, "failure": null | word, "tried": true, "wire": "<base64>" | null,
     "source": ["10.96.0.10", 53] | null, "strays": 0,
     "start_ns": ..., "sent_ns": ... | null, "received_ns": ... | null}
"failure" is "timeout" (no answer), "connect timeout", "refused", "reset", "closed" (the peer ended the
connection), "unreachable", "given up", or the errno's name. A connection that failed is not made again: the
messages left for it fail alike and are not "tried", as those that are given up. A UDP answer is the first
datagram with the message's id, wherever it comes from: "source" tells; "strays" counts those with another id.
Times are the wall clock's in nanoseconds, as in a capture; connecting lies between "start_ns" and "sent_ns".
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import socket
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from _agent import emit_soon, run

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")

WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.ETIMEDOUT: "connect timeout",
}
# linux/in.h, linux/in6.h: with it an unconnected socket too learns of ICMP errors.
RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
LARGEST = 65535
LATE_SECONDS = 0.3  # what a cluster has not answered within is slow, or lost


class Exchange:
    """One message and what came of it."""

    def __init__(self, index: int, message: dict[str, Any]) -> None:
        self.index = index
        self.address, self.port = message["address"], message["port"]
        self.tcp = message["transport"] == "tcp"
        self.wire = base64.b64decode(message["wire"])
        self.turn: Optional[str] = message.get("turn")
        self.alike: str = message.get("alike") or message["transport"]
        self.timeout: Optional[float] = message.get("timeout")
        self.late: Optional[float] = message.get("late") or (None if self.tcp else LATE_SECONDS)
        self.start_ns = time.time_ns()
        self.sent_ns: Optional[int] = None
        self.received_ns: Optional[int] = None
        self.answer: Optional[bytes] = None
        self.sender: Optional[tuple[Any, ...]] = None
        self.strays = 0
        self.tried = False

    def received(self, answer: bytes, sender: tuple[Any, ...]) -> None:
        """Takes the answer, now."""
        self.received_ns = time.time_ns()
        self.answer, self.sender = answer, sender[:2]

    def report(self, failure: Optional[str]) -> None:
        """Emits what came of it."""
        answer = None if self.answer is None else base64.b64encode(self.answer).decode()
        emit_soon(
            message=self.index,
            failure=failure,
            tried=self.tried,
            wire=answer,
            source=self.sender,
            strays=self.strays,
            start_ns=self.start_ns,
            sent_ns=self.sent_ns,
            received_ns=self.received_ns,
        )


class Channel:
    """A socket to a server, made and connected when it is first used."""

    def __init__(self, first: Exchange) -> None:
        kind = socket.SOCK_STREAM if first.tcp else socket.SOCK_DGRAM
        # Numeric only: the answer must not depend on the resolver under test.
        ((family, _, _, _, peer),) = socket.getaddrinfo(
            first.address, first.port, type=kind, flags=socket.AI_NUMERICHOST
        )
        self.peer: tuple[Any, ...] = peer
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(0)
        if not first.tcp:
            self.socket.setsockopt(*RECVERR[family], 1)
        self._connected = False

    async def tcp(self, exchange: Exchange) -> None:
        """Exchanges a message over TCP (RFC 1035, 4.2.2)."""
        loop = asyncio.get_running_loop()
        if not self._connected:
            await loop.sock_connect(self.socket, self.peer)
            self._connected = True
        exchange.sent_ns = time.time_ns()
        await loop.sock_sendall(self.socket, len(exchange.wire).to_bytes(2, "big") + exchange.wire)
        size = int.from_bytes(await self._read(2), "big")
        exchange.received(await self._read(size), self.peer)

    async def udp(self, exchange: Exchange) -> None:
        """Exchanges a message over UDP."""
        exchange.sent_ns = time.time_ns()
        self.socket.sendto(exchange.wire, self.peer)
        while True:
            await self._readable()
            answer, sender = self.socket.recvfrom(LARGEST)
            if answer[:2] == exchange.wire[:2]:
                exchange.received(answer, sender)
                return
            exchange.strays += 1

    async def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = await asyncio.get_running_loop().sock_recv(self.socket, size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    async def _readable(self) -> None:
        # asyncio has sock_recvfrom from Python 3.11 on only.
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self.socket, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self.socket)


class Patience:
    """Which servers have left how many messages that are alike unanswered, less a quarter of the answers."""

    def __init__(self, limit: Optional[int]) -> None:
        self._limit = limit
        self._unanswered: defaultdict[tuple[str, int, str], float] = defaultdict(float)
        self._late: defaultdict[tuple[str, int, str], int] = defaultdict(int)

    def ended(self, exchange: Exchange) -> bool:
        """Tells whether the message need not be sent."""
        return self._limit is not None and self._unanswered[self._key(exchange)] >= self._limit

    def undecided(self, exchange: Exchange) -> bool:
        """Tells whether it need not be sent if those that are late now are lost."""
        key = self._key(exchange)
        late = self._late[key]
        return self._limit is not None and late > 0 and late + self._unanswered[key] >= self._limit

    @contextlib.contextmanager
    def late(self, exchange: Exchange) -> Iterator[None]:
        """Counts a message as late meanwhile."""
        self._late[self._key(exchange)] += 1
        try:
            yield
        finally:
            self._late[self._key(exchange)] -= 1

    def learn(self, exchange: Exchange, failure: Optional[str]) -> None:
        """Takes in what came of a message that was sent."""
        key = self._key(exchange)
        # A host that is not there makes itself felt by a time-out, too: that of neighbour discovery.
        late = failure in ("timeout", "connect timeout", "unreachable")
        self._unanswered[key] = max(self._unanswered[key] + (1.0 if late else -0.25), 0.0)

    def _key(self, exchange: Exchange) -> tuple[str, int, str]:
        return exchange.address, exchange.port, exchange.alike


def send(request: dict[str, Any]) -> None:
    """Sends the messages, "concurrency" sockets at a time."""
    patience = Patience(request.get("give_up"))
    concurrency, timeout = request.get("concurrency", 32), request.get("timeout", 5.0)
    asyncio.run(send_all(request["messages"], concurrency, timeout, patience))


async def send_all(
    messages: list[dict[str, Any]], concurrency: int, seconds: float, patience: Patience
) -> None:
    """Groups the messages by socket and works on the groups."""
    groups: dict[Any, list[Exchange]] = {}
    for index, message in enumerate(messages):
        exchange = Exchange(index, message)
        held = message.get("connection") if exchange.tcp else None
        key = index if held is None else (held, exchange.address, exchange.port)
        groups.setdefault(key, []).append(exchange)
    free = asyncio.Semaphore(concurrency)
    turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def work(group: list[Exchange]) -> None:
        conversation = None
        while conversation is None:
            async with free:
                if not patience.undecided(group[0]):
                    late = None if group[0].late is None else group[0].late * len(group)
                    conversation = await begun(converse(group, seconds, patience, turns), late)
            if conversation is None:
                await asyncio.sleep(LATE_SECONDS)
        await conversation

    await asyncio.gather(*(work(group) for group in groups.values()))


async def begun(work: Coroutine[Any, Any, T], late: Optional[float]) -> asyncio.Future[T]:
    """Begins work on messages; returns when it has ended, or so many seconds later."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task], timeout=late)
    return task


async def converse(
    group: list[Exchange], seconds: float, patience: Patience, turns: defaultdict[str, asyncio.Lock]
) -> None:
    """Exchanges the messages of one socket, in turn."""
    channel = Channel(group[0])
    failure = None
    with channel.socket:
        for exchange in group:
            async with turns[exchange.turn] if exchange.turn else asyncio.Lock():
                exchange.start_ns = time.time_ns()
                if failure is None and patience.ended(exchange):
                    failure = "given up"
                exchanging = None
                if failure is None:
                    exchanging = await begun(failure_of(channel, exchange, seconds), exchange.late)
            if exchanging is not None:
                with patience.late(exchange) if not exchanging.done() else contextlib.nullcontext():
                    failure = await exchanging
                patience.learn(exchange, failure)
            exchange.report(failure)


async def failure_of(channel: Channel, exchange: Exchange, seconds: float) -> Optional[str]:
    """Exchanges a message and says in a word what it failed with, if it did."""
    exchange.tried = True
    try:
        exchanging = channel.tcp(exchange) if exchange.tcp else channel.udp(exchange)
        await asyncio.wait_for(exchanging, exchange.timeout or seconds)
    except asyncio.TimeoutError:
        return "timeout" if exchange.sent_ns else "connect timeout"
    except EOFError:
        return "closed"
    except OSError as error:
        number = error.errno or 0
        return WORDS.get(number) or errno.errorcode.get(number, str(error))
    return None


if __name__ == "__main__":
    run(send)
