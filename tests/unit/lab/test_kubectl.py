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


def test_the_newest_warning_about_a_pod_says_what_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def event(pod: str, message: str, **times: str) -> dict[str, Any]:
        return {"involvedObject": {"name": pod}, "message": message, **times}

    events = [
        event("coredns-a", "Failed to create pod sandbox", lastTimestamp="2026-11-26T18:06:10Z"),
        event("coredns-b", "Readiness probe failed", lastTimestamp="2026-11-26T18:06:09Z"),
        event("coredns-c", "no nodes available", eventTime="2026-11-26T18:06:01.5Z"),
    ]
    monkeypatch.setattr(Kubectl, "items", lambda *_: events)
    kubectl = Kubectl(Path("/nowhere"), Path("/nowhere"))
    assert kubectl.trouble() == "coredns-a: Failed to create pod sandbox"
    monkeypatch.setattr(Kubectl, "items", lambda *_: [])
    assert not kubectl.trouble()
