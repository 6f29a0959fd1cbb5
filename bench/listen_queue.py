"""What a capture says that dnsmasq holds, beside samples of its children and its listen queue.

`python -m bench.listen_queue [--json FILE] [--name LAB]` boots a lab with NodeLocal DNSCache before kube-dns,
sends bursts that saturate dnsmasq from both nodes, captures the network device of the DNS pod on node-1 on
that node, and ten times a second counts the children of its dnsmasq and asks its kernel for the listen queue.
Children and queue together are the connections that the server's side holds. A sample is no instant: it takes
a millisecond or two, and the capture's level is that of any moment within `WITHIN_MS` of it.

A capture does not show when a kernel that had no room lets a connection in by a bare acknowledgement: its
level may be below the truth for that long. Between two samples there may be a few more than in either. Exits
with 1 where fewer than 80 % of the samples are equal, or the highest levels are more than five apart.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.decoder import capturing, install
from bench.load import IMAGE, PARENT, TOPOLOGY, lab, start_pods
from bench.logged_sessions import device
from clusterdns.analysis.capture.concurrency import LevelOverTime
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.lifetimes import Lifetimes
from clusterdns.analysis.capture.pcap import read
from clusterdns.cluster.api import NAMESPACE, Cluster, connect
from clusterdns.cluster.debugging import attach
from clusterdns.cluster.dns_pods import DNSMASQ, dnsmasq_pods
from clusterdns.cluster.kubeconfig import read as read_kubeconfig
from clusterdns.model.saturation import Sample
from clusterdns.probing.load import Bursts, Plan, distinct, run_load_together
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.watching import watching_server

SECONDS = 30
BURST, INTERVAL = 60, 0.5  # queries, seconds: past what 20 children and the backlog take
WITHIN_MS = 5
EQUAL, PEAKS_APART = 0.8, 5  # share of the samples; connections


def main() -> None:
    """Record, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--name", default="bench-queue", help="of the lab to boot and to end")
    options = parser.parse_args()
    install("tcpdump")
    kubeconfig = lab(["up", "--topology", TOPOLOGY, "--name", options.name])
    try:
        cluster = connect(read_kubeconfig(Path(kubeconfig), f"clusterdns-lab-{options.name}"), 30)
        with TemporaryDirectory() as folder:
            capture = Path(folder, "dnsmasq.pcap")
            samples, address = record(cluster, options.name, capture)
            figures = compared(samples, held(capture, address))
    finally:
        lab(["down", "--name", options.name])
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(not figures["agree"])


def record(cluster: Cluster, name: str, capture: Path) -> tuple[list[Sample], str]:
    """Send bursts; return the samples of the dnsmasq on node-1, and its pod's address."""
    prober = Prober(cluster, ready_timeout=60, agent_timeout=30)
    senders = start_pods(cluster, prober)
    service = cluster.find("services", "kube-dns", namespace=NAMESPACE)
    if service is None:
        raise LookupError("the lab has no kube-dns Service")
    pod = next(pod for pod in dnsmasq_pods(cluster, [NAMESPACE]) if pod["spec"]["nodeName"] == "node-1")
    container = attach(cluster, pod, DNSMASQ, IMAGE, 60)
    plan = Plan(
        address=service["spec"]["clusterIP"],
        schedule=Bursts(BURST, INTERVAL, SECONDS),
        templates=[distinct(PARENT, "A")],
    )
    of_pod = ("-i", device(name, pod), "tcp port 53")
    with (
        capturing(capture, name, "node-1", of_pod, SECONDS + 40),
        watching_server(prober, ProbePod.of(pod), DNSMASQ, container, seconds=SECONDS + 40) as watch,
    ):
        run_load_together(prober, [(sender, plan) for sender in senders])
    return list(watch.timeline().samples), pod["status"]["podIP"]


def held(capture: Path, address: str) -> LevelOverTime:
    """Return how many connections to a server's address its side held at once."""
    lifetimes = Lifetimes(worst=0)
    with capture.open("rb") as file:
        decoder = Decoder(read(file), [53])
        for decoded in decoder:
            lifetimes.take(decoded.connections)
        (server,) = [key for key in lifetimes.servers() if decoder.addresses[key[0]] == address]
        return lifetimes.open(server)


def compared(samples: list[Sample], level: LevelOverTime) -> dict[str, Any]:
    """Lay each sample beside the levels of the capture around it."""
    levels, within_ns = np.concatenate([[0], level.level]), WITHIN_MS * 10**6
    held_by_kernel = [(sample.workers or 0) + sample.queue for sample in samples]
    differences = []  # of the capture
    for sample, count in zip(samples, held_by_kernel, strict=True):
        around = [sample.time_ns - within_ns, sample.time_ns + within_ns]
        first, last = np.searchsorted(level.time_ns, around)
        lowest, highest = int(levels[first : last + 1].min()), int(levels[first : last + 1].max())
        differences.append(max(lowest - count, 0) - max(count - highest, 0))
    most = max(held_by_kernel)
    return {
        "samples": len(samples),
        "equal": differences.count(0),
        "at most one apart": sum(abs(difference) <= 1 for difference in differences),
        "the capture above, at most": max(differences),
        "the capture below, at most": -min(differences),
        "most children": max(sample.workers or 0 for sample in samples),
        "longest queue": max(sample.queue for sample in samples),
        "most held, by samples": most,
        "most held, by the capture": level.peak,
        "agree": differences.count(0) >= EQUAL * len(samples) and abs(most - level.peak) <= PEAKS_APART,
    }


if __name__ == "__main__":
    main()
