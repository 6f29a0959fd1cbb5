"""Ask the lab's stand-in for kubedns what a real one was asked, and compare answer by answer.

    python -m bench.kube_dns_replay PROGRAM

PROGRAM is `kube-dns` of lab/kubedns. It reads the captured objects from an API server of its own here, and
sends what is outside to a name server of its own. The data is made by tests/unit/verdicts/real_kube_dns.py.
An answer is as good as the real one if rcode, flags and all sections are those of some real answer, the
order of records aside, and which ones a cut answer keeps.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.unit.verdicts.real_kube_dns import load

PORT, API, UPSTREAM, IDENT = 10053, 18080, 15353, b"\x00\x01"
KINDS = {"/api/v1/services": "Service", "/api/v1/endpoints": "Endpoints"}
KNOWN = {("www.example.com.", "A"): "192.0.2.80", ("www.example.com.", "AAAA"): "2001:db8::80"}
ROOT = "ns.example.com. hostmaster.example.com. 2026010100 7200 3600 1209600 300"
OBJECTS, ANSWERS = load()


class Api(BaseHTTPRequestHandler):
    """Lists the captured objects; nothing ever changes."""

    def do_GET(self) -> None:
        """Answer a list, and hold a watch open."""
        url = urlsplit(self.path)
        kind = KINDS[url.path]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if "watch" in parse_qs(url.query):
            time.sleep(3600)
        items = [
            {**item, "metadata": {**item["metadata"], "resourceVersion": "1"}}
            for item in OBJECTS
            if item["kind"] == kind
        ]
        page = {
            "kind": f"{kind}List",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1"},
            "items": items,
        }
        self.wfile.write(json.dumps(page).encode())

    def log_message(self, *_: object) -> None:  # noqa: D102
        pass


def upstream(server: socket.socket) -> None:
    """Answer as the lab's internet does, by UDP."""
    while True:
        wire, client = server.recvfrom(4096)
        server.sendto(outside(wire), client)


def upstream_tcp(server: socket.socket) -> None:
    """Answer as the lab's internet does, by TCP."""
    while True:
        connection, _ = server.accept()
        with connection:
            wire, _ = dns.query.receive_tcp(connection, ignore_trailing=True), None
            dns.query.send_tcp(connection, outside(wire[0].to_wire()))


def outside(wire: bytes) -> bytes:
    """Return the answer of the authority for all that is outside."""
    query = dns.message.from_wire(wire)
    (question,) = query.question
    answer = dns.message.make_response(query, our_payload=query.payload if query.edns >= 0 else 0)
    answer.flags |= dns.flags.AA
    data = KNOWN.get((question.name.to_text(), dns.rdatatype.to_text(question.rdtype)))
    if data:
        answer.answer = [dns.rrset.from_text(question.name, 300, "IN", question.rdtype, data)]
    else:
        answer.set_rcode(dns.rcode.NXDOMAIN)
        answer.authority = [dns.rrset.from_text(".", 300, "IN", "SOA", ROOT)]
    return answer.to_wire()


def essence(message: dns.message.Message) -> object:
    """Return what is compared of an answer; of one that was cut, how much there is."""
    sections = [
        frozenset(
            f"{rrset.name} {0 if rrset.rdtype == dns.rdatatype.SOA else rrset.ttl} {_data(rrset, record)}"
            for rrset in section
            for record in rrset
        )
        for section in (message.answer, message.authority, message.additional)
    ]
    cut = message.flags & dns.flags.TC
    return message.rcode(), message.flags, [len(section) for section in sections] if cut else sections


def _data(rrset: dns.rrset.RRset, record: object) -> str:
    words = str(record).split()
    if rrset.rdtype == dns.rdatatype.SOA:
        words[2] = "serial"
    return f"{dns.rdatatype.to_text(rrset.rdtype)} {' '.join(words)}"


def main(program: str) -> int:
    """Print how many questions were asked, and what was answered otherwise; return how many of those."""
    api = ThreadingHTTPServer(("127.0.0.1", API), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.create_server(("127.0.0.1", UPSTREAM))
    udp.bind(("127.0.0.1", UPSTREAM))
    threading.Thread(target=upstream, args=(udp,), daemon=True).start()
    threading.Thread(target=upstream_tcp, args=(tcp,), daemon=True).start()
    arguments = [f"--kube-master-url=http://127.0.0.1:{API}", f"--nameservers=127.0.0.1:{UPSTREAM}"]
    ports = [f"--dns-port={PORT}", "--dns-bind-address=127.0.0.1", "--healthz-port=18081"]
    wanted: dict[tuple[str, bytes], list[object]] = {}
    for answer in ANSWERS:
        if answer.server == "kubedns-10053":
            message = dns.message.from_wire(IDENT + answer.answer, one_rr_per_rrset=True)
            wanted.setdefault((answer.transport, answer.query), []).append(essence(message))
    process = subprocess.Popen([program, *arguments, *ports])
    try:
        time.sleep(3)
        wrong = 0
        for (transport, query), accepted in wanted.items():
            asked = dns.message.from_wire(IDENT + query)
            ask = dns.query.udp if transport == "udp" else dns.query.tcp
            got = essence(ask(asked, "127.0.0.1", port=PORT, timeout=5, one_rr_per_rrset=True))
            if got not in accepted:
                wrong += 1
                print(f"{asked.question[0]} by {transport}: {got}, not {accepted[0]}")
    finally:
        process.kill()
    print(f"{len(wanted)} questions, {wrong} disagreements")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1])))
