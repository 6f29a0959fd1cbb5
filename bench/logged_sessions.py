"""dnsmasq's query log beside a capture of the same run: speed, memory, and whether TCP sessions agree.

`python -m bench.logged_sessions [--json FILE] [--name LAB]` records, once, a log of a million lines in a
lab: the copy of kube-dns that logs every query serves two node caches by TCP and a pod by UDP, while its
network device is captured on its node. Both stay in the user's cache directory. A session lasts from the
first query to the last response on a connection. Exits with 1 where percentiles are more than 5 % (floor
0.1 ms) apart.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.decoder import cache, capturing, install
from bench.dnsmasq_log import count, fastest, summarised
from bench.load import PARENT, TOPOLOGY, lab, start_pods
from clusterdns.analysis.capture.connections import NEVER
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.compression import lines
from clusterdns.analysis.dnsmasq_log.lines import DnsmasqLog
from clusterdns.analysis.dnsmasq_log.requests import LogTally
from clusterdns.cluster.api import NAMESPACE, Cluster, connect
from clusterdns.cluster.debug_deployment import NAME, OWN_LABELS, debug_copy, live_deployment
from clusterdns.cluster.dns_pods import DNSMASQ
from clusterdns.cluster.kubeconfig import read as read_kubeconfig
from clusterdns.cluster.readiness import is_ready
from clusterdns.cluster.retarget import retarget
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.model.latency import Histogram
from clusterdns.model.topology import DNSMASQ_TCP_LIMIT
from clusterdns.probing.load import Constant, Plan, distinct, run_load_together
from clusterdns.probing.pods import Prober

ROOT = Path(__file__).parents[1]
BY_TCP, BY_UDP, SECONDS = 100, 1000, 305  # queries per second, well below what saturates; three lines a query
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
FLOOR_US, WITHIN = 100, 0.05
SAME_US = 1_000_000  # a port is not used again so soon


def main() -> None:
    """Record, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--name", default="bench-log", help="of the lab to boot and to end")
    options = parser.parse_args()
    log, capture = cache("query.log"), cache("query.pcap")
    if not log.exists():
        install("tcpdump")
        part = log.with_suffix(".part")
        record(part, capture, options.name)
        part.rename(log)
    speed, memory = fastest(summarised, log)
    found: dict[str, Any] = {
        "lines": count(log),
        "million lines per second": round(speed / 1e6, 2),
        "memory": memory,
        "sessions": compared(log, capture),
    }
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    sys.exit(not found["sessions"]["agree"])


def compared(log: Path, capture: Path) -> dict[str, Any]:
    """Lay the sessions of a log beside those of a capture."""
    with log.open("rb") as file:
        summary = LogTally.of(DnsmasqLog(lines(file)), limit=DNSMASQ_TCP_LIMIT, worst=1_000_000)
    captured = sessions_of(capture)
    pairs = []
    for session in summary.sessions.longest():
        nearest = min(captured[session.client], key=lambda one: abs(one[0] - session.first_us), default=None)
        if nearest and abs(nearest[0] - session.first_us) < SAME_US:
            pairs.append((session.microseconds, nearest[1]))
    logged, seen = (Histogram.of(column) for column in zip(*pairs, strict=True))
    figures = {}
    agree = True
    for name, quantile in QUANTILES.items():
        ours, theirs = logged.percentile(quantile), seen.percentile(quantile)
        agree &= abs(ours - theirs) <= max(WITHIN * theirs, FLOOR_US)
        figures[name] = {"log ms": ours / 1000, "capture ms": theirs / 1000}
    near = sum(abs(ours - theirs) <= max(WITHIN * theirs, FLOOR_US) for ours, theirs in pairs)
    return {
        "logged": len(summary.sessions.longest()),
        "captured": sum(len(sessions) for sessions in captured.values()),
        "matched": len(pairs),
        "within 5 %, each by itself": round(near / len(pairs), 4),
        "difference of the sum": round(sum(a for a, _ in pairs) / sum(b for _, b in pairs) - 1, 5),
        "percentiles": figures,
        "agree": agree,
    }


def sessions_of(capture: Path) -> defaultdict[str, list[tuple[int, int]]]:
    """Return client as "ADDRESS/PORT" -> when its sessions began and how long they took, in microseconds."""
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    with capture.open("rb") as file:
        decoder = Decoder(read(file), [53])
        for decoded in decoder:
            some = decoded.connections
            some = some.only((some.queried_ns < NEVER) & (some.responses > 0))
            columns = (some.client, some.client_port, some.queried_ns, some.busy_until_ns)
            for client, port, first, last in zip(*(one.tolist() for one in columns), strict=True):
                session = first // 1000, (last - first) // 1000
                found[f"{decoder.addresses[client]}/{port}"].append(session)
    return found


def record(log: Path, capture: Path, name: str) -> None:
    """Record a load on the copy of kube-dns in a lab."""
    kubeconfig = lab(["up", "--topology", TOPOLOGY, "--name", name])
    try:
        cluster = connect(read_kubeconfig(Path(kubeconfig), f"clusterdns-lab-{name}"), 30)
        prober = Prober(cluster, ready_timeout=60, agent_timeout=30)
        pods = start_pods(cluster, prober)
        copy = copied(cluster)
        service = cluster.find("services", "kube-dns", namespace=NAMESPACE)
        upstream = cluster.find("services", "kube-dns-upstream", namespace=NAMESPACE)
        if service is None or upstream is None:
            raise LookupError("the lab has no NodeLocal DNSCache before kube-dns")
        retarget(cluster, upstream, OWN_LABELS)
        time.sleep(5)  # until the node caches have left the others
        node, of_pod = copy["spec"]["nodeName"], ("-i", device(name, copy), "tcp port 53")
        with capturing(capture, name, node, of_pod, SECONDS + 20), logging(log, cluster, copy):
            plans = [
                (pods[0], plan(service["spec"]["clusterIP"], BY_TCP / 2)),
                (pods[1], plan(service["spec"]["clusterIP"], BY_TCP / 2)),
                (pods[1], plan(copy["status"]["podIP"], BY_UDP)),
            ]
            run_load_together(prober, plans)
    finally:
        lab(["down", "--name", name])


def copied(cluster: Cluster) -> dict[str, Any]:
    """Make the copy of kube-dns and return its pod, ready."""
    live = live_deployment(cluster)
    if live is None:
        raise LookupError("the lab has no kube-dns")
    cluster.create(debug_copy(live, OWN_LABELS))

    def look() -> dict[str, Any]:
        for pod in cluster.list("pods", namespace=NAMESPACE, labels="reason=debug"):
            if is_ready(pod):
                return pod
        raise NotYet("its pod is not ready")

    return wait_until(look, what=f"Deployment {NAME}", timeout=60)


def plan(address: str, rate: float) -> Plan:
    """Return a smooth load of distinct names."""
    return Plan(address=address, schedule=Constant(rate, SECONDS), templates=[distinct(PARENT, "A")])


def device(name: str, pod: dict[str, Any]) -> str:
    """Return the node's end of a pod's network device."""
    inside = [sys.executable, "-m", "lab", "exec", "--name", name, "--node", pod["spec"]["nodeName"], "--"]
    route = ["ip", "-o", "route", "get", pod["status"]["podIP"]]
    found = subprocess.run([*inside, *route], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    words = found.stdout.split()
    return words[words.index("dev") + 1]


@contextmanager
def logging(path: Path, cluster: Cluster, pod: dict[str, Any]) -> Iterator[None]:
    """Follow a pod's query log; the nanny and the kubelet have some seconds to write down the last lines."""
    where = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/log"
    stop = threading.Event()

    def follow() -> None:
        query = {"container": DNSMASQ, "follow": "true"}
        with path.open("wb") as file:
            for chunk in cluster.chunks(where, query, seconds=SECONDS + 120):
                file.write(chunk)
                if stop.is_set():
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield
    time.sleep(10)
    stop.set()
    thread.join(30)


if __name__ == "__main__":
    main()
