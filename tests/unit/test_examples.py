"""The examples for CI systems run as they stand, with a command in place of a cluster's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

CI = Path(__file__).parents[2] / "examples" / "ci"

# Writes down how it was called, and ends as it is told for the first and for the second call.
COMMAND = """#!/bin/sh
echo "$*" >> calls
case "$*" in *report/before\\ *|*report/before) exit $BEFORE;; *) exit $AFTER;; esac
"""


@pytest.mark.parametrize(
    ("before", "after", "code", "calls"),
    [(0, 0, 0, 3), (1, 1, 1, 3), (0, 1, 1, 3), (0, 6, 6, 3), (6, 0, 6, 1), (4, 0, 4, 1)],
)
def test_the_gate_measures_upgrades_and_compares(
    tmp_path: Path, before: int, after: int, code: int, calls: int
) -> None:
    command = tmp_path / "bin" / "clusterdns"
    command.parent.mkdir()
    command.write_text(COMMAND)
    command.chmod(0o755)
    environment = {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "KUBECONFIG_FILE": "config",
        "KUBE_CONTEXT": "c",
        "UPGRADE": "echo upgraded >> calls",
        "BEFORE": str(before),
        "AFTER": str(after),
    }
    ended = subprocess.run(["sh", CI / "gate.sh"], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == code
    target = "test --cluster kubeconfig --kubeconfig config --kube-context c --profile core --report-dir"
    expected = [
        f"{target} report/before",
        "upgraded",
        f"{target} report/after --baseline report/before/report.json",
    ]
    assert (tmp_path / "calls").read_text().splitlines() == expected[:calls]


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_systems_run_the_gate_with_all_that_it_reads(name: str) -> None:
    text = (CI / name).read_text()
    assert yaml.safe_load(text)
    assert "sh examples/ci/gate.sh" in text
    for variable in ("KUBE_CONTEXT", "UPGRADE", "PROFILE", "KUBECONFIG_FILE"):
        assert variable in text
