from __future__ import annotations

from typing import Any

import pytest

from clusterdns.cluster.changes import WATCHED, changes, key_of
from tests.unit.cluster.clusters import coredns_spec

READY = "ready endpoints of Service kube-dns"
KINDS = {kind.resource: kind for kind in WATCHED}


def told(resource: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    kind = KINDS[resource]
    seen = [kind.facts(thing) if thing else None for thing in (before, after)]
    return list(changes(kind, key_of(before or after or {}), *seen))


def node(*, ready: str = "True", version: str = "v1.33.2", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}]
    status = {"conditions": conditions, "nodeInfo": {"kubeletVersion": version}}
    return {"metadata": {"name": "n1"}, "spec": spec, "status": status}


def pod(*, ready: str = "False", restarts: int = 0, node_name: str = "n1", **metadata: Any) -> dict[str, Any]:
    status = {
        "conditions": [{"type": "Ready", "status": ready}],
        "containerStatuses": [{"restartCount": restarts}],
    }
    spec = {**coredns_spec(), "nodeName": node_name}
    return {"metadata": {"name": "c", "namespace": "kube-system", **metadata}, "spec": spec, "status": status}


def endpoints(*ready: str, unready: str = "", port: str = "dns") -> dict[str, Any]:
    listed: list[dict[str, Any]] = [{"addresses": [address], "conditions": {}} for address in ready]
    if unready:
        listed.append({"addresses": [unready], "conditions": {"ready": False}})
    labels = {"kubernetes.io/service-name": "kube-dns"}
    return {
        "metadata": {"name": "s", "namespace": "kube-system", "labels": labels},
        "ports": [{"name": port, "port": 53}],
        "endpoints": listed,
    }


def configmap(corefile: str, name: str = "coredns") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "kube-system"}, "data": {"Corefile": corefile}}


def deployment(generation: int, image: str) -> dict[str, Any]:
    metadata = {"name": "coredns", "namespace": "kube-system", "generation": generation}
    return {"metadata": metadata, "spec": {"template": {"spec": coredns_spec(image)}}}


CHANGES = [
    ("nodes", None, node(), ["node n1 is new", "node n1 is ready", "node n1 has kubelet v1.33.2"]),
    ("nodes", node(), node(unschedulable=True), ["node n1 was cordoned"]),
    ("nodes", node(unschedulable=True), node(), ["node n1 was uncordoned"]),
    ("nodes", node(), node(ready="Unknown"), ["node n1 is not ready any more"]),
    ("nodes", node(), node(version="v1.34.0"), ["node n1 has kubelet v1.33.2 -> v1.34.0"]),
    ("nodes", node(), None, ["node n1 is gone"]),
    ("nodes", node(), node(), []),
    ("pods", None, pod(node_name=""), ["pod kube-system/c is new"]),
    ("pods", pod(node_name=""), pod(), ["pod kube-system/c was placed on n1"]),
    ("pods", pod(), pod(ready="True"), ["pod kube-system/c is ready"]),
    ("pods", pod(ready="True"), pod(ready="True", deletionTimestamp="t"), ["pod kube-system/c is ending"]),
    ("pods", pod(), pod(restarts=2), ["pod kube-system/c has restarts 0 -> 2"]),
    (
        "endpointslices",
        endpoints("10.0.0.1", "10.0.0.2"),
        endpoints("10.0.0.1", "10.0.0.3", unready="10.0.0.2"),
        [
            f"EndpointSlice kube-system/s has other {READY}: 10.0.0.3 came, 10.0.0.2 went",
        ],
    ),
    ("configmaps", configmap("a"), configmap("b"), ["ConfigMap kube-system/coredns changed"]),
    ("configmaps", None, configmap("a"), ["ConfigMap kube-system/coredns is new"]),
    (
        "deployments",
        deployment(1, "coredns:1.13.1"),
        deployment(2, "coredns:1.14.0"),
        [
            "Deployment kube-system/coredns has generation 1 -> 2",
            "Deployment kube-system/coredns has images coredns:1.13.1 -> coredns:1.14.0",
        ],
    ),
]


@pytest.mark.parametrize(("resource", "before", "after", "sentences"), CHANGES)
def test_changes_are_told(
    resource: str, before: dict[str, Any] | None, after: dict[str, Any] | None, sentences: list[str]
) -> None:
    assert told(resource, before, after) == sentences


@pytest.mark.parametrize(
    ("resource", "thing"),
    [
        ("pods", {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "w", "image": "nginx"}]}}),
        ("configmaps", configmap("a", "extension-apiserver-authentication")),
        ("endpointslices", endpoints("10.0.0.1", port="https")),
        ("deployments", {"metadata": {"name": "web"}, "spec": {"template": {"spec": {}}}}),
    ],
)
def test_what_serves_no_dns_is_left_out(resource: str, thing: dict[str, Any]) -> None:
    assert KINDS[resource].facts(thing) is None
