"""Watches a server's workers, its listen queue and its connections while something happens to it.

Runs where it shares the server's PID and network namespaces: in a debug container that targets it. Without
a "process" only the namespace's counters are read, which any container of the pod can do.

Request: {"process": "dnsmasq" | null, "port": 53, "hz": 10, "seconds": 60.0}
    "process" is the name (comm) of the server; its workers are its children. "seconds" ends a watch that
    nobody stops. All but "process" have these defaults.
Answers:
    {"ready": true}
      -> the caller then sends {"stop": true}, or lets the time run out
    {"time_ns": ..., "workers": 20 | null, "queue": 33, "established": {"10.0.0.7": 20}, "overflows": 4,
     "drops": 4, "insert_failed": 0, "conntrack_drops": 0}       one per sample
    {"samples": 42, "late": 0, "cpu_seconds": 0.04}
    "late" counts samples that were due while the one before was still taken. "cpu_seconds" are what taking
    them cost; that Python starts costs some 0.05 s besides, once.
    "queue" is the most connections that wait on one listening TCP socket of the port; "established" counts
    the port's connections by peer, waiting ones too. The rest are counters since the namespace began:
    ListenOverflows and ListenDrops of /proc/net/netstat, insert_failed and drop (with early_drop) of
    /proc/net/stat/nf_conntrack, 0 where there is none.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, Iterator, Optional

from _agent import emit, per_processor, run

ESTABLISHED, LISTEN = 1, 10  # include/net/tcp_states.h
# linux/netlink.h, linux/sock_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3


def watch(request: dict[str, Any]) -> None:
    """Takes samples at a steady rate until told to stop."""
    name, port = request["process"], request.get("port", 53)
    period = 1 / request.get("hz", 10)
    server = Server(name) if name else None
    if server and server.pid is None:
        raise LookupError(f"no process named {name} here: the container does not share its PID namespace")
    due = time.monotonic()
    end = due + request.get("seconds", 60.0)
    samples = late = 0
    emit(ready=True)
    began = time.process_time()
    while due < end:
        emit(**sample(server, port))
        samples += 1
        due += period
        now = time.monotonic()
        while due < now:
            due, late = due + period, late + 1
        if select.select([sys.stdin], [], [], due - now)[0]:
            break
    emit(samples=samples, late=late, cpu_seconds=time.process_time() - began)


class Server:
    """The process that forks a worker per connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = self._find()

    def workers(self) -> Optional[int]:
        """Counts the children; None when the server has just gone."""
        for _ in range(2):
            try:
                return len(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_bytes().split())
            except OSError:
                self.pid = self._find()  # restarted
        return None

    def _find(self) -> Optional[int]:
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                before, _, after = stat.read_text().rpartition(")")
            except OSError:
                continue
            pid, _, comm = before.partition(" (")
            if comm == self.name:
                parents[int(pid)] = int(after.split()[1])
        return min((pid for pid, parent in parents.items() if parent not in parents), default=None)


def sample(server: Optional[Server], port: int) -> dict[str, Any]:
    """Takes one sample."""
    queue, established = connections(port)
    extended = table("/proc/net/netstat", "TcpExt:")
    conntrack = per_processor("/proc/net/stat/nf_conntrack")
    return {
        "time_ns": time.time_ns(),
        "workers": server.workers() if server else None,
        "queue": queue,
        "established": established,
        "overflows": extended.get("ListenOverflows", 0),
        "drops": extended.get("ListenDrops", 0),
        "insert_failed": conntrack.get("insert_failed", 0),
        "conntrack_drops": conntrack.get("drop", 0) + conntrack.get("early_drop", 0),
    }


def connections(port: int) -> tuple[int, dict[str, int]]:
    """Asks the kernel for the port's sockets (sock_diag(7)): the longest listen queue, connections by peer.

    /proc/net/tcp says the same, but lists every closed connection that the kernel still remembers besides.
    """
    queue = 0
    established: dict[str, int] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        for family in (socket.AF_INET, socket.AF_INET6):
            # struct nlmsghdr, struct inet_diag_req_v2
            body = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, 1 << ESTABLISHED | 1 << LISTEN)
            flags = NLM_F_REQUEST | NLM_F_DUMP
            header = struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, flags, 1, 0)
            kernel.send(header + body)
            for answer in dumped(kernel):
                # struct inet_diag_msg
                state = answer[1]
                here = int.from_bytes(answer[4:6], "big")
                if here != port:
                    continue
                if state == LISTEN:
                    queue = max(queue, struct.unpack_from("=I", answer, 56)[0])
                else:
                    size = 4 if family == socket.AF_INET else 16
                    peer = socket.inet_ntop(family, answer[24 : 24 + size]).replace("::ffff:", "")
                    established[peer] = established.get(peer, 0) + 1
    return queue, established


def dumped(kernel: socket.socket) -> Iterator[bytes]:
    """Receives the messages of a netlink dump (netlink(7)).

    Raises:
        OSError: The kernel refused.
    """
    while True:
        data = kernel.recv(1 << 18)
        at = 0
        while at < len(data):
            length, kind = struct.unpack_from("=IH", data, at)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                number = -struct.unpack_from("=i", data, at + 16)[0]
                raise OSError(number, "the kernel does not tell about sockets (inet_diag)")
            yield data[at + 16 : at + length]
            at += (length + 3) & ~3


def table(path: str, prefix: str) -> dict[str, int]:
    """Reads the pair of lines, names and numbers, that begin with the prefix."""
    lines = [line.split()[1:] for line in Path(path).read_text().splitlines() if line.startswith(prefix)]
    return dict(zip(lines[0], map(int, lines[1]))) if len(lines) == 2 else {}  # noqa: B905, PLR2004 - Python 3.9


if __name__ == "__main__":
    run(watch)
