from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dns.rcode
import pytest

from clusterdns.errors import DeadlineExceeded, HarnessError
from clusterdns.measuring.corefile_changes import CorefileChanges
from clusterdns.measuring.dns_workloads import DEPLOYMENT, DNSWorkload
from clusterdns.model.topology import Fact, Layer, LayerKind
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeCluster, FakeProber
from tests.unit.measuring.test_propagation import counts, message, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clusterdns.probing.operations import Answer

COREFILE = ".:5353 {\n    forward . /etc/resolv.conf\n    reload\n}\n"
SPEC = {
    "containers": [
        {
            "name": "coredns",
            "image": "coredns:1.13.1",
            "args": ["-conf", "/etc/coredns/Corefile"],
            "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
        }
    ],
    "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
}
COREDNS = DNSWorkload(
    DEPLOYMENT,
    "kube-system",
    "coredns",
    Layer(LayerKind.COREDNS, "kube-system/coredns", (), Fact("1.13.1", "image")),
    {"template": {"metadata": {}, "spec": SPEC}},
)


@dataclass
class Configured(FakeCluster):
    def get(self, resource: str, name: str, *, namespace: str) -> dict[str, Any]:
        found = self.find(resource, name, namespace=namespace)
        assert found is not None
        return found


def dns_pod(index: int) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"coredns-5-{index}",
            "namespace": "kube-system",
            "labels": {"k8s-app": "kube-dns", "pod-template-hash": "5"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "coredns-5"}],
        },
        "spec": {"nodeName": "n1", **SPEC},
        "status": {"phase": "Running", "podIP": f"10.0.0.{index}"},
    }


@pytest.fixture
def cluster() -> Configured:
    configmap = {"metadata": {"name": "coredns", "namespace": "kube-system"}, "data": {"Corefile": COREFILE}}
    return Configured({"configmaps": [configmap], "pods": [dns_pod(1), dns_pod(2)]})


def changes(
    cluster: Configured, served: Sequence[bool], *, loaded_by: int = 2
) -> tuple[CorefileChanges, FakeProber]:
    """Changes of a Corefile; at each whether the pods serve our zone, and how many of the two answer."""
    turns = iter(served)

    def polled(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        (wire,) = request["targets"][0]["wires"]
        shown = message(wire, "192.0.2.1") if next(turns) else message(wire, rcode=dns.rcode.REFUSED)
        answers = [said(index, 0.5, shown) for index in range(loaded_by)]
        return [*answers, *(counts(index) for index in range(2))]

    prober = FakeProber({"poll": polled})
    asks = CorefileChanges(
        cluster.as_cluster(), prober.as_prober(), ProbePod("ns", "p", "n1", "10.0.0.9"), "r1"
    )
    return asks, prober


def corefile(cluster: Configured) -> str:
    return str(cluster.objects["configmaps"][0]["data"]["Corefile"])


def test_a_corefile_gets_a_server_of_our_own_and_then_its_text_again(cluster: Configured) -> None:
    asks, prober = changes(cluster, [True, False])
    with asks.changing(COREDNS) as change:
        change.there()
        assert corefile(cluster).startswith(COREFILE)
        assert "r1.clusterdns.invalid:5353 {" in corefile(cluster)
        change.back()
        assert corefile(cluster) == COREFILE
    for _, _, request in prober.requests:
        asked = [(target["address"], target["port"]) for target in request["targets"]]
        assert asked == [("10.0.0.1", 5353), ("10.0.0.2", 5353)]
    hurried = [name for resource, name, _ in cluster.patched if resource == "pods"]
    assert hurried == ["coredns-5-1", "coredns-5-2"] * 2


def test_a_corefile_has_its_text_again_whatever_ends_the_block(cluster: Configured) -> None:
    asks, _ = changes(cluster, [])
    with suppress(KeyboardInterrupt), asks.changing(COREDNS):
        cluster.objects["configmaps"][0]["data"]["Corefile"] = "changed"
        raise KeyboardInterrupt
    assert corefile(cluster) == COREFILE


def test_pods_that_do_not_load_it_are_named_and_the_text_is_there_again(cluster: Configured) -> None:
    asks, _ = changes(cluster, [True], loaded_by=1)
    with (
        pytest.raises(
            DeadlineExceeded,
            match=r"1 of 2 pods had not loaded .* Corefile, changed, after 75 s: coredns-5-2",
        ),
        asks.changing(COREDNS) as change,
    ):
        change.there()
    assert corefile(cluster) == COREFILE


def test_a_corefile_that_no_pod_runs_with_is_not_loaded(cluster: Configured) -> None:
    cluster.objects["pods"].clear()
    asks, _ = changes(cluster, [])
    with (
        pytest.raises(HarnessError, match="no pod of Deployment kube-system/coredns runs"),
        asks.changing(COREDNS) as change,
    ):
        change.there()
    assert corefile(cluster) == COREFILE


def test_pods_that_keep_the_changed_text_are_named(cluster: Configured) -> None:
    asks, _ = changes(cluster, [True])
    with (
        pytest.raises(DeadlineExceeded, match=r"2 of 2 pods had not loaded .*, put back, after 75 s"),
        asks.changing(COREDNS) as change,
    ):
        change.back()


def test_a_corefile_outside_configmaps_cannot_be_changed(cluster: Configured) -> None:
    cluster.objects["configmaps"].clear()
    asks, _ = changes(cluster, [])
    with (
        pytest.raises(
            HarnessError, match="the Corefile of Deployment kube-system/coredns is in no ConfigMap"
        ),
        asks.changing(COREDNS),
    ):
        pass
