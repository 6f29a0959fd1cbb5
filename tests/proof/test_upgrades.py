"""A soak beside changes of a cluster, as they come with upgrades: it says what these did to clients."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import build, topology
from lab.kubectl import Kubectl
from tests.proof.conftest import ROOT, Lab, Labs, Result, lab_command, on

_BEFORE, _AFTER = 8, 8  # seconds of a soak before and after the change
_SECONDS = 120.0
_INCIDENT = {"topology.no-tcp-into-dnsmasq", "topology.tcp-capacity"}


@pytest.fixture
def fresh(request: pytest.FixtureRequest, labs: Labs) -> Iterator[Lab]:
    """A lab of a topology that the test may change for good; no other one of this worker runs beside it."""
    labs.down()
    yield labs.of(request.param)
    labs.down()


def kubectl(lab: Lab) -> Kubectl:
    return Kubectl(build.build(print).kubernetes, lab.kubeconfig)


def soak(lab: Lab, folder: Path, change: Callable[[], object], *arguments: str) -> Result:
    """Run a soak, make a change in the middle, and end it by a signal, as a pipeline does."""
    argv = [*on(lab), "--profile=soak", "--soak=5m", f"--report-dir={folder}", *arguments]
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *argv],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        probers_run(lab, run)
        time.sleep(_BEFORE)
        change()
        time.sleep(_AFTER)
        run.send_signal(signal.SIGTERM)
        output, _ = run.communicate(timeout=_SECONDS)
    finally:
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
            run.wait()
    return Result(run.returncode, output, json.loads((folder / "report.json").read_text()))


def probers_run(lab: Lab, run: "subprocess.Popen[str] | None" = None, node: str = "") -> None:
    """Wait until every node's prober runs, that of a node which has just come among them."""
    deadline = time.monotonic() + _SECONDS
    path = "/api/v1/pods?labelSelector=app=clusterdns-soak"
    while time.monotonic() < deadline:
        assert run is None or run.poll() is None, run.communicate()[0]
        probers = kubectl(lab).items(path)
        nodes = {pod["spec"].get("nodeName") for pod in probers}
        if {pod["status"].get("phase") for pod in probers} == {"Running"} and (not node or node in nodes):
            return
        time.sleep(0.5)
    raise AssertionError("no prober ran in time")


def manifests(*paths: str) -> list[Path]:
    folder = Path(topology.__file__).parent / "topologies"
    return [folder / path for path in paths]


def measured(result: Result) -> dict[str, Any]:
    return dict(result.case("resilience.soak", "paths")["measurements"])


def events(result: Result) -> str:
    return "\n".join(event["what"] for event in measured(result)["events"])


EXAMPLES = ROOT / "examples" / "ci"


def github_step() -> tuple[str, dict[str, str]]:
    """What GitHub runs of the example, and its environment."""
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    (step,) = (step for step in workflow["jobs"]["gate"]["steps"] if "env" in step)
    return step["run"], step["env"]


def gitlab_job() -> tuple[str, dict[str, str]]:
    """What GitLab runs of the example, and its environment."""
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["dns-gate"]
    return "\n".join(job["script"]), job["variables"]


def gated(
    lab: Lab, folder: Path, example: tuple[str, dict[str, str]], **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run an example for CI systems on a lab: with its variables, but for the cluster's and those given."""
    script, environment = example
    programs = build.build(print).kubernetes
    (folder / "examples").symlink_to(EXAMPLES.parent)
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env={
            **os.environ,
            **environment,
            "PATH": f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}",
            "KUBECONFIG": str(lab.kubeconfig),
            "KUBECONFIG_FILE": str(lab.kubeconfig),
            "KUBE_CONTEXT": lab.context,
            "PROFILE": "audit",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def result_of(folder: Path, code: int = 0, output: str = "") -> Result:
    return Result(code, output, json.loads((folder / "report.json").read_text()))


@pytest.mark.parametrize("fresh", ["gke-kubedns"], indirect=True)
def test_an_upgrade_into_the_incident_and_out_of_it(fresh: Lab, tmp_path: Path) -> None:
    """GKE 1.33 -> 1.34 turns NodeLocal DNSCache on before dnsmasq; 1.36 brings CoreDNS in its place."""
    node_local = manifests("shared/node-local-dns.yaml", "gke-kubedns-nodelocal/node-local-dns-corefile.yaml")
    files = " ".join(f"--filename={path}" for path in node_local)
    rollout = "kubectl rollout status --namespace=kube-system daemonset/node-local-dns"
    upgrade = f"sleep {_BEFORE}; kubectl apply --server-side {files} && {rollout} && sleep {_AFTER}"
    gate = gated(fresh, tmp_path, github_step(), UPGRADE=upgrade)
    assert gate.returncode == 1, gate.stdout
    assert "topology.no-tcp-into-dnsmasq: passed -> failed" in gate.stdout
    during = result_of(tmp_path / "report" / "during")
    assert during.ids("failed") == {"resilience.soak"}, gate.stdout
    outcomes = [during.case("resilience.soak", case)["outcome"] for case in ("paths", "lookups", "topology")]
    assert outcomes == ["passed", "passed", "failed"]
    worse = set(during.case("resilience.soak", "topology")["measurements"]["worse"])
    assert worse >= _INCIDENT
    assert "DaemonSet kube-system/node-local-dns is new" in events(during)

    def out_of_it() -> None:
        kubectl(fresh).apply(manifests("shared/coredns.yaml"))
        kubectl(fresh)("rollout", "status", "--namespace=kube-system", "deployment/coredns")
        kubectl(fresh)("delete", "deployment", "--namespace=kube-system", "kube-dns")

    result = soak(fresh, tmp_path / "out", out_of_it)
    assert result.ids("failed") - {"resilience.soak"} == _INCIDENT, (
        result.output
    )  # as it was at the beginning
    assert result.case("resilience.soak", "topology")["outcome"] == "passed"
    assert "Deployment kube-system/kube-dns is gone" in events(result)
    # A kube-dns pod that ends has no dnsmasq, yet is "serving" for half a minute: docs/decisions/0110.
    hurt = {path["address"] for path in measured(result)["paths"] if path["failed"]}
    assert not hurt & {"10.96.0.10", "169.254.20.10"}


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_a_gate_opens_where_nothing_is_worse_and_says_where_the_upgrade_failed(
    lab: Lab, tmp_path: Path
) -> None:
    for upgrade, code in (("kubectl get nodes", 0), ("exit 7", 7)):
        folder = tmp_path / str(code)
        folder.mkdir()
        gate = gated(lab, folder, gitlab_job(), UPGRADE=upgrade)
        assert gate.returncode == code, gate.stdout
    gitlab = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())["dns-gate"]
    junit = tmp_path / "0" / gitlab["artifacts"]["reports"]["junit"]
    assert "topology.tcp-capacity" in junit.read_text()


@pytest.mark.parametrize("fresh", ["coredns"], indirect=True)
def test_nodes_replaced_one_by_one(fresh: Lab, tmp_path: Path) -> None:
    """A node joins, another one is drained and leaves, a kubelet restarts: no client notices."""

    def replaced() -> None:
        assert lab_command("node", "add", "--name", fresh.name).strip() == "node-3"
        probers_run(fresh, node="node-3")  # on a quiet machine all is over before
        kubectl(fresh)("drain", "node-1", "--ignore-daemonsets", "--force")
        lab_command("node", "remove", "node-1", "--name", fresh.name)
        lab_command("node", "restart", "node-2", "--name", fresh.name)

    result = soak(fresh, tmp_path / "report", replaced)
    assert result.ids("failed") | result.ids("error") == set(), result.output
    assert result.code == 0
    soaked = measured(result)
    assert {path["node"] for path in soaked["paths"]} == {"node-1", "node-2", "node-3"}
    nodes = {
        trouble: {stretch["node"] for stretch in soaked["stretches"] if stretch["trouble"] == trouble}
        for trouble in ("silent", "not measured")
    }
    assert nodes["silent"] == set()
    assert nodes["not measured"] >= {"node-1", "node-3"}
    told = events(result)
    for what in ("node node-3 is new", "node node-1 was cordoned", "node node-1 is gone"):
        assert what in told
    assert soaked["ended"] == "a signal ended it"


@pytest.mark.long  # another CoreDNS is built for it
@pytest.mark.parametrize("fresh", ["coredns"], indirect=True)
def test_coredns_to_a_newer_release(fresh: Lab, tmp_path: Path) -> None:
    """A roll-out of another release: no client notices, and the report tells the versions."""
    newer = lab_command("newer-coredns", "--name", fresh.name).strip()

    def upgraded() -> None:
        in_kube_system = ("--namespace=kube-system", "deployment/coredns")
        kubectl(fresh)("set", "image", *in_kube_system, f"coredns={newer}")
        kubectl(fresh)("rollout", "status", *in_kube_system)

    result = soak(fresh, tmp_path / "report", upgraded)
    assert result.ids("failed") | result.ids("error") == set(), result.output
    assert result.code == 0
    soaked = measured(result)
    assert {stretch["trouble"] for stretch in soaked["stretches"]} <= {"slow"}
    assert f"-> {newer}" in events(result)
