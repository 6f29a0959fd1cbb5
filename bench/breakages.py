"""What the suite makes of every breakage: the cause it names first, what that explains, how long it takes.

`python -m bench.breakages [--on kind] [--name NAME] [BREAKAGE ...]` boots a lab or a kind cluster for each
topology, one at a time, measures it healthy, then with each of its breakages (all of them where none is
given), mends it and ends it. It prints the table of docs/decisions/0094 as Markdown, a row as soon as it is
known. On kind: `python -m lab.kind run -- python -m bench.breakages --on kind`.

A breakage of profile core is judged by the whole profile, any other by the checks that it names, whose time
is not compared.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from clusterdns.model.profiles import Profile
from lab import breakage

ROOT = Path(__file__).parents[1]
_SECONDS = 900.0  # after which a run is killed
_SHOWN = 4  # checks in a cell
_HEAD = ("Breakage", "Failed checks", "Cause named first", "", "Explained", "Errors", "Seconds", "Of healthy")


@dataclass(frozen=True)
class Judgement:
    """What a run of the suite said."""

    report: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return float(self.report["run"]["duration"])

    def named(self, outcome: str) -> list[str]:
        """Return the names of the cases with an outcome."""
        return [
            f"{check['id']}[{check['case']}]" if check["case"] else check["id"]
            for check in self.report["checks"]
            if check["outcome"] == outcome
        ]

    @property
    def causes(self) -> list[str]:
        """The ids of the causes that it names, in its order."""
        return [cause["id"] for cause in self.report["causes"]]

    @property
    def explained(self) -> set[str]:
        """The names of the failures that a cause explains."""
        return {name for cause in self.report["causes"] for name in cause["explains"]}


class Labs:
    """Labs, one at a time."""

    command = "lab"

    def __init__(self, name: str) -> None:
        """Boot none yet."""
        self.name = name
        self.flags = ["--cluster=lab", f"--lab-name={name}", "--keep"]

    @contextmanager
    def up(self, wanted: str) -> Iterator[None]:
        """Run a lab of a topology, and of the add-ons behind a "+", while the context lasts."""
        topology, *addons = wanted.split("+")
        run_quietly("lab", "up", "--topology", topology, "--name", self.name, "--with", ",".join(addons))
        try:
            yield
        finally:
            run_quietly("lab", "down", "--name", self.name)


class KindClusters:
    """kind clusters, one at a time, which their first run makes."""

    command = "lab.kind"

    def __init__(self, name: str) -> None:
        """Create none yet."""
        self.name = name
        self.flags = ["--cluster=kind", f"--kind-name={name}", "--keep"]

    @contextmanager
    def up(self, wanted: str) -> Iterator[None]:
        """Delete the cluster when the context ends."""
        try:
            judge([*self.flags, f"--lab-topology={wanted}", "--check=topology.identify"])
            yield
        finally:
            subprocess.run(
                ["kind", "delete", "cluster", f"--name={self.name}"], check=True, capture_output=True
            )


def main() -> None:
    """Break, judge, mend; print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("breakages", nargs="*", metavar="BREAKAGE")
    parser.add_argument("--on", choices=("lab", "kind"), default="lab")
    parser.add_argument("--name", default="bench-breakages")
    options = parser.parse_args()
    on_lab = options.on == "lab"
    clusters = Labs(options.name) if on_lab else KindClusters(options.name)
    named = map(breakage.load, options.breakages or breakage.names())
    wanted_here = [broken for broken in named if on_lab or broken.for_any_cluster]
    every = sorted(wanted_here, key=lambda broken: (broken.lab, broken.profile != Profile.CORE))
    print(f"| {' | '.join(_HEAD)} |\n|{'---|' * len(_HEAD)}", flush=True)
    for wanted, alike in groupby(every, key=lambda broken: broken.lab):
        with clusters.up(wanted):
            where = [*clusters.flags, f"--lab-topology={wanted.partition('+')[0]}"]
            healthy = judge([*where, "--profile=core"])
            print(f"| **{wanted}** | {row(healthy, frozenset(healthy.causes), healthy)} |", flush=True)
            for broken in alike:
                try:
                    of_core = broken.profile == Profile.CORE
                    cells = row(judged(broken, clusters, where), broken.names, healthy, of_core=of_core)
                except (RuntimeError, subprocess.SubprocessError) as error:
                    cells = str(error)
                print(f"| {broken.name} | {cells} |", flush=True)


def judged(broken: breakage.Breakage, clusters: Labs | KindClusters, where: list[str]) -> Judgement:
    """Break a cluster, run the suite on it, and mend it."""
    try:
        run_quietly(clusters.command, "break", "--name", clusters.name, broken.name)
        own = [f"--check={','.join(broken.checks)}"] if broken.profile != Profile.CORE else []
        return judge([*where, f"--profile={broken.profile}", *broken.options, *own])
    finally:
        run_quietly(clusters.command, "mend", "--name", clusters.name, broken.name)


def row(measured: Judgement, declared: frozenset[str], healthy: Judgement, *, of_core: bool = True) -> str:
    """Return what a run said, as the cells of a row.

    Args:
        measured: The run.
        declared: The causes that it shall name; besides, it may name those of the topology itself.
        healthy: The run on what was not broken.
        of_core: Whether it was of the same profile, so that its time may be compared.
    """
    of_topology = frozenset(healthy.causes) - declared
    failed, causes = measured.named("failed"), [id_ for id_ in measured.causes if id_ not in of_topology]
    checks = sorted({name.partition("[")[0] for name in failed})
    more = f" and {len(checks) - _SHOWN} more" if len(checks) > _SHOWN else ""
    first = causes[0] if causes else ""
    verdict = ("right" if first in declared else "wrong") if first else ("missing" if declared else "")
    others = ", ".join(sorted(set(causes) - {first} - declared))
    return " | ".join(
        (
            f"{', '.join(checks[:_SHOWN])}{more}",
            first + (f" (also {others})" if others else ""),
            verdict,
            f"{len(measured.explained & set(failed))} of {len(failed)}",
            str(len(measured.named("error"))),
            f"{measured.seconds:.0f}",
            f"{measured.seconds / healthy.seconds:.1f}" if of_core else "",
        )
    )


def judge(arguments: list[str]) -> Judgement:
    """Run the suite as a user does.

    Raises:
        RuntimeError: it wrote no report.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", f"--report-dir={folder}", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        report = Path(folder, "report.json")
        if not report.exists():
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return Judgement(json.loads(report.read_text()))


def run_quietly(program: str, *arguments: str) -> None:
    """Run a verb of the lab's command lines.

    Raises:
        RuntimeError: it failed, with what it said last.
    """
    command = [sys.executable, "-m", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr[-500:].split())
        raise RuntimeError(f"{program} {' '.join(arguments)}: exit code {done.returncode}: {said}")


if __name__ == "__main__":
    main()
