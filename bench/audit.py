"""`clusterdns audit` of a large cluster: API objects of a lab, without kubelets behind them.

`python -m bench.audit [--name LAB] [--nodes N] [--pods N]` boots a lab, fills it, audits it three times
and ends it; prints JSON. Times in seconds, memory as the largest resident set in MiB.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clusterdns.cluster.api import Cluster, connect
from clusterdns.cluster.kubeconfig import read
from clusterdns.parallel import in_parallel

ROOT = Path(__file__).parents[1]
TOPOLOGY = "gke-kubedns-nodelocal"
RUNS = 3
IMAGES_PER_NODE = 50  # what a kubelet reports at most
POD_NAMESPACES = ("kube-system", "default")
_DAEMONSET_SECONDS = 600

# A process of its own measures: a child's largest resident set is at least its parent's.
_MEASURED = """
import json, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[1:], check=False).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
told = {"seconds": seconds, "MiB": used.ru_maxrss / 1024, "cpu seconds": cpu}
print(json.dumps({name: round(value, 2) for name, value in told.items()}), file=sys.stderr)
sys.exit(code)
"""


def main() -> None:
    """Fill, audit, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="bench-audit")
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=50_000)
    options = parser.parse_args()
    lab("up", "--topology", TOPOLOGY, "--name", options.name)
    try:
        kubeconfig = Path(json.loads(lab("status", "--json", "--name", options.name))["kubeconfig"])
        context = f"clusterdns-lab-{options.name}"
        cluster = connect(read(kubeconfig, context), 60)
        began = time.monotonic()
        fill(cluster, options.nodes, options.pods)
        filled = time.monotonic() - began
        runs = [audit(kubeconfig, context) for _ in range(RUNS)]
        found = {
            "nodes": sum(1 for _ in cluster.list("nodes")),
            "pods": sum(1 for _ in cluster.list("pods", namespace="default"))
            + sum(1 for _ in cluster.list("pods", namespace="kube-system")),
            "filled in": round(filled, 1),
            "audits": runs,
        }
        print(json.dumps(found, indent=2))
    finally:
        lab("down", "--name", options.name)


def fill(cluster: Cluster, nodes: int, pods: int) -> None:
    """Make nodes and pods; the DaemonSet of the node cache gives every node one of these."""
    names = [f"large-{index:05}" for index in range(nodes)]
    in_parallel(cluster.create, (node(name) for name in names))
    others = list(bulk(names, pods - nodes))
    in_parallel(cluster.create, others)
    end = time.monotonic() + _DAEMONSET_SECONDS
    while time.monotonic() < end:
        status = (cluster.find("daemonsets", "node-local-dns", api="apps/v1", namespace="kube-system") or {})[
            "status"
        ]
        if status.get("currentNumberScheduled", 0) >= nodes:
            return
        time.sleep(2)
    raise TimeoutError(f"the node cache's pods were not all made within {_DAEMONSET_SECONDS} s")


def node(name: str) -> dict[str, Any]:
    """Return a node as its kubelet registers it."""
    images = [
        {"names": [f"images.example/team/application-{index}@sha256:{index:064}"], "sizeBytes": 10**8}
        for index in range(IMAGES_PER_NODE)
    ]
    resources = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    labels = {"kubernetes.io/os": "linux", "cloud.google.com/gke-nodepool": "large"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**labels, "topology.kubernetes.io/zone": "z"}},
        "status": {"capacity": resources, "allocatable": resources, "images": images},
    }


def bulk(nodes: list[str], count: int) -> Iterator[dict[str, Any]]:
    """Yield pods that serve no DNS: one per node in kube-system, as kube-proxy is, the others elsewhere."""
    environment = [{"name": f"SETTING_{index}", "value": "x" * 40} for index in range(20)]
    for index in range(count):
        in_system = index < len(nodes)
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"bulk-{index:05}", "namespace": POD_NAMESPACES[0 if in_system else 1]},
            "spec": {
                "nodeName": nodes[index % len(nodes)],
                "tolerations": [{"operator": "Exists"}],
                "automountServiceAccountToken": False,
                "containers": [{"name": "main", "image": "images.example/none:1", "env": environment}],
            },
        }


def audit(kubeconfig: Path, context: str) -> dict[str, float]:
    """Run the command as a user does; return its time and memory."""
    command = [str(Path(sys.executable).parent / "clusterdns"), "audit", "--json"]
    command += ["--kubeconfig", str(kubeconfig), "--kube-context", context, "--api-timeout", "30"]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], capture_output=True, text=True, check=False
    )
    if not done.stdout:
        raise RuntimeError(f"the audit said nothing: {done.stderr}")
    report = json.loads(done.stdout)
    usage = json.loads(done.stderr.splitlines()[-1])
    return {
        **usage,
        "exit code": done.returncode,
        "nodes seen": len(report["checks"][0]["measurements"]["nodes"]),
    }


def lab(*arguments: str) -> str:
    """Run a verb of the lab; return what it prints."""
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
