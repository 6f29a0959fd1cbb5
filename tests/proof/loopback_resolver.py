"""What surrounds a resolver, in a network namespace of its own: resolv.conf, and a DNS server that obeys.

`Loopback` is the side of the tests; run as a program, this file is the side within the namespace. Needs root.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADDRESSES = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}
MALFORMED = "malformed"


class Loopback:
    """A network namespace with a DNS server on 127.0.0.1:53. Use it as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            ["unshare", "--net", "--mount", sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.configure("", {})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)
        assert self._process.returncode == 0

    @property
    def enter(self) -> tuple[str, ...]:
        """What to put before a command line to run it in the namespace."""
        return ("nsenter", f"--target={self._process.pid}", "--net", "--mount")

    def configure(self, resolv_conf: str, zone: Mapping[str, str]) -> None:
        """Sets what resolvers read and what the server replies.

        Args:
            resolv_conf: The file's content.
            zone: "name/TYPE" -> "ANSWER", "NODATA" or an rcode; what it does not hold is NXDOMAIN.
        """
        self._ask({"resolv_conf": resolv_conf, "zone": zone, "program": None})

    def run(self, program: Sequence[str], resolv_conf: str, zone: Mapping[str, str]) -> dict[str, Any]:
        """Runs a program that prints a JSON object.

        Returns:
            That object, and "queries": a list of [client's port, id, name, type]; the type is "malformed" for
            what is no message.
        """
        return self._ask({"resolv_conf": resolv_conf, "zone": zone, "program": program})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class _Server(threading.Thread):
    """Replies from `zone` and notes each query in `seen`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.zone: dict[str, str] = {}
        self.seen: list[tuple[int, int, str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        while True:
            wire, client = self._socket.recvfrom(4096)
            try:
                response = self._answer(wire, client[1])
            except dns.exception.FormError:
                self.seen.append((client[1], int.from_bytes(wire[:2], "big"), "", MALFORMED))
                response = wire[:2] + bytes([0x80, dns.rcode.FORMERR]) + bytes(8)
            self._socket.sendto(response, client)

    def _answer(self, wire: bytes, port: int) -> bytes:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        rtype = dns.rdatatype.to_text(question.rdtype)
        self.seen.append((port, query.id, name, rtype))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        reply = self.zone.get(f"{name}/{rtype}", "NXDOMAIN")
        if reply == "ANSWER":
            response.answer.append(dns.rrset.from_text(question.name, 30, "IN", rtype, ADDRESSES[rtype]))
        elif reply != "NODATA":
            response.set_rcode(dns.rcode.from_text(reply))
        return response.to_wire()


def _overlay(file: Path, target: str, content: str) -> None:
    """Puts a file of ours over `target`, in this mount namespace alone."""
    file.write_text(content)
    subprocess.run(["mount", "--bind", file, target], check=True)


def _main(folder: Path) -> None:
    """Serves requests until standard input ends."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    resolv_conf = folder / "resolv.conf"
    _overlay(resolv_conf, "/etc/resolv.conf", "")
    # Only hosts and DNS, whatever this machine adds to its nsswitch.conf.
    _overlay(folder / "nsswitch.conf", "/etc/nsswitch.conf", "hosts: files dns\n")
    server = _Server()
    server.start()
    for line in sys.stdin:
        request = json.loads(line)
        server.zone, server.seen = request["zone"], []
        resolv_conf.write_text(request["resolv_conf"])
        answer = {}
        if request["program"]:
            ended = subprocess.run(request["program"], capture_output=True, check=True, timeout=60)
            answer = json.loads(ended.stdout)
        sys.stdout.write(json.dumps({"queries": server.seen, **answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        _main(Path(made))
