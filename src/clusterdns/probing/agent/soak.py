"""Asks servers at an even pace and calls getaddrinfo, for hours: what pods of a node go through meanwhile.

It is a pod's own program: its request is the first argument, its answers go to the pod's log, so that nothing
is lost while the API server is away. It ends with the pod.

Request:
    {"paths": [{"address": "10.96.0.10", "port": 53,
                "messages": [{"wire": "<base64>", "number_at": 17 | null}, ...]}, ...],
     "rate": 50, "timeout": 5.0, "names": ["kubernetes.default", ...], "pause": 0.2}
"rate" is in queries per second and path, a whole number; messages are used in turn, numbered as by load.py.
Each query has a source port of its own, as each lookup has. "timeout" is every query's deadline. "names" are
looked up one after the other, with "pause" seconds between two calls.

Answers:
    {"started": "<random>", "libc": {"name": "glibc", "version": "2.36"}}
    {"now": 61.3, "path": 0, "second": 55, "took": "..."}       a path's seconds in order, none left out
    {"now": 61.3, "calls": [[at, seconds, index of the name, null | "EAI_AGAIN"], ...]}
All times are in seconds since the start by the clock that cannot be set; "now" is when the line was written.
"took" has two characters for each of the second's queries: how long the answer took (`encoded`), "!!" where
none came in time, "#" and the rcode in hexadecimal where it was an error, "--" where this process was late by
more than LATE and did not ask.
"""

from __future__ import annotations

import collections
import json
import math
import os
import queue
import select
import signal
import socket
import sys
import threading
import time
from typing import Any

from _agent import emit, libc
from _channels import ANCILLARY, SO_TIMESTAMPNS, received_ns
from _plan import Message

LATE = 0.1  # seconds: what is due for longer is not asked at all
STEPS = 184  # per power of two: 12 bits reach from 1 us to 5 s, each step 0.4 %
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NONE, UNASKED = "!!", "--"
KNEW = (0, 3)  # NOERROR, NXDOMAIN: the server gave an answer
ERRORS = {number: name for name, number in vars(socket).items() if name.startswith("EAI_")}


def encoded(seconds: float) -> str:
    """Writes a time in two digits of base 64: its logarithm, exact to 0.2 %."""
    step = min(max(round(STEPS * math.log2(max(seconds * 1e6, 1.0))), 0), 4095)
    return DIGITS[step >> 6] + DIGITS[step & 63]


class Query:
    """A query on its way, over a socket of its own."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number
        self.message = path.messages[number % len(path.messages)]
        self.socket = socket.socket(path.family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.settimeout(0)
        self.ident = int.from_bytes(os.urandom(2), "big")
        self.sent, self.sent_ns = time.monotonic(), time.time_ns()

    def send(self) -> None:
        """Sends it."""
        self.socket.connect(self.path.peer)
        wire = self.message.numbered(self.ident, self.number)
        self.sent, self.sent_ns = time.monotonic(), time.time_ns()
        self.socket.send(wire)

    def outcome(self) -> str:
        """Takes what has come: an outcome, or "" where it is no answer to this query."""
        answer, ancillary, _, _ = self.socket.recvmsg(512, ANCILLARY)
        took = time.monotonic() - self.sent
        wire_time = (received_ns(ancillary) - self.sent_ns) / 1e9
        if answer[:2] != self.ident.to_bytes(2, "big") or not self.message.answered_by(answer, self.number):
            return ""
        if answer[3] & 0x0F not in KNEW:
            return f"#{answer[3] & 0x0F:X}"
        # The kernel saw it first, unless the clock that it goes by was set meanwhile.
        return encoded(wire_time if 0 <= wire_time <= took else took)


class Path:
    """A server, and what became of the queries to it, second by second."""

    def __init__(self, index: int, path: dict[str, Any], rate: int) -> None:
        # Numeric only: what is asked must not depend on the resolver under test.
        ((family, _, _, _, peer),) = socket.getaddrinfo(
            path["address"], path["port"], type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
        self.family: int = family
        self.peer: Any = peer
        self.index = index
        self.rate = rate
        self.messages = [Message(message) for message in path["messages"]]
        self.seconds: dict[int, list[str]] = {}
        self.told = 0  # seconds

    def settle(self, number: int, outcome: str) -> None:
        """Takes an outcome down."""
        second, slot = divmod(number, self.rate)
        self.seconds.setdefault(second, [""] * self.rate)[slot] = outcome

    def tell(self, now: float) -> None:
        """Emits the seconds that are complete."""
        while all(self.seconds.get(self.told, [""])):
            took = "".join(self.seconds.pop(self.told))
            emit(now=round(now, 3), path=self.index, second=self.told, took=took)
            self.told += 1


class Soak:
    """All queries of all paths, at an even pace."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.timeout: float = request["timeout"]
        self.paths = [Path(index, path, request["rate"]) for index, path in enumerate(request["paths"])]
        self.pace = 1 / (request["rate"] * len(self.paths))
        self.epoll = select.epoll()
        self.flying: collections.OrderedDict[int, Query] = collections.OrderedDict()  # by deadline
        self.calls: queue.SimpleQueue[tuple[float, float, int, str | None]] = queue.SimpleQueue()
        self.start = self.tell_calls = time.monotonic()

    def run(self) -> None:
        """Asks until the process ends."""
        turn = 0
        while True:
            now = time.monotonic()
            while self.start + turn * self.pace <= now:
                self._ask(turn, now)
                turn += 1
            self._expire(now)
            self._tell(now)
            self._receive(self.start + turn * self.pace - now)

    def look_up(self, names: list[str], pause: float) -> None:
        """Calls getaddrinfo until the process ends."""
        turn = 0
        while True:
            began, failure = time.monotonic(), None
            try:
                socket.getaddrinfo(names[turn % len(names)], None, socket.AF_INET, socket.SOCK_STREAM)
            except socket.gaierror as error:
                failure = ERRORS.get(error.errno or 0, str(error))
            took = time.monotonic() - began
            self.calls.put((round(began - self.start, 3), round(took, 4), turn % len(names), failure))
            turn += 1
            time.sleep(pause)

    def _ask(self, turn: int, now: float) -> None:
        number, which = divmod(turn, len(self.paths))
        path = self.paths[which]
        if now - self.start - turn * self.pace > LATE:
            path.settle(number, UNASKED)
            return
        query = Query(path, number)
        self.flying[query.socket.fileno()] = query
        self.epoll.register(query.socket, select.EPOLLIN)
        try:
            query.send()
        except OSError:  # no route, for example: it cannot be answered
            self._land(query, NONE)

    def _expire(self, now: float) -> None:
        while self.flying:
            first = next(iter(self.flying.values()))
            if first.sent + self.timeout > now:
                return
            self._land(first, NONE)

    def _receive(self, wait: float) -> None:
        for number, _ in self.epoll.poll(max(wait, 0)):
            query = self.flying.get(number)
            if query is None:
                continue
            try:
                outcome = query.outcome()
            except BlockingIOError:
                continue
            except OSError:  # refused
                outcome = NONE
            if outcome:
                self._land(query, outcome)

    def _land(self, query: Query, outcome: str) -> None:
        del self.flying[query.socket.fileno()]
        query.socket.close()
        query.path.settle(query.number, outcome)

    def _tell(self, now: float) -> None:
        for path in self.paths:
            path.tell(now - self.start)
        if now < self.tell_calls:
            return
        self.tell_calls = now + 1
        calls = []
        while not self.calls.empty():
            calls.append(self.calls.get())
        if calls:
            emit(now=round(now - self.start, 3), calls=calls)


def main() -> None:
    """Runs until the pod ends."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a pod has no default for it
    try:
        request = json.loads(sys.argv[1])
        emit(started=os.urandom(8).hex(), libc=libc())
        soak = Soak(request)
        arguments = (request["names"], request["pause"])
        threading.Thread(target=soak.look_up, args=arguments, daemon=True).start()
        soak.run()
    # Whatever goes wrong has to reach the reader of the log as a line of the protocol.
    except Exception as error:  # noqa: BLE001
        emit(error=f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
