"""The copy of kube-dns: what it is sent, that Services are put back, and what is left of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from clusterdns.cluster.debug_deployment import OWN_LABELS, SHARED_LABELS
from clusterdns.cluster.workload import Workload
from clusterdns.errors import AdmissionRefused, HarnessError, ProbeError
from clusterdns.measuring.debug_deployment import (
    OWN,
    SHARED,
    UPSTREAM,
    Copy,
    DebugDeployment,
    make_debug_deployment,
)
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.reachability import Reachability
from clusterdns.model.pods import DEFAULT
from clusterdns.model.topology import Topology
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeCluster, FakeProber
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream

PROBE = ProbePod("ns", "default-n1", "n1", "10.0.0.9")
INCIDENT = topology(cache(), server(limit=40), services=(upstream(*TWO),))
UNCACHED = topology(server(), services=())
BEFORE = {"k8s-app": "kube-dns"}
LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "kube-dns", "namespace": "kube-system"},
    "spec": {
        "template": {
            "metadata": {"labels": BEFORE},
            "spec": {"containers": [{"name": "dnsmasq", "image": "dnsmasq:2.90"}]},
        }
    },
}


def service(name: str, selector: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "kube-system", **metadata},
        "spec": {"clusterIP": "10.96.0.99", "selector": dict(selector)},
    }


def debug_pod(labels: Mapping[str, str], *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"name": "kube-dns-debug-a", "namespace": "kube-system", "labels": dict(labels)},
        "spec": {"nodeName": "n1", "containers": [{"name": "dnsmasq"}]},
        "status": {
            "podIP": "10.0.0.77",
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def cluster_with(*pods: dict[str, Any]) -> FakeCluster:
    services = [service("kube-dns-debug", OWN_LABELS), service("upstream", BEFORE)]
    return FakeCluster({"services": services, "pods": list(pods)})


def selector_of_upstream(cluster: FakeCluster) -> Mapping[str, str]:
    found = cluster.find("services", "upstream", namespace="kube-system")
    assert found is not None
    selector: Mapping[str, str] = found["spec"]["selector"]
    return selector


def workload_in(cluster: FakeCluster) -> Workload:
    return Workload(cluster.as_cluster(), "a1", expiry=60, timeout=0.01)


def reachability() -> Reachability:
    def answers(_pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        nothing = dict.fromkeys(("failure", "wire", "source", "sent_ns", "received_ns"))
        return [{"message": 0, "strays": 0, "tried": True, **nothing}]

    prober = FakeProber({"send": answers})
    return Reachability(prober.as_prober(), Probes({("n1", DEFAULT): PROBE}, {}), INCIDENT, 1)


def deploy(
    cluster: FakeCluster,
    dns: Topology = INCIDENT,
    *,
    traffic: str | None = None,
    foreign: bool = False,
) -> DebugDeployment:
    return make_debug_deployment(
        cluster.as_cluster(),
        workload_in(cluster),
        dns,
        reachability(),
        LIVE,
        traffic=traffic,
        foreign=foreign,
        ready_timeout=0.01,
    )


@pytest.mark.parametrize(
    ("dns", "traffic", "foreign", "chosen", "labels"),
    [
        (INCIDENT, None, False, UPSTREAM, OWN_LABELS),
        (INCIDENT, None, True, OWN, OWN_LABELS),
        (UNCACHED, None, False, OWN, OWN_LABELS),
        (INCIDENT, OWN, False, OWN, OWN_LABELS),
        (INCIDENT, SHARED, False, SHARED, SHARED_LABELS),
        (INCIDENT, UPSTREAM, True, UPSTREAM, OWN_LABELS),
    ],
)
def test_what_the_copy_is_sent(
    dns: Topology,
    traffic: str | None,
    foreign: bool,  # noqa: FBT001 - a case
    chosen: str,
    labels: Mapping[str, str],
) -> None:
    cluster = cluster_with(debug_pod(labels))
    copy = deploy(cluster, dns, traffic=traffic, foreign=foreign).serving
    assert (copy.traffic, copy.labels, copy.address) == (chosen, labels, "10.96.0.99")
    assert copy.pod == ProbePod("kube-system", "kube-dns-debug-a", "n1", "10.0.0.77")
    by_kind = {manifest["kind"]: manifest for manifest in cluster.created}
    assert by_kind["Service"]["spec"]["selector"] == labels
    assert by_kind["Deployment"]["spec"]["selector"] == {"matchLabels": labels}
    assert "ServiceMonitor" not in by_kind


def test_the_limit_is_that_of_the_copied_deployment() -> None:
    assert deploy(cluster_with(debug_pod(OWN_LABELS))).serving.limit == 40
    unlimited = topology(replace(server(), limits={}), services=())
    assert deploy(cluster_with(debug_pod(OWN_LABELS)), unlimited).serving.limit == 20


def test_a_copy_that_does_not_become_ready() -> None:
    with pytest.raises(HarnessError, match=r"Deployment kube-dns-debug: .* 1 pods, none ready"):
        deploy(cluster_with(debug_pod(OWN_LABELS, ready=False)))


def test_a_copy_that_admission_refuses() -> None:
    class Refusing(FakeCluster):
        def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
            if manifest["kind"] == "Deployment":
                raise AdmissionRefused("a quota says no")
            return super().create(manifest)

    refused = deploy(Refusing())
    assert (refused.copy, refused.refused) == (None, "a quota says no")
    with pytest.raises(HarnessError, match="there is no copy of kube-dns: a quota says no"):
        _ = refused.serving


def test_what_a_killed_run_retargeted_is_put_back_first() -> None:
    left = service(
        "upstream",
        OWN_LABELS,
        labels={"clusterdns.io/retargeted": "true"},
        annotations={"clusterdns.io/selector-before": json.dumps(BEFORE)},
    )
    cluster = cluster_with(debug_pod(OWN_LABELS))
    cluster.objects["services"][1] = left
    deploy(cluster)
    assert selector_of_upstream(cluster) == BEFORE


def deployment(cluster: FakeCluster, traffic: str, upstream_name: str | None) -> DebugDeployment:
    pod = ProbePod("kube-system", "kube-dns-debug-a", "n1", "10.0.0.77")
    copy = Copy(pod, "10.96.0.99", 20, traffic, OWN_LABELS)
    return DebugDeployment(cluster.as_cluster(), workload_in(cluster), upstream_name, copy, None)


def test_node_caches_ask_the_copy_only_while_it_is_in_place() -> None:
    cluster = cluster_with()
    with deployment(cluster, UPSTREAM, "kube-system/upstream").in_place():
        assert selector_of_upstream(cluster) == OWN_LABELS
    assert selector_of_upstream(cluster) == BEFORE


def test_the_upstream_service_is_put_back_where_the_load_fails() -> None:
    cluster = cluster_with()
    with (
        pytest.raises(ProbeError, match="no load"),
        deployment(cluster, UPSTREAM, "kube-system/upstream").in_place(),
    ):
        raise ProbeError("no load")
    assert selector_of_upstream(cluster) == BEFORE


@pytest.mark.parametrize(
    ("traffic", "upstream_name"),
    [(OWN, "kube-system/upstream"), (SHARED, "kube-system/upstream"), (UPSTREAM, None)],
)
def test_other_traffic_changes_no_service(traffic: str, upstream_name: str | None) -> None:
    cluster = cluster_with()
    with deployment(cluster, traffic, upstream_name).in_place():
        assert selector_of_upstream(cluster) == BEFORE
    assert cluster.patched == []


def test_an_upstream_service_that_went_away() -> None:
    with (
        pytest.raises(HarnessError, match="Service kube-system/upstream went away"),
        deployment(FakeCluster(), UPSTREAM, "kube-system/upstream").in_place(),
    ):
        pass


def test_nothing_is_left_of_a_copy_that_was_removed() -> None:
    cluster = cluster_with(debug_pod(OWN_LABELS))
    copy = deploy(cluster)
    cluster.objects["pods"].clear()
    assert copy.remove() is None
    assert {manifest["kind"] for manifest in cluster.deleted} == {"Service", "Deployment"}


@pytest.mark.parametrize("labels", [OWN_LABELS, SHARED_LABELS])
def test_pods_that_are_left_of_a_copy_are_named(labels: Mapping[str, str]) -> None:
    cluster = cluster_with(debug_pod(labels))
    copy = deploy(cluster, traffic=SHARED if labels is SHARED_LABELS else OWN)
    assert copy.remove() == "pods kube-dns-debug-a are still there"


def test_objects_that_are_left_of_a_copy_are_named() -> None:
    class Keeping(FakeCluster):
        def exists(self, manifest: Mapping[str, Any]) -> bool:
            return bool(manifest["kind"] == "Deployment")

    cluster = Keeping(cluster_with(debug_pod(OWN_LABELS)).objects)
    left = deploy(cluster).remove()
    assert left is not None
    assert "Deployment kube-dns-debug is there" in left
