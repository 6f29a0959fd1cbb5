"""A node that is lost while a run goes on is named, and never taken for a fault of the cluster's DNS."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import breakage, state
from lab.kubectl import Kubectl
from tests.proof.conftest import ROOT, Lab, on

_PROBES = "--selector=clusterdns.io/run"
_AT = "--field-selector=spec.nodeName=node-2"
_AT_ONCE = ("--grace-period=0", "--force", "--wait=false")
_SECONDS = 300.0


def remove_probes(kubectl: Kubectl) -> None:
    """Remove what a run has on a node."""
    listed = json.loads(kubectl("get", "pods", "--all-namespaces", _PROBES, _AT, "--output=json"))
    for pod in listed["items"]:
        metadata = pod["metadata"]
        if metadata["name"].partition("-")[0] not in ("web", "unready"):  # what records are asked for stays
            kubectl("delete", "pod", metadata["name"], f"--namespace={metadata['namespace']}", *_AT_ONCE)


def running(kubectl: Kubectl) -> int:
    """Return how many pods of runs are running."""
    pods = json.loads(kubectl("get", "pods", "--all-namespaces", _PROBES, "--output=json"))["items"]
    return sum(pod["status"].get("phase") == "Running" for pod in pods)


@pytest.mark.long
@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0, 4.0])
def test_a_node_that_is_lost_in_mid_run_is_named_and_the_others_are_judged(
    seconds: float, lab: Lab, tmp_path: Path
) -> None:
    kubectl = breakage.kubectl(state.running(lab.name))
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
    named = json.loads((folder / "report.json").read_text())["cluster"]["nodes not measured"]
    assert [node.partition(":")[0] for node in named] == ["node-2"], output
