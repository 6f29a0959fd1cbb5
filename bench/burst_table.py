"""The burst table: the same bursts along every path, as the suite itself measures them.

    python bench/burst_table.py [--json FILE]

Boots one lab per path, one after the other, and runs the suite's load profile on it with
10, 30 and 60 queries at once from each of two nodes, five times a second for 6 s, or until
there are enough for a p99. Single runs: compare rows, not absolute figures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAME = "burst-table"
SECONDS = {10: 12, 30: 6, 60: 6}  # by queries at once from each of two nodes


@dataclass(frozen=True)
class Row:
    """One row: a topology, as it is or broken, and which of the suite's two paths through it."""

    label: str
    topology: str
    case: str = "bursts"
    breakage: str | None = None


ROWS = (
    Row("NodeLocal force_tcp -> dnsmasq, limit 20", "gke-kubedns-nodelocal"),
    Row("straight to kube-dns-upstream by UDP", "gke-kubedns-nodelocal", "bursts-direct"),
    Row(
        "NodeLocal without force_tcp -> dnsmasq",
        "gke-kubedns-nodelocal",
        breakage="nodelocal-without-force-tcp",
    ),
    Row("NodeLocal force_tcp -> CoreDNS", "coredns-nodelocal"),
    Row(
        "NodeLocal force_tcp -> dnsmasq, --max-tcp-connections=200",
        "gke-kubedns-nodelocal",
        breakage="max-tcp-connections-raised",
    ),
)


def run(*argv: str, check: bool = True) -> None:
    """Run one of our own commands; its output is shown only where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        sys.exit(done.stdout + done.stderr)


def measure(row: Row, size: int, folder: Path) -> dict[str, Any]:
    """Return what the suite measured of the load on a fresh lab, so that no row sees another's aftermath."""
    run("lab", "up", "--name", NAME, "--topology", row.topology)
    try:
        if row.breakage:
            run("lab", "break", "--name", NAME, row.breakage)
        arguments = ["--cluster=lab", f"--lab-name={NAME}", f"--lab-topology={row.topology}", "--keep"]
        arguments += ["--profile=load", "--check=saturation.conntrack,saturation.listen-overflow"]
        arguments += [f"--burst-size={size}", f"--burst-seconds={SECONDS[size]}"]
        arguments += [f"--report-dir={folder}", "-k", f"[{row.case}]"]
        run("pytest", *arguments, check=False)  # that checks fail is what some rows are about
    finally:
        run("lab", "down", "--name", NAME)
    report = json.loads((folder / "report.json").read_text())
    checks = {one["id"]: one for one in report["checks"]}
    load: dict[str, Any] = checks["saturation.conntrack"]["measurements"]["load"]
    overflow = checks["saturation.listen-overflow"]["measurements"].get("overflows_and_drops", {})
    return {**load, "listen_overflows": sum(overflow.values())}


def cell(load: dict[str, Any]) -> str:
    """Return one cell of the table."""
    latency, servfail = load["latency"], load["rcodes"].get("SERVFAIL", 0)
    words = [f"p99 {latency['p99_ms']:,.1f} ms", f"max {latency['max_ms']:,.0f} ms"]
    words += [f"{load['lost']} lost"] if load["lost"] else []
    words += [f"{servfail} SERVFAIL"] if servfail else []
    words += [f"{load['listen_overflows']} overflows"] if load["listen_overflows"] else []
    return ", ".join(words)


def main() -> None:
    """Measure every row and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    print(f"| path | {' | '.join(f'{2 * size} at once ({10 * size} qps)' for size in SECONDS)} |")
    print(f"|---|{'---|' * len(SECONDS)}")
    with tempfile.TemporaryDirectory() as folder:
        for row in ROWS:
            loads = {size: measure(row, size, Path(folder)) for size in SECONDS}
            figures[row.label] = {str(2 * size): load for size, load in loads.items()}
            print(f"| {row.label} | {' | '.join(cell(load) for load in loads.values())} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
