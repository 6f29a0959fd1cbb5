"""Why a pod is not ready, read from its status."""

from typing import Any

import pytest

from clusterdns.cluster.readiness import why_not_ready


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/2 nodes are available:\ninsufficient cpu",
                    }
                ]
            },
            "Unschedulable: 0/2 nodes are available: insufficient cpu",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "coredns", "ready": False, "state": {"waiting": {"reason": "ErrImagePull"}}}
                ]
            },
            "container coredns: ErrImagePull",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "sidecar", "ready": True, "state": {"running": {}}},
                    {
                        "name": "kubedns",
                        "ready": False,
                        "state": {"terminated": {"reason": "OOMKilled", "message": ""}},
                    },
                ]
            },
            "container kubedns: OOMKilled",
        ),
        (
            {"containerStatuses": [{"name": "coredns", "ready": False, "state": {"running": {}}}]},
            "container coredns runs, and its readiness probe fails",
        ),
        (
            {
                "initContainerStatuses": [
                    {"name": "setup", "ready": False, "state": {"waiting": {"reason": "PodInitializing"}}}
                ]
            },
            "container setup: PodInitializing",
        ),
        ({"phase": "Pending"}, "Pending"),
        ({}, "nothing is known of it yet"),
    ],
)
def test_why_a_pod_is_not_ready(status: dict[str, Any], reason: str) -> None:
    assert why_not_ready({"status": status}) == reason
