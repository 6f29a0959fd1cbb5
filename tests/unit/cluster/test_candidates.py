"""Nodes as the API tells them, for a choice among them."""

from typing import Any

import pytest

from clusterdns.cluster.candidates import candidate


def node(*, ready: str = "True", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "n", "labels": labels or {}},
        "spec": spec,
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"osImage": "Ubuntu 24.04", "kubeletVersion": "v1.35.0", "architecture": "amd64"},
        },
    }


def test_what_makes_nodes_alike_is_read() -> None:
    labels = {"topology.kubernetes.io/zone": "z", "cloud.google.com/gke-nodepool": "p"}
    assert candidate(node(labels=labels), {"n"}, ()).traits == {
        "zone": "z",
        "pool": "p",
        "OS image": "Ubuntu 24.04",
        "kubelet": "v1.35.0",
        "DNS pod": "True",
        "node cache": "False",
    }


@pytest.mark.parametrize(
    ("seen", "trouble"),
    [
        (node(), ""),
        (node(ready="False"), "is not ready"),
        (node(ready="Unknown"), "is not ready"),
        ({"metadata": {"name": "n"}}, "is not ready"),
        (node(unschedulable=True), "is cordoned"),
        (node(labels={"kubernetes.io/os": "windows"}), "runs windows"),
        (
            node(labels={"kubernetes.io/arch": "s390x"}),
            "is of architecture s390x: probe images are for amd64 and arm64",
        ),
        (node(labels={"type": "virtual-kubelet"}), "is virtual: it has no kubelet of its own"),
        (
            node(labels={"eks.amazonaws.com/compute-type": "fargate"}),
            "is EKS Fargate: it runs one pod, which is of no DaemonSet and not in the node's network",
        ),
        (node(labels={"eks.amazonaws.com/compute-type": "ec2"}), ""),
        (
            node() | {"metadata": {"name": "n", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
            "is being deleted",
        ),
    ],
)
def test_why_a_node_is_left_out(seen: dict[str, Any], trouble: str) -> None:
    assert candidate(seen, (), ()).trouble == trouble
