"""Damaged inputs for every reader of files and answers from outside; shared with `tox -e fuzz`."""

import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from clusterdns.analysis.capture import analyse as analyse_capture
from clusterdns.analysis.capture import facts, lines
from clusterdns.analysis.capture.plots import plots
from clusterdns.analysis.compression import CompressionError, uncompressed
from clusterdns.analysis.compression import lines as lines_of
from clusterdns.analysis.coredns_log import forward_timeouts
from clusterdns.analysis.dnsmasq_log import LogError, report
from clusterdns.analysis.dnsmasq_log import analyse as analyse_log
from clusterdns.formats import corefile, exposition, resolvconf, targets
from clusterdns.formats.words import CorefileError
from clusterdns.model.resolver import Libc
from clusterdns.printable import printable_line
from tests.unit.analysis.capture.network import CLIENTS, Network, framed, query, response, server_of
from tests.unit.analysis.capture.test_pcapng import interface, packet, section
from tests.unit.analysis.capture.wires import file

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = Path(__file__).parent / "data"
_INTERESTING: tuple[bytes, ...] = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r\n",
    b" ",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"%",
    b"\\",
    b"\x1b[31m",
)
_INTERESTING += (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"99999999999999999999", "\u202e".encode(), b"-1")


@dataclass(frozen=True)
class Reader:
    """What reads something from outside.

    Attributes:
        read: Reads it to the end, and says all that it would say to a user, line by line.
        errors: What it may raise.
        seeds: Inputs that are right.
    """

    read: Callable[[bytes], Sequence[str]]
    errors: tuple[type[Exception], ...]
    seeds: Sequence[bytes] = field(repr=False)

    def told(self, data: bytes) -> Sequence[str]:
        """Return what a user would see of an input: lines, or an error's."""
        try:
            return self.read(data)
        except self.errors as error:
            return [printable_line(str(error))]


def damaged(seeds: Sequence[bytes], random: Random) -> bytes:
    """Return one of the seeds with some damage."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.choice((0, 1, 1, 1, 2, 3, 8, 40))):
        at = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 4, 16, random.randrange(len(data) + 1)))
        match random.randrange(8):
            case 0:
                data[at : at + 1] = random.randbytes(1)
            case 1 | 2:
                data[at : at + length] = b""
            case 3:
                data[at:at] = data[at : at + length] * random.choice((1, 1, 2, 50))
            case 4:
                data[at:at] = random.choice(_INTERESTING)
            case 5:
                wanted = random.choice(_INTERESTING)
                data[at : at + len(wanted)] = wanted
            case 6:
                other = random.choice(seeds)
                data[at:at] = other[random.randrange(len(other) + 1) :][:length]
            case _:
                del data[at:]
        del data[1 << 20 :]
    return bytes(data)


def _opened(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def _capture(data: bytes) -> Sequence[str]:
    found = analyse_capture(uncompressed(_opened(data)))
    told = facts(found, "cluster.local", 3)
    json.dumps(told)
    if len(data) % 16 == 0:  # they take longest
        for _, plot in plots(found, "cluster.local"):
            assert plot.endswith("</svg>\n")
    return [printable_line(line) for line in lines(told, "capture")]


def _dnsmasq_log(data: bytes) -> Sequence[str]:
    log, summary = analyse_log(lines_of(_opened(data)), limit=20, worst=3)
    told = [printable_line(line) for line in report(log, summary, 3, "cluster.local")]
    assert not (log.not_understood and " 0.0% NXDOMAIN" in told[0])
    return told


def _compressed(data: bytes) -> Sequence[str]:
    opened = uncompressed(_opened(data))
    size = sum(len(piece) for piece in iter(lambda: opened.read(1 << 16), b""))
    return [str(size)]


def _coredns_log(data: bytes) -> Sequence[str]:
    text = data.decode("utf-8", "replace").split("\n")
    return [printable_line(slow.line) for slow in forward_timeouts(text)]


def _resolv_conf(data: bytes) -> Sequence[str]:
    text = data.decode("utf-8", "surrogateescape")
    with suppress(resolvconf.ResolvConfError):
        resolvconf.parse(text, Libc.MUSL)
    return [printable_line(str(resolvconf.parse(text)))]


def _corefile(data: bytes) -> Sequence[str]:
    return [printable_line(str(corefile.parse({"/Corefile": data.decode("utf-8", "replace")}, "/Corefile")))]


def _exposition(data: bytes) -> Sequence[str]:
    exposition.count_series([data[: len(data) // 2], data[len(data) // 2 :]])
    page = exposition.read(data.decode("utf-8", "replace"))
    return [printable_line(str(page.largest(3)))]


def _targets(data: bytes) -> Sequence[str]:
    halves = [data[: len(data) // 2], data[len(data) // 2 :]]
    return [printable_line(f"{one.host}:{one.port} {one.error}") for one in targets.read_targets(halves)]


def _captures() -> Iterator[bytes]:
    network = Network()
    for client in CLIENTS:
        network.opened(client)
        for ident in range(3):
            wire = query("www.example.com", ident)
            network.segments(client, server_of(client), framed(wire), [9])
            network.segments(server_of(client), client, framed(response(wire)))
            network.datagram(client, server_of(client), wire)
            network.datagram(server_of(client), client, response(wire, "NXDOMAIN"))
    yield file(network.packets)
    blocks = [packet(time_ns // 1000, data) for time_ns, data in network.packets]
    yield (section() + interface()) * 3 + b"".join(blocks)
    yield section(">") + interface(order=">") + packet(5, network.packets[-1][1], order=">")
    yield (DATA / "resolver.pcap").read_bytes()[:6000]
    yield gzip.compress(file(network.packets))


def _logs() -> Iterator[bytes]:
    whole = b"".join((DATA / "kube-dns-1.26.7-dnsmasq.log").read_bytes().splitlines(keepends=True)[:60])
    yield whole
    yield whole.replace(b"I1123 ", b"2026-11-23T")
    yield whole.replace(b"I1123 12:", b"Nov 23 12:")
    yield b"".join(
        json.dumps({"log": line.decode(), "time": "2026-11-23T12:54:57.1Z"}).encode() + b"\n"
        for line in whole.splitlines()[:20]
    )
    yield gzip.compress(whole)


_ERRORS = b"".join(
    b"[ERROR] plugin/errors: 2 a.x. A: %s: i/o timeout\n" % what
    for what in (b"dial tcp 10.0.0.6:53", b"read udp [fd00::7]:4->[fd00::a]:53", b"EOF")
)
_CONSOLIDATED = b"[ERROR] plugin/errors: 5 errors like '^read udp .* i/o timeout$' occurred in last 30s\n"
_CONF = b"nameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:1\n"
_COREFILE = b"""(common) {
    errors
}
.:53 cluster.local {
    import common
    forward . tls://10.0.0.1 "/etc/resolv.conf" {
        max_concurrent 1000
    }
    cache 30 # s
}
"""
_TARGETS = json.dumps(
    {"data": {"activeTargets": [{"scrapeUrl": "http://[fd00::1]:9253/metrics", "health": "up"}] * 3}}
).encode()

READERS = {
    "captures": Reader(_capture, (), list(_captures())),
    "dnsmasq's log": Reader(_dnsmasq_log, (LogError,), list(_logs())),
    "compressed files": Reader(
        _compressed, (CompressionError,), [gzip.compress(_CONF * 99), zstd.compress(_CONF * 99), _CONF]
    ),
    "CoreDNS' errors": Reader(_coredns_log, (), [_ERRORS, _CONSOLIDATED]),
    "resolv.conf": Reader(_resolv_conf, (resolvconf.ResolvConfError,), [_CONF]),
    "Corefiles": Reader(_corefile, (CorefileError,), [_COREFILE]),
    "metrics": Reader(
        _exposition,
        (exposition.ExpositionError,),
        [(DATA / "kube-dns-1.26.7-sidecar-10054.prom").read_bytes()[:3000]],
    ),
    "targets": Reader(_targets, (targets.TargetsError,), [_TARGETS]),
}
