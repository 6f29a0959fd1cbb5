"""What happens to a node or to DNS pods while a run goes on, and how the lab gets over it."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from lab.errors import LabError
from lab.kubectl import Kubectl
from tests.proof.conftest import lab_command
from tests.proof.faults.injections import NodeFault

_NODE = "node-2"
_AT_ONCE = ("--grace-period=0", "--force", "--wait=false")
_DNS = ("--namespace=kube-system", "--selector=k8s-app=kube-dns")
_SECONDS = 120


def inject(fault: str, lab: str, kubectl: Kubectl) -> None:
    """Let something happen."""
    match NodeFault(fault):
        case NodeFault.PROBES_GONE:
            remove_probes(kubectl)
        case NodeFault.CORDONED:
            kubectl("cordon", _NODE)
        case NodeFault.DRAINED:
            kubectl("drain", _NODE, "--ignore-daemonsets", "--force", "--timeout=60s", seconds=90)
        case NodeFault.KUBELET:
            lab_command("node", "restart", _NODE, "--name", lab)
        case NodeFault.DNS_POD:
            kubectl("delete", _one_dns_pod(kubectl), _DNS[0], "--wait=false")
        case NodeFault.DNS_POD_AT_ONCE:
            kubectl("delete", _one_dns_pod(kubectl), _DNS[0], *_AT_ONCE)
        case NodeFault.ROLLED_OUT:
            kubectl("rollout", "restart", "deployment/coredns", _DNS[0])


def mend(kubectl: Kubectl) -> None:
    """Let the lab be as before, its DNS pods apart."""
    kubectl("uncordon", _NODE)
    for _ in range(2):
        kubectl(
            "rollout", "status", "deployment/coredns", _DNS[0], f"--timeout={_SECONDS}s", seconds=_SECONDS
        )
        nodes = kubectl("get", "pods", *_DNS, "--output=jsonpath={.items[*].spec.nodeName}").split()
        if len(set(nodes)) > 1:
            return
        kubectl("rollout", "restart", "deployment/coredns", _DNS[0])


def remove_probes(kubectl: Kubectl) -> None:
    """Remove what a run has on a node."""
    for pod in _of_runs(kubectl, f"--field-selector=spec.nodeName={_NODE}"):
        metadata = pod["metadata"]
        if metadata["name"].partition("-")[0] not in ("web", "unready"):  # what records are asked for stays
            with contextlib.suppress(LabError):  # the run was faster
                kubectl("delete", "pod", metadata["name"], f"--namespace={metadata['namespace']}", *_AT_ONCE)


def running(kubectl: Kubectl) -> int:
    """Return how many pods of runs are running."""
    return sum(pod["status"].get("phase") == "Running" for pod in _of_runs(kubectl))


def _of_runs(kubectl: Kubectl, *narrowed: str) -> Iterator[dict[str, Any]]:
    listed = kubectl(
        "get", "pods", "--all-namespaces", "--selector=clusterdns.io/run", "--output=json", *narrowed
    )
    yield from json.loads(listed)["items"]


def _one_dns_pod(kubectl: Kubectl) -> str:
    return kubectl("get", "pods", *_DNS, "--output=name").split()[0]
