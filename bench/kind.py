"""Lab and kind side by side: the same topology and checks, from nothing; times, memory, verdicts.

    tox -e bench -- kind [TOPOLOGY …]

"Pods ready" is when the topology's own pods, the cluster's first, are all Ready. Memory is the greatest sum
of PSS (proc(5), smaps_rollup) of all processes of the cluster, Docker's included, probed every second.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups, state

TOPOLOGIES = ("gke-kubedns",)
NAME = "bench-kind"
COMMANDS = {
    "lab": [sys.executable, "-m", "pytest", "--cluster=lab", f"--lab-name={NAME}"],
    "kind": [sys.executable, "-m", "lab.kind", "run", "--", sys.executable, "-m", "pytest", "--cluster=kind"],
}


@dataclass(frozen=True)
class Run:
    """What a run took: seconds, bytes; and what it said of each check."""

    ready: float
    end: float
    memory: int
    verdicts: dict[tuple[str, str | None], str]


def pss(groups: list[Path]) -> int:
    """Return the memory of all processes in the groups, in bytes."""
    total = 0
    for pid in cgroups.members(groups):
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return total


def measure(cluster: str, topology: str) -> Run:
    """Run the core profile on a cluster that is made for it."""
    samples = [0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1):
            names = [name for name in state.names() if name == NAME or name.startswith("docker-")]
            samples.append(pss([group for name in names for group in state.groups(name)]))

    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        ready = 0.0
        argv = [*COMMANDS[cluster], f"--lab-topology={topology}", f"--report-dir={folder}"]
        threading.Thread(target=watch, daemon=True).start()
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stderr or ():
                if line.split()[-1:] == ["ready"] and "nodes" not in line and "API" not in line:
                    ready = time.monotonic() - began
        end = time.monotonic() - began
        ended.set()
        checks = json.loads(Path(folder, "report.json").read_text())["checks"]
    return Run(ready, end, max(samples), {(one["id"], one["case"]): one["outcome"] for one in checks})


def main() -> None:
    """Print a line per cluster and topology, and what they do not agree on."""
    print(f"{'topology':22} {'cluster':8} {'pods ready':>10} {'core ends':>10} {'memory':>9}  outcomes")
    for topology in sys.argv[1:] or TOPOLOGIES:
        runs = {cluster: measure(cluster, topology) for cluster in COMMANDS}
        for cluster, run in runs.items():
            outcomes = list(run.verdicts.values())
            counted = ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))
            times = f"{run.ready:8.1f} s {run.end:8.1f} s {run.memory >> 20:5} MiB"
            print(f"{topology:22} {cluster:8} {times}  {counted}")
        lab, kind = runs["lab"].verdicts, runs["kind"].verdicts
        differing = {key for key in lab.keys() | kind.keys() if lab.get(key) != kind.get(key)}
        for check, case in sorted(differing, key=str):
            print(f"  {check}[{case}]: lab {lab.get((check, case))}, kind {kind.get((check, case))}")
        print(f"{topology:22} the same verdict on {len(lab.keys() - differing)} of {len(lab)} cases")


if __name__ == "__main__":
    main()
