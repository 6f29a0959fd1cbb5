"""A node that is lost while a run goes on is named, and never taken for a fault of the cluster's DNS."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import place, state
from tests.proof.conftest import ROOT, Lab, Result, on
from tests.proof.faults.node_faults import remove_probes, running
from tests.proof.skips import skipped_on

_SECONDS = 300.0


@pytest.mark.long
@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0, 4.0])
def test_a_node_that_is_lost_in_mid_run_is_named_and_the_others_are_judged(
    seconds: float, lab: Lab, tmp_path: Path
) -> None:
    kubectl = place.kubectl(state.running(lab.name))
    folder = tmp_path / "report"
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *on(lab), f"--report-dir={folder}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while running(kubectl) < 14 and process.poll() is None:  # seven on each node
            time.sleep(0.2)
        time.sleep(seconds)
        remove_probes(kubectl)
        output, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode == 0, output
    report = json.loads((folder / "report.json").read_text())
    named = report["cluster"]["nodes not measured"]
    assert [node.partition(":")[0] for node in named] == ["node-2"], output
    assert Result(process.returncode, output, report).ids("skipped") == skipped_on(lab.topology)
