"""What a cluster's policies refuse skips what needs it, and nothing else."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from clusterdns.cluster.waiting import NotYet, wait_until
from lab import place, state
from lab.errors import LabError
from lab.kubectl import Kubectl
from tests.proof.conftest import Lab, Result, on

API = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class Refusal:
    """What a policy refuses.

    Attributes:
        resource: What it is asked about.
        admits: A CEL expression that is true of what it lets in.
        skipped: The checks, or cases, that are skipped for it.
        attempt: Tries, by `kubectl`, something that it does not let in, without changing anything.
        operation: What it is asked about, too.
    """

    resource: str
    admits: str
    skipped: frozenset[str]
    attempt: Callable[[Kubectl], object]
    operation: str = "CREATE"


CAPTURES = frozenset({"resolver.lookup-count", "resolver.lookup-order", "resolver.amplification"})
OF_THE_NODE = frozenset(
    {"resolver.dns-policy[host-network]", "saturation.conntrack[rest]", "saturation.conntrack-table"}
)
OF_DNSMASQ = frozenset(
    {"saturation.tcp-workers[rest]", "saturation.listen-queue[rest]", "saturation.listen-overflow[rest]"}
)


def pod(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the manifest of a pod."""
    containers = [{"name": "c", "image": "clusterdns.lab/pause:1", **container}]
    metadata = {"name": "refused", "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": containers, **spec},
    }


def creating(manifest: dict[str, Any]) -> Callable[[Kubectl], object]:
    """Return an attempt to create an object."""
    return lambda kubectl: kubectl(
        "create", "--dry-run=server", "--filename=-", stdin=yaml.safe_dump(manifest)
    )


def debugging(kubectl: Kubectl) -> object:
    """Attempt to put a debug container into a DNS pod."""
    pods = kubectl("get", "pods", "--namespace=kube-system", "--selector=k8s-app=kube-dns", "--output=json")
    pod = json.loads(pods)["items"][0]
    there = pod["spec"].get("ephemeralContainers", [])
    pod["spec"]["ephemeralContainers"] = [*there, {"name": "refused", "image": "clusterdns.lab/pause:1"}]
    address = f"/api/v1/namespaces/kube-system/pods/{pod['metadata']['name']}/ephemeralcontainers?dryRun=All"
    return kubectl("replace", f"--raw={address}", "--filename=-", stdin=json.dumps(pod))


REFUSALS = {
    "net-raw": Refusal(
        "pods",
        "object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.capabilities)"
        " || !has(c.securityContext.capabilities.add))",
        CAPTURES,
        creating(pod({"securityContext": {"capabilities": {"add": ["NET_RAW"]}}})),
    ),
    "host-network": Refusal(
        "pods",
        "!has(object.spec.hostNetwork) || !object.spec.hostNetwork",
        OF_THE_NODE,
        creating(pod({}, hostNetwork=True)),
    ),
    "privileged-label": Refusal(
        "namespaces",
        "!has(object.metadata.labels) || !('pod-security.kubernetes.io/enforce' in object.metadata.labels)"
        " || object.metadata.labels['pod-security.kubernetes.io/enforce'] != 'privileged'",
        CAPTURES | OF_THE_NODE,
        creating(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": "refused",
                    "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
                },
            }
        ),
    ),
    "debug-containers": Refusal(
        "pods/ephemeralcontainers", "false", OF_DNSMASQ, debugging, operation="UPDATE"
    ),
}


def objects(name: str, refusal: Refusal) -> list[dict[str, Any]]:
    """Return a policy that refuses, and the binding that puts it into force."""
    asked = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": [refusal.operation],
        "resources": [refusal.resource],
    }
    return [
        {
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [asked]},
                "validations": [{"expression": refusal.admits, "message": f"no {name} here"}],
            },
        },
        {
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


@pytest.fixture
def refused(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """The name of a policy that is in force on the lab as long as the test lasts."""
    kubectl = place.kubectl(state.running(lab.name))
    manifests = yaml.safe_dump_all(objects(request.param, REFUSALS[request.param]))
    kubectl("apply", "--filename=-", stdin=manifests)

    def in_force() -> None:
        try:
            REFUSALS[request.param].attempt(kubectl)
        except LabError as error:
            if f"no {request.param} here" not in str(error):
                raise
        else:
            raise NotYet("it is let in")

    wait_until(in_force, what=f"the policy {request.param}", timeout=30)
    yield request.param
    kubectl("delete", "--filename=-", stdin=manifests)


@pytest.fixture
def _new_dns_pods(request: pytest.FixtureRequest, lab: Lab) -> None:
    """No debug container of an earlier run is left in a DNS pod, where they are to be refused."""
    if request.getfixturevalue("refused") != "debug-containers":
        return
    kubectl = place.kubectl(state.running(lab.name))
    in_dns = "--namespace=kube-system"
    kubectl("delete", "pods", in_dns, "--selector=k8s-app=kube-dns", "--force", "--grace-period=0")
    kubectl("rollout", "status", "deployment/kube-dns", in_dns, "--timeout=60s")


@pytest.mark.parametrize("lab", ["gke-kubedns"], indirect=True)
@pytest.mark.parametrize("refused", REFUSALS, indirect=True)
@pytest.mark.usefixtures("_new_dns_pods")
def test_a_refusal_skips_what_needs_it_and_nothing_else(
    refused: str, lab: Lab, suite: Callable[..., Result]
) -> None:
    result = suite(*on(lab), "--check=resolver,topology,saturation")
    assert result.code == 0, result.output
    reasons = {
        (check["id"], check["case"]): check["reason"]
        for check in result.report["checks"]
        if check["outcome"] == "skipped" and f"no {refused} here" in check["reason"]
    }
    wanted = REFUSALS[refused].skipped
    assert {name for name, _ in reasons} | {f"{name}[{case}]" for name, case in reasons} >= wanted
    assert all(name in wanted or f"{name}[{case}]" in wanted for name, case in reasons), result.output
