"""The roles of manifests/rbac/ are enough for their profile, and nothing less is."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lab import breakage, state
from tests.proof.conftest import ROOT, Lab, Result


def credentials(lab: Lab, role: str, folder: Path) -> list[str]:
    """Bind a role of manifests/rbac/ to a new service account; return the arguments that use it."""
    kubectl = breakage.kubectl(state.running(lab.name))
    name = f"clusterdns-{role}"
    kubectl.apply([ROOT / "manifests" / "rbac" / f"{role}.yaml"])
    for object_ in (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        },
    ):
        kubectl("apply", "--filename=-", stdin=yaml.safe_dump(object_))
    config = yaml.safe_load(lab.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": kubectl("create", "token", name).strip()}
    kubeconfig = folder / f"{role}.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    return ["--cluster=kubeconfig", f"--kubeconfig={kubeconfig}", f"--kube-context={lab.context}"]


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_the_core_role_is_enough_for_the_core_profile(
    lab: Lab, suite: Callable[..., Result], tmp_path: Path
) -> None:
    result = suite(*credentials(lab, "core", tmp_path), "--probe-image=clusterdns.lab/probe:1")
    assert result.code == 0, result.output
    assert result.ids("passed") >= {"resolver.lookup-count", "topology.identify"}


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_the_audit_role_is_enough_for_the_audit_profile_only(
    lab: Lab, suite: Callable[..., Result], tmp_path: Path
) -> None:
    user = credentials(lab, "audit", tmp_path)
    audit = suite(*user, "--profile=audit")
    assert audit.code == 0, audit.output
    core = suite(*user)
    assert core.code == 6, core.output
    assert all("create pods" in one["reason"] for one in core.report["checks"])
