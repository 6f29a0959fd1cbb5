from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.cluster.debug_deployment import (
    OWN_LABELS,
    SHARED_LABELS,
    debug_copy,
    live_deployment,
    with_query_log,
)
from clusterdns.cluster.retarget import restore, retarget, retargeted
from clusterdns.errors import ClusterError

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

ROOT = Path(__file__).parents[3]


@pytest.fixture
def live() -> dict[str, Any]:
    """The lab's kube-dns as the API server tells it."""
    manifests = yaml.safe_load_all((ROOT / "lab/topologies/shared/kube-dns.yaml").read_text())
    found: dict[str, Any] = next(one for one in manifests if one["kind"] == "Deployment")
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 3, "managedFields": []}
    found["metadata"]["annotations"] = {
        "deployment.kubernetes.io/revision": "1",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "mine": "kept",
    }
    found["status"] = {"replicas": 2}
    return found


def test_the_copy_is_one_replica_with_labels_and_a_selector_of_its_own(live: dict[str, Any]) -> None:
    made = debug_copy(live, OWN_LABELS)
    assert made["spec"]["replicas"] == 1
    assert made["spec"]["selector"] == {"matchLabels": {"k8s-app": "kube-dns-debug", "reason": "debug"}}
    assert made["spec"]["template"]["metadata"]["labels"].items() >= OWN_LABELS.items()
    assert made["metadata"]["labels"] == OWN_LABELS
    assert made["spec"]["template"]["spec"]["serviceAccountName"] == "kube-dns"


def test_with_the_shared_label_the_live_service_selects_it(live: dict[str, Any]) -> None:
    labels = debug_copy(live, SHARED_LABELS)["spec"]["template"]["metadata"]["labels"]
    assert labels == {"k8s-app": "kube-dns", "reason": "debug"}


def test_nothing_of_the_server_or_the_add_on_manager_is_copied(live: dict[str, Any]) -> None:
    made = debug_copy(live, OWN_LABELS)
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}
    assert made["metadata"]["annotations"] == {"mine": "kept"}
    assert "addonmanager" not in str(made)
    assert "components.gke.io" not in str(made)
    assert made["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == "10054"


def test_only_dnsmasqs_arguments_change(live: dict[str, Any]) -> None:
    before = {one["name"]: one for one in live["spec"]["template"]["spec"]["containers"]}
    after = {
        one["name"]: one for one in debug_copy(live, OWN_LABELS)["spec"]["template"]["spec"]["containers"]
    }
    assert after["kubedns"] == before["kubedns"]
    assert after["sidecar"] == before["sidecar"]
    added = ["--log-queries=extra", "--log-debug", "--log-async=25"]
    assert after["dnsmasq"]["args"] == [*before["dnsmasq"]["args"], *added]


@pytest.mark.parametrize(
    ("arguments", "nanny", "expected"),
    [
        (["-k", "--log-queries"], False, ["-k"]),
        (["-k", "--log-async=5", "--cache-size=1"], False, ["-k", "--cache-size=1"]),
        (["-logtostderr"], True, ["-logtostderr", "--", "-k"]),
    ],
)
def test_arguments_of_other_forms(arguments: list[str], *, nanny: bool, expected: list[str]) -> None:
    made = with_query_log(arguments, nanny=nanny)
    assert made == [*expected, "--log-queries=extra", "--log-debug", "--log-async=25"]


def test_a_deployment_without_dnsmasq_is_not_copied(live: dict[str, Any]) -> None:
    live["spec"]["template"]["spec"]["containers"] = [{"name": "coredns"}]
    with pytest.raises(ClusterError, match="no container dnsmasq"):
        debug_copy(live, OWN_LABELS)


def test_the_live_deployment_is_found_by_its_container(
    api_server: ApiServer, cluster: Cluster, live: dict[str, Any]
) -> None:
    path = "GET /apis/apps/v1/namespaces/dns/deployments"
    copy = {**live, "metadata": {"name": "kube-dns-debug"}}
    api_server.answers[path] = 200, {"metadata": {}, "items": [copy, live]}
    found = live_deployment(cluster, ["dns"])
    assert found is not None
    assert found["metadata"]["name"] == "kube-dns"
    api_server.answers[path] = 200, {"metadata": {}, "items": [copy]}
    assert live_deployment(cluster, ["dns"]) is None


def test_a_retargeted_service_says_what_it_was_and_is_put_back(
    api_server: ApiServer, cluster: Cluster
) -> None:
    service = {"metadata": {"name": "up", "namespace": "dns"}, "spec": {"selector": {"k8s-app": "kube-dns"}}}
    api_server.answers["PATCH /api/v1/namespaces/dns/services/up"] = lambda _query, body: (200, body)
    retarget(cluster, service, OWN_LABELS)
    changed = api_server.requests[-1][1]
    assert changed["spec"]["selector"] == {"$patch": "replace", **OWN_LABELS}

    api_server.answers["GET /api/v1/services"] = (
        200,
        {"metadata": {}, "items": [{"metadata": {"name": "up", "namespace": "dns", **changed["metadata"]}}]},
    )
    (found,) = retargeted(cluster)
    restore(cluster, found)
    restored = api_server.requests[-1][1]
    assert restored["spec"]["selector"] == {"$patch": "replace", "k8s-app": "kube-dns"}
    assert set(restored["metadata"]["labels"].values()) == {None}
    assert set(restored["metadata"]["annotations"].values()) == {None}
