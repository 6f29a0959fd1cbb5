from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.errors import DeadlineExceeded
from clusterdns.measuring.dns_workloads import (
    DAEMONSET,
    DEPLOYMENT,
    DNSWorkload,
    WorkloadChanges,
    dns_workloads,
)
from clusterdns.model.topology import Backend, Fact, Layer, LayerKind, Service, Topology
from tests.unit.measuring.fakes import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYER = Layer(LayerKind.COREDNS, "kube-system/coredns", (), Fact("1.13.1", "image"))
CACHE = Layer(LayerKind.NODE_LOCAL, "kube-system/node-local-dns", (), Fact("1.26.7", "image"))


def workload(name: str, **spec: object) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "kube-system", "generation": 1}, "spec": spec}


@dataclass
class Controlled(FakeCluster):
    """A cluster whose workloads follow their patches at once, if at all."""

    follows: bool = True

    def patch(
        self, resource: str, name: str, patch: Mapping[str, Any], *where: object, **more: object
    ) -> Any:
        super().patch(resource, name, patch, *where, **more)
        (kept,) = self.objects[resource]
        kept["metadata"]["generation"] += 1
        if self.follows:
            replicas = kept["spec"].get("replicas", 3)
            counts = ("replicas", "updatedReplicas", "availableReplicas")
            if resource == "daemonsets":
                counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable")
            kept["status"] = {
                "observedGeneration": kept["metadata"]["generation"],
                "desiredNumberScheduled": 3,
                **dict.fromkeys(counts, replicas),
            }
        return kept

    def get(self, resource: str, name: str, *, api: str, namespace: str) -> dict[str, Any]:
        assert api == "apps/v1"
        found = self.find(resource, name, namespace=namespace)
        assert found is not None
        return found


def deployment(cluster: FakeCluster) -> DNSWorkload:
    (found,) = dns_workloads(cluster.as_cluster(), topology())
    return found


def topology() -> Topology:
    backends = tuple(
        Backend(f"{layer.name}-1", "n1", "10.0.0.1", ready=True, layer=layer.name) for layer in (LAYER, CACHE)
    )
    services = (Service("kube-system/kube-dns", ("10.96.0.10",), backends),)
    return Topology(Fact("cluster.local", "Corefile"), {"n1": ""}, (CACHE, LAYER), services)


@pytest.mark.parametrize(("resource", "kind"), [("deployments", DEPLOYMENT), ("daemonsets", DAEMONSET)])
def test_workloads_are_found_by_their_layers_but_for_node_caches(resource: str, kind: str) -> None:
    found = dns_workloads(
        FakeCluster({resource: [workload("coredns"), workload("node-local-dns")]}).as_cluster(), topology()
    )
    assert [(str(of_layer), of_layer.layer) for of_layer in found] == [(f"{kind} kube-system/coredns", LAYER)]


def test_a_deployment_is_scaled_and_has_its_replicas_again_whatever_happens() -> None:
    cluster = Controlled({"deployments": [workload("coredns", replicas=2)]})
    changes = WorkloadChanges(cluster.as_cluster(), 5)
    seen = []

    def interrupted() -> None:
        found = deployment(cluster)
        with changes.scaled_back(
            DNSWorkload(found.kind, found.namespace, found.name, found.layer, {"replicas": 2})
        ):
            changes.scale(found, 4)
            seen.append(cluster.objects["deployments"][0]["spec"]["replicas"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert seen == [4]
    assert cluster.objects["deployments"][0]["spec"]["replicas"] == 2


@pytest.mark.parametrize("resource", ["deployments", "daemonsets"])
def test_a_roll_out_ends_when_its_controller_has_seen_it_and_every_pod_is_available(resource: str) -> None:
    cluster = Controlled({resource: [workload("coredns", template={"metadata": {}})]})
    if resource == "deployments":
        cluster.objects[resource][0]["spec"]["replicas"] = 3
    changes = WorkloadChanges(cluster.as_cluster(), 0.3)
    found = deployment(cluster)
    changes.roll_out(found)
    annotations = cluster.objects[resource][0]["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]
    cluster.follows = False
    with pytest.raises(
        DeadlineExceeded,
        match="3 pods are wanted: 3 there, 3 up to date, 3 available; not seen by its controller yet",
    ):
        changes.roll_out(found)
