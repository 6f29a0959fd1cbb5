"""The agent's capture, and lookups read off it, in a network namespace. Needs root and musl-gcc."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

import clusterdns.probing
from clusterdns.analysis.capture import pcap
from clusterdns.analysis.capture.queries import Query, first_tries, read_queries, retries
from clusterdns.analysis.capture.records import Records
from clusterdns.formats.resolvconf import parse
from clusterdns.model.resolver import Libc, Question, Reply, expected_queries
from tests.proof.loopback_resolver import Loopback

AGENT = Path(clusterdns.probing.__file__).parent / "agent"
PROBE = Path(__file__).parents[2] / "images" / "probe"
FAMILIES = {"inet": ("A",), "inet6": ("AAAA",), "unspec": ("A", "AAAA")}

# Sends argv[1] datagrams of argv[2] octets to 127.0.0.1:53 and ::1:53, and as many to port 54.
FLOOD = """
import socket, sys
payload = bytes(int(sys.argv[2]))
sockets = [(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "127.0.0.1"),
           (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), "::1")]
for _ in range(int(sys.argv[1])):
    for sending, address in sockets:
        for port in 53, 54:
            try:
                sending.sendto(payload, (address, port))
            except ConnectionRefusedError:
                pass
"""


class Capture:
    """The agent's capture in the namespace, ready when entered."""

    def __init__(self, loopback: Loopback, request: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [*loopback.enter, sys.executable, AGENT / "capture.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answers: list[dict[str, Any]] = []
        self._write(request)

    def __enter__(self) -> Self:
        assert self._read() == {"ready": True}
        return self

    def __exit__(self, *_: object) -> None:
        self._write({"stop": True})
        self.collect()

    def collect(self) -> None:
        while not self.answers or not {"done", "error"} & self.answers[-1].keys():
            self.answers.append(self._read())
        self.process.communicate(timeout=10)

    @property
    def counts(self) -> dict[str, int]:
        """Packets and drops."""
        return self.answers[-2]

    @property
    def queries(self) -> tuple[Query, ...]:
        return read_queries(self.records)

    @property
    def records(self) -> list[Records]:
        pieces = [base64.b64decode(answer["pcap"]) for answer in self.answers if "pcap" in answer]
        return list(pcap.read(io.BytesIO(zlib.decompress(b"".join(pieces)))))

    @property
    def packets(self) -> list[bytes]:
        return [
            batch.data[at : at + captured]
            for batch in self.records
            for at, captured in zip(batch.at.tolist(), batch.captured.tolist(), strict=True)
        ]

    def _write(self, line: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with Loopback() as surroundings:
        yield surroundings


def flood(loopback: Loopback, count: int, size: int = 60) -> None:
    subprocess.run([*loopback.enter, sys.executable, "-c", FLOOD, str(count), str(size)], check=True)


@pytest.mark.parametrize("interface", ["lo", None])
def test_nothing_is_missed_between_ready_and_stop(loopback: Loopback, interface: str | None) -> None:
    with Capture(loopback, {"interface": interface}) as capture:
        flood(loopback, 2000)

    # Zeros are no query: the server answers each of the IPv4 half with FORMERR, over IPv6 nobody is there.
    sent = [packet for packet in capture.packets if not packet.endswith(bytes([0x80, 1]) + bytes(8))]
    assert len(sent) == 2 * 2000
    assert capture.counts == {"packets": len(capture.packets), "drops": 0}


def test_other_ports(loopback: Loopback) -> None:
    with Capture(loopback, {"interface": "lo", "port": 54}) as capture:
        flood(loopback, 10)
    assert capture.counts == {"packets": 20, "drops": 0}


def test_losses_are_told(loopback: Loopback) -> None:
    with Capture(loopback, {"interface": "lo", "ring_bytes": 1 << 18, "port": 54}) as capture:
        os.kill(capture.process.pid, signal.SIGSTOP)
        flood(loopback, 5000)
        os.kill(capture.process.pid, signal.SIGCONT)
    assert capture.counts["drops"] > 0
    # The capture's own marker may be among the lost.
    assert capture.counts["drops"] + capture.counts["packets"] >= 10_000


def test_fragments_are_captured_all(loopback: Loopback) -> None:
    subprocess.run([*loopback.enter, "ip", "link", "set", "lo", "mtu", "1500"], check=True)
    with Capture(loopback, {"interface": "lo", "port": 54}) as capture:
        flood(loopback, 1, 4000)
    subprocess.run([*loopback.enter, "ip", "link", "set", "lo", "mtu", "65536"], check=True)
    # Three each of 127.0.0.1:54, [::1]:54 and [::1]:53, and the two of 127.0.0.1:53 that carry no ports.
    assert capture.counts == {"packets": 11, "drops": 0}


def test_a_capture_ends_by_itself(loopback: Loopback) -> None:
    capture = Capture(loopback, {"interface": "lo", "seconds": 0.2})
    capture.collect()
    assert capture.counts == {"packets": 0, "drops": 0}


def test_a_capture_ends_when_nobody_is_there_any_more(loopback: Loopback) -> None:
    capture = Capture(loopback, {"interface": "lo"})
    capture.process.communicate(timeout=5)
    assert capture.process.returncode == 0


def test_ready_on_an_ethernet_device(loopback: Loopback) -> None:
    for command in ("add left type veth peer name right", "set left up", "set right up"):
        subprocess.run([*loopback.enter, "ip", "link", *command.split()], check=True)
    with (
        Capture(loopback, {"interface": "left"}) as capture,
        Capture(loopback, {"interface": "right"}) as other,
    ):
        pass
    assert capture.counts == other.counts == {"packets": 0, "drops": 0}


@pytest.mark.parametrize("interface", ["nosuch", "down"])
def test_never_ready_is_told(loopback: Loopback, interface: str) -> None:
    if interface == "down":
        add = "ip link add down type veth peer name peer"
        subprocess.run([*loopback.enter, *add.split()], check=True)
    capture = Capture(loopback, {"interface": interface})
    capture.collect()
    assert list(capture.answers[-1]) == ["error"]


@pytest.fixture(scope="module")
def musl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of getaddrinfo-musl."""
    folder = tmp_path_factory.mktemp("musl")
    program = ["-o", str(folder / "getaddrinfo-musl"), str(PROBE / "getaddrinfo.c")]
    subprocess.run(["musl-gcc", "-static", *program], check=True)
    return folder


def test_lookups_on_the_wire_are_the_model_s(loopback: Loopback, musl: Path) -> None:
    conf = (
        "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
        "nameserver 127.0.0.1\noptions ndots:5 timeout:1 attempts:1\n"
    )
    zone = {
        "web.shop.svc.cluster.local/A": "ANSWER",
        "web.shop.svc.cluster.local/AAAA": "NODATA",
        "www.example.com/A": "ANSWER",
        "www.example.com/AAAA": "ANSWER",
        "broken.shop.svc.cluster.local/A": "SERVFAIL",
    }
    loopback.configure(conf, zone)
    lookups = [
        {"name": name, "family": family, "libc": libc}
        for name in (
            "web",
            "WEB.shop",
            "www.example.com",
            "www.example.com.",
            "a.b.c.d.e.f",
            "nowhere",
            "broken",
        )
        for family in FAMILIES
        for libc in Libc
    ]
    with Capture(loopback, {"interface": "lo"}) as capture:
        resolved = subprocess.run(
            [*loopback.enter, sys.executable, AGENT / "resolve.py"],
            input=json.dumps({"lookups": lookups}) + "\n",
            env={**os.environ, "PATH": f"{musl}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
    _, *answers, last = [json.loads(line) for line in resolved.stdout.splitlines()]
    assert last == {"done": True}
    assert capture.counts["drops"] == 0

    def reply(question: Question) -> Reply:
        return Reply(zone.get(f"{question.name}/{question.rtype}", "NXDOMAIN"))

    for lookup, answer in zip(lookups, answers, strict=True):
        during = [
            query for query in capture.queries if answer["start_ns"] <= query.time_ns <= answer["end_ns"]
        ]
        found = tuple(Question(query.name, query.rtype) for query in first_tries(during))
        families = FAMILIES[lookup["family"]]
        assert found == expected_queries(lookup["name"], families, parse(conf), Libc(lookup["libc"]), reply)
        assert bool(retries(during)) == (
            lookup["name"] == "broken" and families[0] == "A" and _retried(lookup)
        )


def _retried(lookup: dict[str, str]) -> bool:
    """With one attempt glibc sends nothing again; musl asks again at once after SERVFAIL."""
    return lookup["libc"] == Libc.MUSL
