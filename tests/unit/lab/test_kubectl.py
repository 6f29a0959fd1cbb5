from pathlib import Path
from typing import Any

import pytest

from lab.kubectl import Kubectl

LABELS = {"k8s-app": "kube-dns"}
SERVICE = {"metadata": {"name": "kube-dns"}, "spec": {"selector": LABELS}}
BARE = {"metadata": {"name": "bare"}, "spec": {}}


def pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {**LABELS, "more": "1"}}}


def slice_of(*ready: str, unready: tuple[str, ...] = ()) -> dict[str, Any]:
    endpoints = [(name, True) for name in ready] + [(name, False) for name in unready]
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": "kube-dns"}},
        "endpoints": [
            {"targetRef": {"name": name}, "conditions": {"ready": whether}} for name, whether in endpoints
        ],
    }


@pytest.mark.parametrize(
    ("slices", "known"),
    [
        ([slice_of("a", "b")], True),
        ([slice_of("a"), slice_of("b")], True),
        ([slice_of("a")], False),
        ([slice_of("a", unready=("b",))], False),
        ([], False),
    ],
)
def test_a_lab_is_ready_when_its_services_list_every_pod(
    monkeypatch: pytest.MonkeyPatch, slices: list[dict[str, Any]], *, known: bool
) -> None:
    objects = {"pods": [pod("a"), pod("b")], "services": [SERVICE, BARE], "endpointslices": slices}
    monkeypatch.setattr(Kubectl, "items", lambda _, path: objects.get(path.rpartition("/")[2], []))
    assert Kubectl(Path("/nowhere"), Path("/nowhere")).workloads_ready() is known
