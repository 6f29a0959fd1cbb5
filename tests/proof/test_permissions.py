"""The roles of manifests/rbac/ are enough for their profile, and nothing less is.

What is used is what the API server says in its audit log, of an account that has the role and nothing else.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import SelectedCase, cases_of
from clusterdns.cluster.api import connect
from clusterdns.cluster.kubeconfig import read
from clusterdns.cluster.preflight import preflight
from clusterdns.model.profiles import INCLUDES, Profile
from clusterdns.settings import Settings
from lab import place, state
from lab.controlplane import AUDIT_LOG
from lab.kubectl import Kubectl
from tests.proof.conftest import ROOT, Lab, Result

ACCOUNTS = "clusterdns-proof"
LAB = "gke-kubedns-nodelocal+operator"
_SECONDS = 20.0  # for the API server to take in a changed role


class Verb(NamedTuple):
    """Something that a role allows."""

    namespace: str
    group: str
    resource: str
    verb: str


# Allowed, and used elsewhere than on this lab.
ELSEWHERE = {
    Verb("", "", "pods/exec", "create"),  # over WebSockets, from Kubernetes 1.35
    Verb("", "", "services/proxy", "get"),  # of clusters with a Prometheus
    Verb("", "", "namespaces", "list"),  # of clusters with NetworkPolicies
}


def rules(role: str) -> list[dict[str, Any]]:
    """Return the objects of a manifest."""
    return list(yaml.safe_load_all((ROOT / "manifests" / "rbac" / f"{role}.yaml").read_text()))


def granted(role: str) -> set[Verb]:
    """Return what a manifest allows."""
    return {
        Verb(object_["metadata"].get("namespace", ""), group, resource, verb)
        for object_ in rules(role)
        for rule in object_["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def without(role: str, taken: Verb) -> list[dict[str, Any]]:
    """Return the objects of a manifest that allows one thing less."""
    objects = []
    for object_ in rules(role):
        namespace = object_["metadata"].get("namespace", "")
        kept = [
            {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
            for rule in object_["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            if Verb(namespace, group, resource, verb) != taken
        ]
        objects.append({**object_, "rules": kept})
    return objects


def apply(kubectl: Kubectl, *objects: dict[str, Any]) -> None:
    """Apply objects."""
    kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(objects))


def kubeconfig_of(lab: Lab, role: str, folder: Path) -> Path:
    """Bind a role of manifests/rbac/ to a new service account; return a kubeconfig with its credentials."""
    kubectl = place.kubectl(state.running(lab.name))
    name = f"clusterdns-{role}"
    account = {"kind": "ServiceAccount", "name": name, "namespace": ACCOUNTS}
    api = "rbac.authorization.k8s.io"
    apply(
        kubectl,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNTS}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": ACCOUNTS},
        },
        *rules(role),
        *(
            {
                "apiVersion": f"{api}/v1",
                "kind": f"{object_['kind']}Binding",
                "metadata": {key: value for key, value in object_["metadata"].items() if key != "labels"},
                "roleRef": {"apiGroup": api, "kind": object_["kind"], "name": name},
                "subjects": [account],
            }
            for object_ in rules(role)
        ),
    )
    config = yaml.safe_load(lab.kubeconfig.read_text())
    token = kubectl("create", "token", name, f"--namespace={ACCOUNTS}").strip()
    config["users"][0]["user"] = {"token": token}
    kubeconfig = folder / f"{role}.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    return kubeconfig


def credentials(lab: Lab, role: str, folder: Path) -> list[str]:
    """Return the arguments that let the suite use a role of manifests/rbac/ and nothing else."""
    kubeconfig = kubeconfig_of(lab, role, folder)
    return ["--cluster=kubeconfig", f"--kubeconfig={kubeconfig}", f"--kube-context={lab.context}"]


def requests(lab: Lab, role: str) -> Iterator[tuple[Verb, str]]:
    """Yield what the account of a role has asked for, and whether that was allowed ("allow" or "forbid")."""
    log = state.running(lab.name).folder / AUDIT_LOG
    for event in map(json.loads, log.read_text().splitlines()):
        object_ = event.get("objectRef", {})
        if event["user"]["username"].endswith(f":clusterdns-{role}") and "resource" in object_:
            resource = "/".join(filter(None, (object_["resource"], object_.get("subresource"))))
            where, group = object_.get("namespace", ""), object_.get("apiGroup", "")
            decision = event.get("annotations", {}).get("authorization.k8s.io/decision", "")
            yield Verb(where, group, resource, event["verb"]), decision


def cases(profile: Profile) -> list[SelectedCase]:
    """Return the cases of a profile."""
    every = cases_of(CATALOGUE.values(), Settings())
    return [case for case in every if case.profile in INCLUDES[profile]]


@pytest.mark.alone
@pytest.mark.parametrize("lab", [LAB], indirect=True)
@pytest.mark.parametrize(
    "profile",
    [
        "audit",
        "core",
        pytest.param("slow", marks=pytest.mark.long),
        pytest.param("load", marks=pytest.mark.long),
    ],
)
def test_a_profile_runs_with_its_role_and_uses_all_of_it(
    profile: str, lab: Lab, suite: Callable[..., Result], tmp_path: Path
) -> None:
    result = suite(
        *credentials(lab, profile, tmp_path),
        f"--profile={profile}",
        "--probe-image=clusterdns.lab/probe:1",
        "--allow-load",
        "--allow-debug-containers",
    )
    assert result.code in {0, 1}, result.output  # the topology is unsafe: some checks fail rightly
    assert not result.ids("error"), result.output
    lacking = {grant for case in cases(Profile(profile)) for grant in case.grants}
    above = {grant.purpose for grant in lacking if grant.least not in INCLUDES[Profile(profile)]}
    told = {
        check["reason"].removeprefix("no permission to ").partition(":")[0]
        for check in result.report["checks"]
        if check["reason"].startswith("no permission")
    }
    assert told <= above, result.output
    used = set(requests(lab, profile))
    allowed = {verb for verb, decision in used if decision == "allow"}
    everywhere = {verb._replace(namespace="") for verb in allowed}
    assert granted(profile) - allowed - everywhere - ELSEWHERE == set()


@pytest.mark.parametrize("lab", [LAB], indirect=True)
@pytest.mark.parametrize("profile", ["slow", "load"])  # what audit and core grant, these grant too
def test_each_verb_that_is_missing_is_told_with_what_is_skipped(
    profile: str, lab: Lab, tmp_path: Path
) -> None:
    kubectl = place.kubectl(state.running(lab.name))
    cluster = connect(read(kubeconfig_of(lab, profile, tmp_path), lab.context), 10)
    grants = [
        grant
        for case in cases(Profile(profile))
        for grant in case.grants
        if grant.least in INCLUDES[Profile(profile)]
    ]
    assert preflight(cluster, grants).missing == {}
    for verb in sorted(granted(profile)):
        apply(kubectl, *without(profile, verb))
        deadline = time.monotonic() + _SECONDS
        while not (missing := preflight(cluster, grants).missing) and time.monotonic() < deadline:
            time.sleep(0.1)
        words = {word for some in missing.values() for word in some}
        assert words, f"nothing says that {verb} is missing"
        assert {word.partition(" in ")[0] for word in words} == {f"{verb.verb} {verb.resource}"}
        apply(kubectl, *rules(profile))
        while preflight(cluster, grants).missing and time.monotonic() < deadline:
            time.sleep(0.1)


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_what_the_audit_role_does_not_allow_is_skipped_in_the_core_profile(
    lab: Lab, suite: Callable[..., Result], tmp_path: Path
) -> None:
    result = suite(*credentials(lab, "audit", tmp_path))
    assert result.code == 0, result.output
    skipped = [check for check in result.report["checks"] if check["id"] == "resolver.lookup-count"]
    assert {check["outcome"] for check in skipped} == {"skipped"}
    assert all("may not create" in check["reason"] for check in skipped)
    assert "topology.identify" in result.ids("passed")
