"""Asks servers again and again over UDP, and reports every answer that differs from the one before.

Request:
    {"targets": [{"address": "10.96.0.10", "port": 53, "wires": ["<base64>", ...]}, ...],
     "interval": 0.02, "seconds": 30.0}
Each target is sent one message every "interval" seconds, the next of its "wires" each time and the last
one from then on; until there is another line of input, or "seconds" have passed. It is left out while two
messages of the last second wait for their answers: a server that stalls is not given more to do.

Answers, first {"ready": true, "now_ns": ...} once every target has been asked; then, as they come,
    {"target": index, "sent_ns": ..., "received_ns": ..., "wire": "<base64>"}
for every answer that is not like the last one of its target, id and question aside, and was asked for after
that one had come: what is asked at the same time may be answered in any order. Last, one per target:
    {"target": index, "sent": 50, "received": 50}
Times are the wall clock's in nanoseconds.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import sys
import time
from typing import Any, Optional

from _agent import emit, run

HEADER = 12
LARGEST = 65535
SENT_KEPT = 256  # ids whose times are remembered
MOST_IN_FLIGHT = 2  # messages of one target; behind a cache, each may be a TCP connection to its upstream
LOST_AFTER_NS = 1_000_000_000


class Target:
    """A server, and what it has answered so far."""

    def __init__(self, index: int, target: dict[str, Any]) -> None:
        self.index = index
        self.wires = [base64.b64decode(wire) for wire in target["wires"]]
        ((family, _, _, _, peer),) = socket.getaddrinfo(
            target["address"], target["port"], type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(0)
        self.socket.connect(peer)
        self.sent = self.received = 0
        self.times: dict[bytes, int] = {}
        self.last: Optional[bytes] = None
        self.last_ns = 0

    def ask(self) -> None:
        """Sends the next message, unless enough are on their way."""
        now_ns = time.time_ns()
        if sum(now_ns - sent_ns < LOST_AFTER_NS for sent_ns in self.times.values()) >= MOST_IN_FLIGHT:
            return
        wire = self.wires[min(self.sent, len(self.wires) - 1)]
        ident = os.urandom(2)
        self.times[ident] = now_ns
        if len(self.times) > SENT_KEPT:
            del self.times[next(iter(self.times))]
        self.sent += 1
        try:
            self.socket.send(ident + wire[2:])
        except OSError:  # nobody listens there just now: as good as lost
            return

    def answer(self) -> None:
        """Takes in an answer."""
        try:
            wire = self.socket.recv(LARGEST)
        except OSError:
            return
        sent_ns = self.times.pop(wire[:2], None)
        if sent_ns is None:
            return
        self.received += 1
        end = HEADER
        while end < len(wire) and wire[end]:
            end += wire[end] + 1
        content = wire[2:HEADER] + wire[end:]
        if content != self.last and sent_ns > self.last_ns:
            self.last, self.last_ns = content, time.time_ns()
            encoded = base64.b64encode(wire).decode()
            emit(target=self.index, sent_ns=sent_ns, received_ns=self.last_ns, wire=encoded)


def poll(request: dict[str, Any]) -> None:
    """Asks until it is told to stop."""
    targets = [Target(index, target) for index, target in enumerate(request["targets"])]
    by_socket: dict[Any, Target] = {target.socket: target for target in targets}
    interval = request["interval"]
    due = time.monotonic()
    end = due + request["seconds"]
    ready = False
    while due < end:
        for target in targets:
            target.ask()
        if not ready:
            emit(ready=True, now_ns=time.time_ns())
            ready = True
        due += interval
        while True:
            left = due - time.monotonic()
            readable, _, _ = select.select([sys.stdin, *by_socket], [], [], max(left, 0))
            for one in readable:
                if one is not sys.stdin:
                    by_socket[one].answer()
            if sys.stdin in readable:
                due = end
            if left <= 0 or due == end:
                break
    for target in targets:
        emit(target=target.index, sent=target.sent, received=target.received)
        target.socket.close()


if __name__ == "__main__":
    run(poll)
