"""What surrounds a resolver, in a network namespace of its own: resolv.conf and a DNS server that obeys.

Run it under ``unshare --net --mount``. Each JSON line on standard input is one lookup, each line on standard
output what it put on the wire:

    {"program": [...], "resolv_conf": "...", "zone": {"name/TYPE": "ANSWER"}}
    {"queries": [[id, "name", "TYPE"], ...], "failure": null | "EAI_...", "addresses": [...]}

Names that the zone does not hold are NXDOMAIN.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ADDRESSES = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}


class Server(threading.Thread):
    """Answers on 127.0.0.1:53 from `zone` and notes each query in `seen`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.zone: dict[str, str] = {}
        self.seen: list[tuple[int, str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        while True:
            wire, client = self._socket.recvfrom(4096)
            try:
                response = self._answer(wire)
            except dns.exception.FormError:
                # musl, given a search list with "." in it, sends such messages.
                self.seen.append((int.from_bytes(wire[:2], "big"), "", "MALFORMED"))
                response = wire[:2] + bytes([0x80, dns.rcode.FORMERR]) + bytes(8)
            self._socket.sendto(response, client)

    def _answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        rtype = dns.rdatatype.to_text(question.rdtype)
        self.seen.append((query.id, name, rtype))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        reply = self.zone.get(f"{name}/{rtype}", "NXDOMAIN")
        if reply == "ANSWER":
            response.answer.append(dns.rrset.from_text(question.name, 30, "IN", rtype, ADDRESSES[rtype]))
        elif reply != "NODATA":
            response.set_rcode(dns.rcode.from_text(reply))
        return response.to_wire()


def _overlay(target: str, content: str) -> Path:
    """Puts a file of ours over `target`, in this mount namespace alone.

    Returns:
        The file, to be rewritten at will.
    """
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(content)
    subprocess.run(["mount", "--bind", file.name, target], check=True)
    return Path(file.name)


def main() -> None:
    """Serves lookups until standard input ends."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Only hosts and DNS, whatever this machine adds to its nsswitch.conf.
    made = [_overlay("/etc/nsswitch.conf", "hosts: files dns\n"), _overlay("/etc/resolv.conf", "")]
    server = Server()
    server.start()
    try:
        for line in sys.stdin:
            lookup = json.loads(line)
            server.zone, server.seen = lookup["zone"], []
            made[-1].write_text(lookup["resolv_conf"])
            answer = subprocess.run(lookup["program"], capture_output=True, check=True, timeout=60)
            sys.stdout.write(json.dumps({"queries": server.seen, **json.loads(answer.stdout)}) + "\n")
            sys.stdout.flush()
    finally:
        for file in made:
            file.unlink()


if __name__ == "__main__":
    main()
