"""An API server in trouble: a moment's is got over, a lasting one is "not measurable"; never a verdict."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.proof.conftest import ROOT, Lab, Result
from tests.proof.faults.leftovers import namespaces
from tests.proof.faults.proxy import HARMLESS, Fault, Injection, Proxy
from tests.proof.skips import NO_FOREIGN_SUFFIX

_SECONDS = 240.0
_CLUSTERDNS = "import sys; from clusterdns.cli import main; sys.exit(main())"
_CONTEXT = ("--kube-context=faults", "--api-timeout=5")


@dataclass(frozen=True)
class Ended:
    """A command that ran through the proxy: its exit code, output, report, and how many requests were hit."""

    code: int
    output: str
    report: dict[str, Any]
    injected: int


Through = Callable[..., Ended]


@pytest.fixture
def through(lab: Lab, tmp_path: Path) -> Through:
    """Runs `clusterdns` or the suite with a fault between it and the lab's API server."""

    def run(injection: Injection, *arguments: str) -> Ended:
        folder = tmp_path / "report"
        with Proxy(lab.kubeconfig, injection) as proxy:
            kubeconfig = f"--kubeconfig={proxy.kubeconfig(tmp_path / 'kubeconfig')}"
            program = (
                ["-c", _CLUSTERDNS, *arguments]
                if arguments[0] == "audit"
                else ["-m", "pytest", "--cluster=kubeconfig", f"--report-dir={folder}", *arguments]
            )
            done = subprocess.run(
                [sys.executable, *program, kubeconfig, *_CONTEXT],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            file = folder / "report.json"
            report = json.loads(file.read_text()) if file.exists() else {}
            return Ended(done.returncode, done.stdout, report, proxy.injected)

    return run


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("fault", sorted(HARMLESS))
def test_an_audit_gets_over_a_moments_trouble(fault: Fault, through: Through) -> None:
    ended = through(Injection(fault, first=3, count=1), "audit")
    assert (ended.code, ended.injected) == (0, 1), ended.output


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.HTML, Fault.SILENT])
def test_an_audit_says_in_one_line_that_it_could_not_measure(fault: Fault, through: Through) -> None:
    ended = through(Injection(fault, first=1), "audit")
    assert ended.code == 6, ended.output
    assert len(ended.output.splitlines()) == 1


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_a_run_gets_over_an_outage_of_three_seconds(lab: Lab, through: Through) -> None:
    ended = through(Injection(Fault.RESET, first=50, seconds=3), "--check=resolver", "--probe-nodes=1")
    assert ended.code == 0, ended.output
    assert ended.injected >= 1
    assert Result(ended.code, ended.output, ended.report).ids("skipped") == NO_FOREIGN_SUFFIX
    assert namespaces(lab) == []
