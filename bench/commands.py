"""The offline commands as a whole beside other programs: processor time of paired runs, and memory.

`python -m bench.commands [--pairs N] [--duckdb PYTHON]` writes captures of 10 and 100 MB and a log of a
million lines, lets `clusterdns` and the others read each in turn, N times, and prints a table. A ratio is the
median of the pairs' ratios. `--duckdb` is a Python that has duckdb. `--large` reads a capture of 2 GB, alone.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import dns.message
import dns.rcode
import dns.rrset
import numpy as np

from bench.dnsmasq_log import LINES, written
from clusterdns.analysis.arrays import view
from clusterdns.analysis.capture.records import LINKTYPE_ETHERNET
from tests.unit.analysis.capture.network import Network, framed, query, server_of
from tests.unit.analysis.capture.wires import SECOND, file

_CLUSTERDNS = (sys.executable, "-c", "import sys; from clusterdns.cli import main; sys.exit(main())")
_TSHARK = ("tshark", "-o", "dns.retransmission_timer:30", "-r")
_FIELDS = ("-Y", "dns", "-T", "fields", "-e", "frame.number", "-e", "dns.response_to", "-e", "dns.time")
# What of a report others can tell at all: queries by name and client, and how many ended in NXDOMAIN.
_AWK = r"""{ for (i = 1; i <= NF; i++) if ($i ~ /^query\[/) { names[$(i+1)]++; clients[$(i+3)]++; queries++ }
if ($0 ~ / is NXDOMAIN/) nxdomain++ } END { print queries, nxdomain, length(names), length(clients) }"""
_DUCKDB = r"""
import duckdb, sys
duckdb.sql("set threads = 1")
print(duckdb.sql(rf'''select count(*) filter (where line like '%query[%'),
    count(*) filter (where line like '%is NXDOMAIN'),
    count(distinct regexp_extract(line, 'query\[[A-Z]+\] (\S+) from', 1)),
    count(distinct regexp_extract(line, ' from (\S+)', 1))
    from read_csv('{sys.argv[1]}', columns = {{'line': 'varchar'}}, delim = '\x01', header = false,
    quote = '', escape = '')''').fetchall())
"""

_ETHERNET = bytes(12) + b"\x08\x00"
_ADDRESS, _SOA = "10.96.7.7", "ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"


class Cost(NamedTuple):
    """What a process took: seconds of processor time, the most memory in MB."""

    seconds: float
    megabytes: float


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--duckdb", metavar="PYTHON")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.large:
            path = captured(Path(folder, "2 GB.pcap"), 2_000_000_000)
            print(path.name, *told(cost([*_CLUSTERDNS, "capture", str(path)])))
            return
        for name, size in (("10 MB.pcap", 10_000_000), ("100 MB.pcap", 100_000_000)):
            path = captured(Path(folder, name), size)
            compare(
                path,
                [*_CLUSTERDNS, "capture", str(path)],
                {"tshark": [*_TSHARK, str(path), *_FIELDS]},
                options.pairs,
            )
        log = written(Path(folder, "a million lines.log"), LINES)
        others = {"mawk": ["mawk", _AWK, str(log)]}
        if options.duckdb:
            others["duckdb"] = [options.duckdb, "-c", _DUCKDB, str(log)]
        compare(log, [*_CLUSTERDNS, "dnsmasq-log", str(log)], others, options.pairs)


def compare(path: Path, ours: Sequence[str], others: dict[str, list[str]], pairs: int) -> None:
    """Run ours and the others in turn; print a line for each."""
    costs = [
        {"clusterdns": cost(ours), **{name: cost(them) for name, them in others.items()}}
        for _ in range(pairs)
    ]
    for name in costs[0]:
        ratio = statistics.median(pair["clusterdns"].seconds / pair[name].seconds for pair in costs)
        print(
            f"{path.name}: {name}",
            *told(*(pair[name] for pair in costs)),
            f"clusterdns takes {ratio:.2f} of it",
        )


def told(*costs: Cost) -> tuple[str, ...]:
    """Return costs as text."""
    return *(f"{one.seconds:.2f} s" for one in costs), f"{max(one.megabytes for one in costs):.0f} MB"


def cost(arguments: Sequence[str]) -> Cost:
    """Run a program to its end, without its output, and return what it took."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawnp(
        arguments[0], list(arguments), os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)]
    )
    os.close(nowhere)
    _, status, usage = os.wait4(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{arguments[0]} ended with {code}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def answer(wire: bytes, record: str) -> bytes:
    """Return a response with one record: the zone's SOA of a name that is not there, or an address."""
    message = dns.message.make_response(dns.message.from_wire(wire))
    if record == _SOA:
        message.set_rcode(dns.rcode.NXDOMAIN)
        message.authority.append(dns.rrset.from_text("cluster.local.", 30, "IN", "SOA", record))
    else:
        message.answer.append(dns.rrset.from_text(message.question[0].name, 30, "IN", "A", record))
    return message.to_wire()


def captured(path: Path, size: int) -> Path:
    """Write a capture of at least so many octets: a third of the exchanges by TCP, 20 on each connection.

    Frames are Ethernet's; responses have an address, or NXDOMAIN with the zone's SOA. The same exchanges come
    again and again, later each time.
    """
    network = Network()
    for number in range(3000):
        client = (f"10.244.{number % 7}.{number % 250}", 20_000 + number)
        wires = [query(f"api{number % 500}.example.com.svc.cluster.local", ident) for ident in (1, 2)]
        for wire in wires:
            network.datagram(client, server_of(client), wire)
            network.datagram(server_of(client), client, answer(wire, _SOA), 200_000)
        if number % 20 == 0:
            socket = (client[0], 50_000 + number)
            network.opened(socket)
        wire = query(f"web{number % 500}.shop.svc.cluster.local", number)
        network.segments(socket, server_of(socket), framed(wire))
        network.segments(server_of(socket), socket, framed(answer(wire, _ADDRESS)))
    content = file(
        [(time_ns, _ETHERNET + data) for time_ns, data in network.packets], linktype=LINKTYPE_ETHERNET
    )
    head, second = content[:24], bytearray(content[24:])
    places, at = [], 0
    while at < len(second):
        places.append(at)
        at += 16 + int.from_bytes(second[at + 8 : at + 12], "little")
    lasts = (network.now - 1000 * SECOND) // SECOND + 1
    times = view(bytes(second), "<u4")[np.array(places)]
    with path.open("wb") as output:
        output.write(head)
        for repeated in range(-(-size // len(second))):
            octets = np.frombuffer(second, np.uint8)
            later = (times + np.uint32(repeated * lasts)).astype("<u4").view(np.uint8).reshape(-1, 4)
            octets[np.array(places)[:, None] + np.arange(4)] = later
            output.write(second)
    return path


if __name__ == "__main__":
    main()
