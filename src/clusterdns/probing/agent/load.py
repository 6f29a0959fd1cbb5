"""Sends DNS queries at times fixed in advance, whatever becomes of the answers: open-loop load.

Request:
    {"address": "10.96.0.10", "port": 53, "protocol": "udp" | "tcp-held" | "tcp-fresh",
     "schedule": {"pattern": "constant", "rate": 1500, "seconds": 10}
               | {"pattern": "poisson", "rate": 1500, "seconds": 10, "seed": 1}
               | {"pattern": "bursts", "size": 60, "interval": 0.2, "seconds": 6},
     "messages": [{"wire": "<base64>", "number_at": 17 | null}, ...],
     "sockets": 16, "timeout": 5.0}
and, after "ready":
    {"start_ns": ...}
"rate" is in queries per second; "interval" is from one burst to the next. Messages are used in turn: one that
is listed twice is sent twice as often. "number_at" is the offset of eight digits that become the query's
number, so that no name is asked for twice. "sockets" counts UDP sockets or held connections: queries go over
them in turn, and do not wait for each other; "tcp-fresh" makes a connection for every query. "timeout" is
every query's deadline, from its intended time on. "start_ns" is the wall clock's, so that several pods start
together.

Answers:
    {"ready": true, "clock_ns": ...}    the wall clock's; held connections are being made
    {"sent": 7500}, ...             now and then while it runs
    {"samples": "<base64>"}, ...    zlib, little-endian; of the next queries of the plan the columns: int64
                                    intended ns since the start, int64 lag in ns (from there until it was
                                    sent), int64 ns from sent to received (-1: lost), uint8 rcode
    {"start_ns": ..., "late": 0, "duplicates": 0, "strays": 0, "dropped": 0, "failures": {"ECONNREFUSED": 1},
     "connections": 16, "cpu_seconds": 1.2}
A query without an answer by its deadline is lost; none is left out. "late": answers after the deadline, as
far as they were waited for; "duplicates": further answers; "strays": what answers nothing sent on its socket;
"dropped": answers that this pod had no room for; "failures": of sockets, by errno, "EOF" where a server ended
a connection that owed answers. What was asked on a connection that failed is lost; the next query makes a new
one.

Latency counts from the intended time (no coordinated omission); the lag tells whether the plan was kept. What
cannot be kept at all is an error: more than MAXIMUM queries, a lag beyond the deadline, no descriptor or
source port left, a clock that was set. A run ends at once when the caller says {"stop": true} or has gone.
"""

from __future__ import annotations

import array
import base64
import collections
import ctypes
import errno
import gc
import json
import os
import platform
import select
import socket
import struct
import sys
import time
import zlib
from typing import Any, Optional

from _agent import emit, run
from _channels import Channel, Connection, Datagrams
from _plan import Message, offsets_of

CHUNK = 8192  # queries per line of samples
SENDS = 256  # in a row when due: a burst leaves in one piece
READS = 16  # in a row before the next query may be due
SPIN_NS = 50_000  # before a query is due: waking up takes as long
ALIVE_NS = 5_000_000_000
CLOCK_STEP_NS = 1_000_000
CLOCK_TRIES = 20

PR_SET_TIMERSLACK = 29  # linux/prctl.h
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # asm/unistd.h
SLICE_NS = 100_000
OURS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL}  # what this pod lacks, not the server


class Load:
    """A run: its plan, and what came of it."""

    def __init__(self, request: dict[str, Any]) -> None:
        # Numeric only: the load must not depend on the resolver under test.
        ((family, _, _, _, peer),) = socket.getaddrinfo(
            request["address"], request["port"], type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        self.family: int = family
        self.peer = peer
        self.fresh = request["protocol"] == "tcp-fresh"
        self.stride = 1 if self.fresh else request["sockets"]
        self.timeout_ns = int(request["timeout"] * 1e9)
        self.messages = [Message(message) for message in request["messages"]]
        self.offsets = offsets_of(request["schedule"])
        self.lag = array.array("q", [0]) * len(self.offsets)
        self.elapsed = array.array("q", [-1]) * len(self.offsets)
        self.rcodes = bytearray(len(self.offsets))
        self.late = self.duplicates = self.strays = self.connections = 0
        self.failures: collections.Counter[str] = collections.Counter()
        self.epoll = select.epoll()
        self.epoll.register(sys.stdin, select.EPOLLIN)
        self.channels: dict[int, Channel] = {}
        self._fresh: collections.deque[Channel] = collections.deque()  # by deadline
        self._last = len(self.offsets) - 1  # the last query that may still be answered
        self.start = 0
        kind = Datagrams if request["protocol"] == "udp" else Connection
        self._slots = [] if self.fresh else [kind(self, slot) for slot in range(self.stride)]

    def begin(self) -> None:
        """Learns from the caller when to start."""
        emit(ready=True, clock_ns=time.time_ns())
        self.start = json.loads(sys.stdin.readline())["start_ns"]
        past = time.time_ns() - self.start
        if past > 0:
            raise ValueError(f"the start was {past / 1e9:.3f} s ago by this node's clock")

    def drive(self) -> None:
        """Sends every query at its time or, when behind, as soon as possible; takes answers meanwhile."""
        sent, alive, count = 0, time.time_ns() + ALIVE_NS, len(self.offsets)
        while True:
            for _ in range(SENDS):
                if sent == count or time.time_ns() < self.start + self.offsets[sent]:
                    break
                self._send(sent)
                sent += 1
            now = time.time_ns()
            while self._fresh and (self._fresh[0].closed or self._deadline(self._fresh[0].first) <= now):
                self._fresh.popleft().close()
            if now >= alive:
                emit(sent=sent)
                alive = now + ALIVE_NS
            until = self.start + self.offsets[sent] if sent < count else self._end()
            if sent == count and until <= now:
                return
            self._receive(min(until, alive) - now)

    def take(self, channel: Channel, answer: bytes, received: int) -> None:
        """Takes an answer down for the query that it belongs to."""
        back = (self._ident(channel.last) - int.from_bytes(answer[:2], "big")) & 0xFFFF
        query = channel.last - back * self.stride
        if query < channel.first or not self._message(query).answered_by(answer, query):
            self.strays += 1
        elif self.elapsed[query] >= 0:
            self.duplicates += 1
        elif received > self._deadline(query):
            self.late += 1
        else:
            self.elapsed[query] = received - self.start - self.offsets[query] - self.lag[query]
            self.rcodes[query] = answer[3] & 0x0F

    def fail(self, error: OSError, channel: Optional[Channel]) -> None:
        """Counts what a socket failed with; it is the end of a connection."""
        if error.errno in OURS:
            raise error
        if isinstance(channel, Connection):
            channel.close()
        self.failures[errno.errorcode.get(error.errno or 0, str(error))] += 1

    def report(self) -> None:
        """Emits the samples and the counts."""
        columns = self.offsets, self.lag, self.elapsed
        for column in columns:
            if sys.byteorder == "big":
                column.byteswap()
        for at in range(0, len(self.offsets), CHUNK):
            chunk = slice(at, at + CHUNK)
            data = b"".join(column[chunk].tobytes() for column in columns) + self.rcodes[chunk]
            emit(samples=base64.b64encode(zlib.compress(data)).decode())
        emit(
            start_ns=self.start,
            late=self.late,
            duplicates=self.duplicates,
            strays=self.strays,
            dropped=sum(slot.dropped() for slot in self._slots if isinstance(slot, Datagrams)),
            failures=self.failures,
            connections=self.connections,
            cpu_seconds=time.process_time(),
        )

    def _send(self, query: int) -> None:
        self.lag[query] = lag = time.time_ns() - self.start - self.offsets[query]
        if lag > self.timeout_ns:
            raise RuntimeError(f"{lag / 1e9:.1f} s behind its plan: this machine cannot keep it")
        channel: Optional[Channel] = None
        try:
            channel = self._channel(query)
            channel.last = query
            channel.send(self._message(query).numbered(self._ident(query), query))
        except OSError as error:
            self.fail(error, channel)

    def _channel(self, query: int) -> Channel:
        if self.fresh:
            self._fresh.append(Connection(self, query))
            return self._fresh[-1]
        slot = query % self.stride
        if self._slots[slot].closed:
            self._slots[slot] = Connection(self, query)
        return self._slots[slot]

    def _receive(self, wait_ns: int) -> None:
        # select counts in microseconds, epoll in milliseconds.
        sleep_ns = wait_ns - SPIN_NS
        if sleep_ns > 0 and not select.select([self.epoll], [], [], sleep_ns / 1e9)[0]:
            return
        for number, events in self.epoll.poll(0, READS):
            if number == sys.stdin.fileno():
                raise InterruptedError("the caller has stopped it")
            channel = self.channels[number]
            try:
                channel.ready(events)
            except BlockingIOError:
                pass
            except OSError as error:
                self.fail(error, channel)

    def _end(self) -> int:
        while self._last >= 0 and self.elapsed[self._last] >= 0:
            self._last -= 1
        return 0 if self._last < 0 else self._deadline(self._last)

    def _deadline(self, query: int) -> int:
        return self.start + self.offsets[query] + self.timeout_ns

    def _ident(self, query: int) -> int:
        return query // self.stride & 0xFFFF

    def _message(self, query: int) -> Message:
        return self.messages[query % len(self.messages)]


def be_punctual() -> None:
    """Asks to run as soon as something is due; without that, all is as good as the machine is idle."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)  # timers may be 50 us late otherwise
    if platform.machine() in SCHED_SETATTR:
        # Short slices come first (sched(7), EEVDF from Linux 6.12 on): struct sched_attr of version 0 with
        # size, policy SCHED_OTHER, flags, nice, priority, and the slice as the runtime.
        short = struct.pack("IIQiIQQQ", 48, 0, 0, os.nice(0), 0, SLICE_NS, 0, 0)
        libc.syscall(SCHED_SETATTR[platform.machine()], 0, short, 0)
    gc.disable()  # a collection is a pause


def clock_ahead() -> int:
    """Returns by how much the clock that can be set is ahead of the one that cannot."""
    tries = []
    for _ in range(CLOCK_TRIES):  # between two readings another process may have had the CPU
        before, clock, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        tries.append((after - before, clock - before))
    return min(tries)[1]


def load(request: dict[str, Any]) -> None:
    """Carries out one plan."""
    be_punctual()
    this = Load(request)
    this.begin()
    ahead = clock_ahead()
    this.drive()
    if abs(clock_ahead() - ahead) > CLOCK_STEP_NS:
        raise RuntimeError("the node's clock was set meanwhile: run again")
    this.report()


if __name__ == "__main__":
    run(load)
