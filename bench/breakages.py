"""What the suite makes of every breakage: the cause it names first, what that explains, how long it takes.

`python -m bench.breakages [--name LAB] [BREAKAGE ...]` boots a lab for each topology, one at a time, measures
it healthy, then with each of its breakages (all of them where none is given), mends it and ends it. It prints
the table of docs/decisions/0094 as Markdown, a row as soon as it is known.

A breakage of profile core is judged by the whole profile, any other by the checks that it names.
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


def main() -> None:
    """Break, judge, mend; print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("breakages", nargs="*", metavar="BREAKAGE")
    parser.add_argument("--name", default="bench-breakages")
    options = parser.parse_args()
    names = options.breakages or breakage.names()
    every = sorted(map(breakage.load, names), key=lambda broken: (broken.lab, broken.profile != Profile.CORE))
    print(f"| {' | '.join(_HEAD)} |\n|{'---|' * len(_HEAD)}", flush=True)
    for wanted, alike in groupby(every, key=lambda broken: broken.lab):
        with lab(options.name, wanted):
            where = ["--cluster=lab", f"--lab-name={options.name}", f"--lab-topology={wanted.split('+')[0]}"]
            healthy = judge([*where, "--keep", "--profile=core"])
            print(f"| **{wanted}** | {row(healthy, frozenset(healthy.causes), healthy)} |", flush=True)
            for broken in alike:
                try:
                    cells = row(judged(broken, options.name, [*where, "--keep"]), broken.names, healthy)
                except (RuntimeError, subprocess.SubprocessError) as error:
                    cells = str(error)
                print(f"| {broken.name} | {cells} |", flush=True)


def judged(broken: breakage.Breakage, name: str, where: list[str]) -> Judgement:
    """Break a lab, run the suite on it, and mend it."""
    run_lab("break", "--name", name, broken.name)
    try:
        own = [f"--check={','.join(broken.checks)}"] if broken.profile != Profile.CORE else []
        return judge([*where, f"--profile={broken.profile}", *broken.options, *own])
    finally:
        run_lab("mend", "--name", name, broken.name)


def row(measured: Judgement, declared: frozenset[str], healthy: Judgement) -> str:
    """Return what a run said, as the cells of a row.

    Args:
        measured: The run.
        declared: The causes that it shall name; besides, it may name those of the topology itself.
        healthy: The run on what was not broken.
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
            f"{measured.seconds / healthy.seconds:.1f}",
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


@contextmanager
def lab(name: str, wanted: str) -> Iterator[None]:
    """Run a lab of a topology, and of the add-ons behind a "+", while the context lasts."""
    topology, *addons = wanted.split("+")
    run_lab("up", "--topology", topology, "--name", name, "--with", ",".join(addons))
    try:
        yield
    finally:
        run_lab("down", "--name", name)


def run_lab(*arguments: str) -> None:
    """Run a verb of the lab."""
    command = [sys.executable, "-m", "lab", *arguments]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
