"""Signals at random instants: whatever a run or a command is doing then, it leaves nothing behind."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.conftest import ROOT, Lab
from tests.proof.faults.leftovers import namespaces

_SERIES = 30
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CLUSTERDNS = "import sys; from clusterdns.cli import main; sys.exit(main())"
_RUN_SECONDS, _COMMAND_SECONDS = 20.0, 1.5  # about as long as they take
_END_SECONDS = 120.0


@pytest.mark.long
@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("number", range(_SERIES))
def test_a_signal_at_any_instant_leaves_nothing(number: int, lab: Lab, tmp_path: Path) -> None:
    chance = random.Random(number)  # noqa: S311 - instants that can be had again
    target = [f"--kubeconfig={lab.kubeconfig}", f"--kube-context={lab.context}"]
    suite = ["-m", "pytest", "--cluster=kubeconfig", "--probe-nodes=1", f"--report-dir={tmp_path / 'report'}"]
    commands = {"audit": ["-c", _CLUSTERDNS, "audit"], "cleanup": ["-c", _CLUSTERDNS, "cleanup"]}
    program = chance.choice([suite, suite, *commands.values()])
    seconds = chance.uniform(0, _RUN_SECONDS if program is suite else _COMMAND_SECONDS)
    how = chance.choice(_SIGNALS)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, *program, *target],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            output, _ = process.communicate(timeout=_END_SECONDS)
    # The run's own code where it had ended, the signal's while Python itself starts or ends.
    assert process.returncode in (0, 2, -how), output
    assert "Traceback" not in output, output
    assert not [path for path in temporary.rglob("*") if path.is_file() and "pytest-of" not in str(path)]
    assert not list(temporary.rglob("*kubeconfig*"))
    assert namespaces(lab) == []
    report = tmp_path / "report" / "report.json"
    assert not report.exists() or json.loads(report.read_text())["run"]
