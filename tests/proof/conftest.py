"""Labs to prove things on, and the suite run on them as a user runs it."""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from lab import breakage, topology
from tests.hang_ups import hang_ups_are_heard  # noqa: F401 - a fixture
from tests.proof.quiet import LAG_LIMIT_MS, could_not_measure, not_measured, wait_until_quiet

ROOT = Path(__file__).resolve().parents[2]
_LAB_SECONDS = 2400.0  # the first one builds everything
_SUITE_SECONDS = 300.0


@dataclass(frozen=True)
class Lab:
    """A running lab."""

    name: str
    topology: str
    kubeconfig: Path

    @property
    def context(self) -> str:
        """The kubeconfig's one context."""
        return f"clusterdns-lab-{self.name}"


@dataclass(frozen=True)
class Result:
    """A run of the suite: its exit code, what it printed, its report."""

    code: int
    output: str
    report: dict[str, Any]

    def ids(self, outcome: str) -> set[str]:
        """Return the checks with at least one case of an outcome."""
        return {check["id"] for check in self.report["checks"] if check["outcome"] == outcome}

    def causes(self) -> set[str]:
        """Return the ids of the causes that it names."""
        return {cause["id"] for cause in self.report["causes"]}

    def case(self, check: str, case: str | None = None) -> dict[str, Any]:
        """Return one case of a check."""
        matching = (entry for entry in self.report["checks"] if (entry["id"], entry["case"]) == (check, case))
        return dict(next(matching))


def lab_command(*arguments: str) -> str:
    """Run `python -m lab …` to its end; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_LAB_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_LABS = {name: breakage.load(name).lab for name in breakage.names()}
_MANY = 5  # breakages that are worth a boot of their own


class _ByLab(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives all that needs one lab to one worker, whatever file it is in; many breakages by themselves."""

    def _split_scope(self, nodeid: str) -> str:
        case = nodeid.partition("[")[2].rstrip("]")
        name = _LABS.get(case, case)
        plain = f"-{name.partition('+')[0]}"  # another parameter's value may come before the lab's
        topology_name = next((known for known in topology.names() if plain.endswith(f"-{known}")), None)
        suffix = name[len(plain) - 1 :]
        apart = case in _LABS and list(_LABS.values()).count(name) >= _MANY
        return f"{topology_name}{suffix} {apart}" if topology_name else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Schedule by lab."""
    return _ByLab(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what sends load be the last on its lab: what it saturates stays so for a while."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run's, which every worker sees."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest, shared_folder: Path) -> Iterator[None]:
    """Let workers run side by side, but nothing beside a test that is marked `alone`, on a quiet machine."""
    alone = request.node.get_closest_marker("alone") is not None
    with (shared_folder / "door").open("w") as door, (shared_folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)  # who waits for the room to be empty lets nobody else in
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        lag = wait_until_quiet() if alone else 0
        if lag > LAG_LIMIT_MS:
            not_measured(f"the machine is busy: timers are {lag:.1f} ms late", shared_folder / "unmeasured")
        yield


class Labs:
    """The lab that runs: one at a time, until another is asked for."""

    def __init__(self) -> None:
        """Run none yet."""
        self._runs: Lab | None = None
        self._wanted = ""

    def of(self, wanted: str) -> Lab:
        """Return the lab of a topology, and of the add-ons behind a "+"."""
        if self._runs and self._wanted == wanted:
            return self._runs
        self.down()
        topology, *addons = wanted.split("+")
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")  # two of them may need a lab of one kind
        name = "-".join((worker, topology.replace(".", "-"), *(addon[0] for addon in addons)))
        lab_command("down", "--name", name)  # what a killed session left, broken as it may be
        up = ["up", "--topology", topology, "--name", name, "--with", ",".join(addons)]
        self._runs = Lab(name, topology, Path(lab_command(*up).strip()))
        self._wanted = wanted
        return self._runs

    def down(self) -> None:
        """Take it down."""
        if self._runs:
            lab_command("down", "--name", self._runs.name)
            self._runs = None


@pytest.fixture(scope="session")
def labs() -> Iterator[Labs]:
    """Not itself parametrised: pytest would make a lab anew for every test that names it."""
    labs = Labs()
    yield labs
    labs.down()


@pytest.fixture
def lab(request: pytest.FixtureRequest, labs: Labs) -> Lab:
    """The lab that the test is parametrised with."""
    return labs.of(request.param)


@pytest.fixture
def suite(request: pytest.FixtureRequest, tmp_path: Path, shared_folder: Path) -> Callable[..., Result]:
    """Runs the conformance suite in a process of its own, as a user does."""
    alone = request.node.get_closest_marker("alone") is not None

    def run(*arguments: str) -> Result:
        folder = tmp_path / "report"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", f"--report-dir={folder}", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SUITE_SECONDS,
            check=False,
        )
        file = folder / "report.json"
        report = json.loads(file.read_text()) if file.exists() else {"checks": [], "causes": []}
        if alone and (reason := could_not_measure(report)):
            not_measured(reason, shared_folder / "unmeasured")
        return Result(done.returncode, done.stdout, report)

    return run


def on(lab: Lab) -> list[str]:
    """Return the arguments that point the suite at a lab."""
    return ["--cluster=lab", f"--lab-name={lab.name}", f"--lab-topology={lab.topology}", "--keep"]
