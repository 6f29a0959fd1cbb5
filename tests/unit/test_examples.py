"""The examples for CI systems run as they stand, with a command in place of a cluster's."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

CI = Path(__file__).parents[2] / "examples" / "ci"

# Writes down how it was called, and ends as it is told for the first and for the second call.
COMMAND = """#!/bin/sh
echo "$*" >> calls
case "$*" in
    *report/before\\ *|*report/before) exit $BEFORE;;
    *report/during) mkdir -p report/during; touch report/during/soaking; exec sleep 60;;
    *) exit $AFTER;;
esac
"""


TARGET = "test --cluster kubeconfig --kubeconfig config --kube-context c --profile"


def gate(folder: Path, **more: str) -> dict[str, str]:
    """Put a command in place of the suite's; return the environment of the gate."""
    command = folder / "bin" / "clusterdns"
    command.parent.mkdir()
    command.write_text(COMMAND)
    command.chmod(0o755)
    return {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "KUBECONFIG_FILE": "config",
        "KUBE_CONTEXT": "c",
        "UPGRADE": "echo upgraded >> calls",
        **more,
    }


@pytest.mark.parametrize(
    ("before", "after", "code", "calls"),
    [(0, 0, 0, 3), (1, 1, 1, 3), (0, 1, 1, 3), (0, 6, 6, 3), (6, 0, 6, 1), (4, 0, 4, 1)],
)
def test_the_gate_measures_upgrades_and_compares(
    tmp_path: Path, before: int, after: int, code: int, calls: int
) -> None:
    environment = gate(tmp_path, BEFORE=str(before), AFTER=str(after))
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == code
    expected = [
        f"{TARGET} core --report-dir report/before",
        "upgraded",
        f"{TARGET} core --report-dir report/after --baseline report/before/report.json",
    ]
    assert (tmp_path / "calls").read_text().splitlines() == expected[:calls]


def test_a_soak_goes_on_beside_the_upgrade_and_ends_after_it(tmp_path: Path) -> None:
    environment = gate(tmp_path, SOAK="30m", BEFORE="0", AFTER="0")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 128 + signal.SIGTERM  # what stands in for the soak is ended by the signal
    soak = f"{TARGET} soak --soak 30m --report-dir report/during"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"{TARGET} core --report-dir report/before",
        soak,
        "upgraded",
        f"{TARGET} core --report-dir report/after --baseline report/before/report.json",
    ]


def test_an_upgrade_that_fails_ends_the_soak_and_the_gate(tmp_path: Path) -> None:
    environment = gate(tmp_path, SOAK="30m", BEFORE="0", AFTER="0", UPGRADE="exit 9")
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False, timeout=50)
    assert ended.returncode == 9
    assert len((tmp_path / "calls").read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_systems_run_the_gate_with_all_that_it_reads(name: str) -> None:
    text = (CI / name).read_text()
    assert yaml.safe_load(text)
    assert "sh examples/ci/gate.sh" in text
    for variable in ("KUBE_CONTEXT", "UPGRADE", "PROFILE", "KUBECONFIG_FILE"):
        assert variable in text
