"""The load generator, measured where it runs: in a pod of a lab.

`python -m bench.load [--name LAB]` boots a lab, ends it, and prints JSON:

- "pace": how well it keeps its plan, and what that costs, dnsperf beside it, against a server in the same pod
  that answers at once. Lag in us; CPU as a share of a core.
- "truth": latency from sent to received beside that of a capture of the same queries, at rest and while the
  server's TCP workers are all taken. In us; "difference" is query by query.

Figures of a machine that does other work at the same time tell about that work.
"""

import argparse
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from clusterdns.capture.queries import read_queries
from clusterdns.cluster.api import Cluster, connect
from clusterdns.formats.pcap import read
from clusterdns.model.latency import Histogram
from clusterdns.model.load import PodLoad
from clusterdns.probing.capturing import capturing
from clusterdns.probing.load import Bursts, Constant, Plan, Poisson, Schedule, distinct, run_load
from clusterdns.probing.pods import ProbePod, Prober, agent_configmap, on_node

ROOT = Path(__file__).parents[1]
TOPOLOGY = "gke-kubedns-nodelocal"
IMAGE = "clusterdns.lab/probe:1"
NAMESPACE = "bench-load"
PORT = 5300
SECONDS = 5
RATES = (1500, 10_000)
PARENT = "default.svc.cluster.local"
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}

# Answers every query at once, for at most two minutes.
REFLECTOR = f"""
import signal, socket
signal.alarm(120)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
server.bind(("127.0.0.1", {PORT}))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    server.sendto(query[:2] + b"\\x80" + query[3:], client)
"""
DNSPERF = (
    "seq -f 'd%%.0f.default.svc.cluster.local A' 1000000 |"
    f" dnsperf -s 127.0.0.1 -p {PORT} -l {SECONDS} -c 16 -q 65535 -Q %d; times"
)


def microseconds(values: Histogram) -> dict[str, float]:
    """Returns the percentiles that tell about tails."""
    return {name: round(values.percentile(quantile) / 1e3, 1) for name, quantile in QUANTILES.items()}


def pace(cluster: Cluster, prober: Prober, pod: ProbePod) -> list[dict[str, Any]]:
    """Measures lag and CPU at several rates."""
    schedules: list[Schedule] = [Bursts(60, 0.2, SECONDS)]
    for rate in RATES:
        schedules += [Constant(rate, SECONDS), Poisson(rate, SECONDS)]
    rows = []
    with cluster.exec(pod.namespace, pod.name, "capture", ["python3", "-c", REFLECTOR]) as reflector:
        reflector.read_line(20)
        for schedule in schedules:
            plan = Plan(
                address="127.0.0.1",
                port=PORT,
                schedule=schedule,
                templates=[distinct(PARENT, "A")],
                deadline=2,
            )
            result = run_load(prober, pod, plan)
            row = {
                "plan": str(schedule),
                "queries": len(result.samples),
                "lost": result.samples.lost,
                "lag": microseconds(result.samples.lag()),
                "cpu_share": round(result.cpu_seconds / SECONDS, 3),
            }
            if isinstance(schedule, Constant):
                row["dnsperf"] = dnsperf(cluster, pod, schedule.rate)
            rows.append(row)
    return rows


def dnsperf(cluster: Cluster, pod: ProbePod, rate: float) -> dict[str, Any]:
    """Runs dnsperf at the same rate against the same server."""
    with cluster.exec(pod.namespace, pod.name, "probe", ["sh", "-c", DNSPERF % rate]) as session:
        said = "\n".join(iter(lambda: session.read_line(SECONDS + 30), None))
    # The last line of `times` is the children's: user and system, minutes and seconds.
    spent = re.findall(r"(\d+)m([\d.]+)s", said)[-2:]
    return {
        "queries": int(re.findall(r"Queries sent: +(\d+)", said)[0]),
        "lost": int(re.findall(r"Queries lost: +(\d+)", said)[0]),
        "cpu_share": round(sum(60 * int(m) + float(s) for m, s in spent) / SECONDS, 3),
    }


def truth(prober: Prober, pod: ProbePod, address: str) -> list[dict[str, Any]]:
    """Compares with a capture, at rest and in saturation."""
    rows = []
    for schedule in (Constant(200, SECONDS), Bursts(60, 0.2, SECONDS)):
        template = distinct(PARENT, "A")
        with capturing(prober, pod, 120) as captured:
            result = run_load(prober, pod, Plan(address=address, schedule=schedule, templates=[template]))
        rows.append({"plan": str(schedule), **compared(result, captured.pcap)})
    return rows


def compared(result: PodLoad, pcap: bytes) -> dict[str, Any]:
    """Lays the generator's figures beside those of a capture of it."""
    seen = {
        int(query.name.partition(".")[0].rpartition("-")[2]): query.response_ns - query.time_ns
        for query in read_queries(read(io.BytesIO(pcap)))
        if query.response_ns is not None
    }
    own = {number: ns for number, ns in enumerate(result.samples.elapsed_ns) if ns >= 0}
    return {
        "queries": len(result.samples),
        "load": {"lost": result.samples.lost, **microseconds(Histogram.of(own.values()))},
        "capture": {
            "lost": len(result.samples) - len(seen),
            **microseconds(Histogram.of(seen.values())),
        },
        "difference": microseconds(
            Histogram.of(abs(own[one] - seen[one]) for one in own.keys() & seen.keys())
        ),
        "rcodes": dict(result.samples.rcode_counts()),
    }


def start_pod(cluster: Cluster, prober: Prober) -> ProbePod:
    """Makes a pod that can send and capture."""
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    cluster.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    )
    template = yaml.safe_load((ROOT / "manifests" / "probe" / "capture.yaml").read_text())
    pod = on_node(template, "node-1", IMAGE, "load")
    agent = agent_configmap()
    for manifest in (agent, pod):
        manifest["metadata"]["namespace"] = NAMESPACE
    cluster.create(agent)
    return prober.start([pod])[0]


def lab(arguments: Iterable[str]) -> str:
    """Runs `python -m lab`."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def main() -> None:
    """Measures, and prints what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="bench", help="of the lab to boot and to end")
    name = parser.parse_args().name
    kubeconfig = lab(["up", "--topology", TOPOLOGY, "--name", name])
    try:
        cluster = connect(Path(kubeconfig), f"clusterdns-lab-{name}", 30)
        prober = Prober(cluster, ready_timeout=60, agent_timeout=30)
        pod = start_pod(cluster, prober)
        service = cluster.find("services", "kube-dns", namespace="kube-system")
        if service is None:
            raise LookupError("the lab has no kube-dns Service")
        found = {
            "pace": pace(cluster, prober, pod),
            "truth": truth(prober, pod, service["spec"]["clusterIP"]),
        }
    finally:
        lab(["down", "--name", name])
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
