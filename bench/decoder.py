"""The capture decoder beside tshark: speed, and agreement on every packet.

`python -m bench.decoder [FILE…] [--json FILE] [--name LAB]` reads captures, or one of half a million packets
that it records once in a lab of its own and keeps in the user's cache directory: a load by UDP through
NodeLocal DNSCache, and by TCP from there into dnsmasq, smooth and in bursts that saturate it. tshark and
tcpdump are installed where they are missing (Debian packages). Speed is by the processor's time of whole
processes, the best of three. Exits with 1 where the two disagree.

tcpdump on `any` sees a packet once an interface, and tshark counts each as a packet of its own. So tshark's
answers are those for a copy without repeated sightings, which are told here from tshark's own fields: the
same addresses, ports, IP identification, sequence number and DNS id within 10 ms on another interface.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

from bench.load import PARENT, TOPOLOGY, lab, start_pods
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.transactions import Queries
from clusterdns.cluster.api import connect
from clusterdns.cluster.kubeconfig import read as read_kubeconfig
from clusterdns.probing.load import Bursts, Constant, Plan, distinct, run_load
from clusterdns.probing.pods import Prober

ROOT = Path(__file__).parents[1]
PACKETS = 500_000
RUNS = 3
RATE, SECONDS = 1000, 150  # five packets a query and more
FIELDS = ("frame.number", "dns.flags.response", "dns.id", "dns.response_to", "dns.time")
# Otherwise a retry after five seconds is a new query.
TSHARK = ["tshark", "-n", "-o", "dns.retransmission_timer:30", "-Y", "dns", "-T", "fields"]
TSHARK += [argument for field in FIELDS for argument in ("-e", field)]
DECODE = """
import sys
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.pcap import read
with open(sys.argv[1], "rb") as file:
    print(sum(int(decoded.queries.answered.sum()) for decoded in Decoder(read(file), [53])))
"""

SIGHTED = (
    *("frame.number", "frame.time_epoch", "sll.ifindex", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst"),
    *("ip.id", "udp.srcport", "udp.dstport", "udp.length", "tcp.srcport", "tcp.dstport"),
    *("tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len", "dns.id", "dns.flags"),
)
SIGHTING_S = 0.01

Transaction = tuple[int, int, int]
"""Query's packet, response's packet, microseconds between them."""


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--name", default="bench-decoder", help="of the lab to boot and to end")
    options = parser.parse_args()
    install("tshark", "tcpdump")
    files = options.file or [recorded(options.name)]
    found = {file.name: measured(file) for file in files}
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(any(one["disagreements"] for one in found.values()))


def measured(file: Path) -> dict[str, Any]:
    """Lay our figures for one capture beside tshark's."""
    own = min(seconds([sys.executable, "-c", DECODE, str(file)]) for _ in range(RUNS))
    theirs = min(seconds([*TSHARK, "-r", str(file)]) for _ in range(RUNS))
    packets, queries = decode(file)
    ours = our_view(queries)
    frames = first_sightings(file)
    with NamedTemporaryFile(suffix=".pcap") as copy:
        copy_frames(file, frames, copy)
        tshark = tshark_view(Path(copy.name), frames)
    wrong = {kind: sorted((ours[kind] - tshark[kind]) + (tshark[kind] - ours[kind])) for kind in ours}
    return {
        "packets": packets,
        "repeated sightings": packets - len(frames),
        "octets": file.stat().st_size,
        "queries": len(ours["queries"]),
        "transactions": len(ours["transactions"]),
        "transactions by TCP": sum(int((one.answered & one.tcp).sum()) for one in queries),
        "retries": sum(int((one.attempt > 1).sum()) for one in queries),
        "disagreements": sum(len(rows) for rows in wrong.values()),
        "disagreements, the first": {kind: rows[:5] for kind, rows in wrong.items() if rows},
        "seconds": {"clusterdns": round(own, 2), "tshark": round(theirs, 2)},
        "packets per second": {"clusterdns": round(packets / own), "tshark": round(packets / theirs)},
        "ratio": round(theirs / own, 1),
    }


def decode(file: Path) -> tuple[int, list[Queries]]:
    """Decode a capture."""
    with file.open("rb") as opened:
        decoder = Decoder(read(opened), [53])
        queries = [decoded.queries for decoded in decoder]
    return decoder.packets, queries


def our_view(queries: list[Queries]) -> dict[str, Counter[Any]]:
    """Return every query's packet, and every transaction as tshark has it: from the first try."""
    all_queries = Queries.joined(queries)
    first = all_queries.only(all_queries.attempt == 1)
    frames = dict(
        zip(zip(first.key.tolist(), first.first_ns.tolist(), strict=True), first.frame.tolist(), strict=True)
    )
    over = all_queries.only(all_queries.answered)
    columns = (over.key, over.first_ns, over.response_frame, over.response_ns)
    transactions = Counter(
        (frames[key, first_ns], response, round((response_ns - first_ns) / 1000))
        for key, first_ns, response, response_ns in zip(*(column.tolist() for column in columns), strict=True)
    )
    return {"queries": Counter(all_queries.frame.tolist()), "transactions": transactions}


def first_sightings(file: Path) -> list[int]:
    """Return the numbers of packets that are not seen again on another interface, as tshark's fields tell."""
    fields = [argument for field in SIGHTED for argument in ("-e", field)]
    command = ["tshark", "-n", "-o", "tcp.desegment_tcp_streams:false", "-T", "fields", *fields]
    done = subprocess.run([*command, "-r", str(file)], capture_output=True, text=True, check=True)
    frames: list[int] = []
    latest: dict[str, tuple[float, Counter[str]]] = {}
    for line in done.stdout.splitlines():
        frame, epoch, interface, *values = line.split("\t")
        if values[SIGHTED.index("tcp.seq_raw") - 3]:
            del values[-2:]  # tshark shows no DNS in a segment that it has seen
        packet = "\t".join(values)
        time_s = float(epoch)
        before_s, seen = latest.get(packet, (0.0, Counter[str]()))
        if time_s - before_s > SIGHTING_S:
            seen = Counter()
        seen[interface] += 1
        if seen[interface] == max(seen.values()) and list(seen.values()).count(seen[interface]) == 1:
            frames.append(int(frame))
        latest[packet] = time_s, seen
    return frames


def copy_frames(file: Path, frames: list[int], copy: IO[bytes]) -> None:
    """Copy some packets of a little-endian pcap file."""
    wanted, number = set(frames), 0
    with file.open("rb") as opened:
        copy.write(opened.read(24))
        while head := opened.read(16):
            number += 1
            data = opened.read(int.from_bytes(head[8:12], "little"))
            if number in wanted:
                copy.write(head + data)
    copy.flush()


def tshark_view(file: Path, frames: list[int]) -> dict[str, Counter[Any]]:
    """Return the same as tshark sees it in a copy that has these packets of the file only."""
    done = subprocess.run([*TSHARK, "-r", str(file)], capture_output=True, text=True, check=True)
    queries: Counter[int] = Counter()
    transactions: dict[tuple[int, str], Transaction] = {}
    for line in done.stdout.splitlines():
        frame, responses, idents, requests, times = line.split("\t")
        asked = responses.split(",").count("0") + responses.split(",").count("False")
        number = frames[int(frame) - 1]
        queries[number] += asked
        answers = [
            ident
            for ident, response in zip(idents.split(","), responses.split(","), strict=True)
            if response in ("1", "True")
        ]
        if not requests:
            continue
        for ident, request, time in zip(answers, requests.split(","), times.split(","), strict=False):
            # Only the first response to a query: the others are retransmissions.
            query = frames[int(request) - 1]
            transactions.setdefault((query, ident), (query, number, round(float(time) * 1e6)))
    return {"queries": +queries, "transactions": Counter(transactions.values())}


def seconds(command: list[str]) -> float:
    """Return the processor's time that a program takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def install(*packages: str) -> None:
    """Install Debian packages whose programs are missing."""
    missing = [package for package in packages if shutil.which(package) is None]
    if missing:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", *missing]):
            subprocess.run(
                ["apt-get", "--quiet", *arguments], env=environment, stdout=subprocess.DEVNULL, check=True
            )


def cache(name: str) -> Path:
    """Return where a recording is kept."""
    folder = Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "cluster-dns-conformance", "bench"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def recorded(name: str) -> Path:
    """Return the capture in the cache, recorded first where it is not there."""
    path = cache("decoder.pcap")
    if not path.exists():
        part = path.with_suffix(".part")
        record(part, name)
        part.rename(path)
    return path


def record(path: Path, name: str) -> None:
    """Record a load on a lab: what node-1 sends and receives."""
    kubeconfig = lab(["up", "--topology", TOPOLOGY, "--name", name])
    try:
        cluster = connect(read_kubeconfig(Path(kubeconfig), f"clusterdns-lab-{name}"), 30)
        prober = Prober(cluster, ready_timeout=60, agent_timeout=30)
        pod = start_pods(cluster, prober)[0]
        service = cluster.find("services", "kube-dns", namespace="kube-system")
        if service is None:
            raise LookupError("the lab has no kube-dns Service")
        address = service["spec"]["clusterIP"]
        with capturing(path, name, "node-1", ("-i", "any", "port 53"), SECONDS + 60):
            for schedule in (Constant(RATE, SECONDS), Bursts(60, 0.2, 6)):
                run_load(
                    prober, pod, Plan(address=address, schedule=schedule, templates=[distinct(PARENT, "A")])
                )
    finally:
        lab(["down", "--name", name])


@contextmanager
def capturing(path: Path, name: str, node: str, what: tuple[str, ...], seconds: float) -> Iterator[None]:
    """Capture on a node of a lab for so long; the context may end before, and waits for it.

    Args:
        path: the file to write.
        name: the lab's.
        node: e.g. "node-1".
        what: tcpdump's arguments.
        seconds: until it ends: from the fabric nothing else reaches it.

    Raises:
        RuntimeError: packets were lost.
    """
    inside = [sys.executable, "-m", "lab", "exec", "--name", name, "--node", node, "--"]
    tcpdump = ["tcpdump", "-n", "-B", "65536", "-w", str(path), *what]
    command = [*inside, "timeout", "--signal=INT", str(seconds), *tcpdump]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as capture:
        output = cast("IO[str]", capture.stderr)
        next(line for line in output if "listening" in line)
        yield
        said = output.read()
    if "0 packets dropped by kernel" not in said:
        raise RuntimeError(f"the capture lost packets: {said}")


if __name__ == "__main__":
    main()
