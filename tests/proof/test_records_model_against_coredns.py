"""The records that the model expects, against those of CoreDNS as a process of its own, on drawn objects."""

import json
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dns.message
import dns.query
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from clusterdns.model.dns_profiles import PROFILES
from clusterdns.model.exchange import Exchange
from clusterdns.model.exchange import Path as Way
from clusterdns.model.questions import RecordContext, questions_of
from clusterdns.model.records import Generated, Zone, read_services
from clusterdns.model.topology import LayerKind
from clusterdns.probing.wire import question, read
from clusterdns.verdicts.answers import Context, faults_of
from lab import store
from lab.paths import SOURCE
from tests.proof.conftest import lab_command
from tests.unit.model.worlds import headless

Objects = Sequence[dict[str, Any]]
PROFILE = PROFILES[LayerKind.COREDNS]
_SECONDS = 20.0
CLUSTER_IP = {
    "metadata": {"name": "with-ip", "namespace": "ns"},
    "spec": {
        "clusterIP": "10.96.0.7",
        "clusterIPs": ["10.96.0.7", "fd00::7"],
        "ports": [
            {"name": "http", "port": 80, "protocol": "TCP"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ],
    },
}


class ApiStub(ThreadingHTTPServer):
    """What CoreDNS' kubernetes plugin reads of an API server: lists, and watches on which events come."""

    daemon_threads = True

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {
            "namespaces": [{"metadata": {"name": "ns"}}],
            "services": [],
            "endpointslices": [],
        }
        super().__init__(("127.0.0.1", 0), Handler)

    def put(self, services: Objects, slices: Objects) -> None:
        self.objects["services"], self.objects["endpointslices"] = list(services), list(slices)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kinds = {"namespaces": "Namespace", "services": "Service", "endpointslices": "EndpointSlice"}  # noqa: RUF012

    def do_GET(self) -> None:
        assert isinstance(self.server, ApiStub)
        target = urlsplit(self.path)
        resource = target.path.rpartition("/")[2]
        if "watch" in parse_qs(target.query):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            queue.Queue[None]().get()  # nothing ever changes: each world has a CoreDNS of its own
        version = "discovery.k8s.io/v1" if resource == "endpointslices" else "v1"
        body = json.dumps(
            {
                "kind": f"{self.kinds[resource]}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": "1"},
                "items": self.server.objects[resource],
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def coredns() -> Path:
    """The program that labs run."""
    digest = store.key(SOURCE / "coredns")
    if store.kept("coredns", digest) is None:
        lab_command("build")
    folder = store.kept("coredns", digest)
    assert folder is not None
    return folder / "coredns"


@contextmanager
def serving(coredns: Path, folder: Path, services: Objects, slices: Objects) -> Iterator[int]:
    """Run CoreDNS on these objects; yield its port."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
    with ApiStub() as api:
        api.put(services, slices)
        threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
        corefile = folder / "Corefile"
        corefile.write_text(
            f".:{port} {{\n bind 127.0.0.1\n kubernetes cluster.local in-addr.arpa ip6.arpa {{\n"
            f"  endpoint http://127.0.0.1:{api.server_port}\n  pods insecure\n  ttl 30\n }}\n}}\n"
        )
        said = folder / "coredns.log"
        with (
            said.open("w") as log,
            subprocess.Popen([str(coredns), "-conf", str(corefile)], stdout=log, stderr=log) as process,
        ):
            try:
                wait(port, process, said)
                yield port
            finally:
                process.kill()
                api.shutdown()


def wait(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    """Wait until it knows its objects: until then it fails on every name."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, said.read_text()
        query = dns.message.make_query("kubernetes.ns.svc.cluster.local", "A")
        try:
            if dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2).rcode() == dns.rcode.NXDOMAIN:
                return
        except (dns.exception.Timeout, OSError):
            time.sleep(0.02)
    raise AssertionError("CoreDNS did not learn of its objects")


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=headless())
def test_coredns_has_what_the_model_expects(
    coredns: Path, tmp_path: Path, world: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    service, slices = world
    services = [service, CLUSTER_IP]
    read_as = read_services(services, slices)
    asked = [
        one
        for one in questions_of(RecordContext(Zone("cluster.local"), PROFILE, read_as, "ns"))
        if one.check != "records.dns-version" or one.rtype == "TXT"
    ]
    with serving(coredns, tmp_path, services, slices) as port:
        way = Way("here", "CoreDNS", "127.0.0.1", "tcp")

        def ask(name: str, rtype: str) -> tuple[bytes, bytes]:
            query = question(name, rtype)
            answer = dns.query.tcp(dns.message.from_wire(query), "127.0.0.1", port=port, timeout=5)
            return query, answer.to_wire()

        generated: dict[str, frozenset[str]] = {}
        answers = []
        for one in asked:
            query, wire = ask(one.name, one.rtype)
            message = read(wire)
            answers.append((one, Exchange(way, query, message)))
            if any(isinstance(data, Generated) for _, _, data in one.records):
                for record in message.answer:
                    name = record.comparable.rpartition(" ")[2]
                    found = [read(ask(name, rtype)[1]).answer for rtype in ("A", "AAAA")]
                    generated[name] = frozenset(record.comparable for group in found for record in group)
        for one, exchange in answers:
            assert not faults_of(one, exchange, Context(PROFILE, generated)), one
