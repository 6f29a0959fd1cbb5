from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.workload import Workload, left_behind
from clusterdns.errors import ClusterError

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture
def namespaces(api_server: ApiServer) -> dict[str, Any]:
    """The namespaces there are; made and removed at once, with a service account each."""
    there: dict[str, Any] = {}

    def create(_query: object, body: Any) -> tuple[int, Any]:
        name = body["metadata"]["name"]
        there[name] = body
        path = f"{NAMESPACES}/{name}"
        api_server.answers[f"GET {path}/serviceaccounts/default"] = 200, {"metadata": {}}

        def delete(_query: object, _body: object) -> tuple[int, Any]:
            del there[name]
            return 200, {}

        api_server.answers[f"DELETE {path}"] = delete
        return 201, body

    api_server.answers[f"POST {NAMESPACES}"] = create
    return there


@pytest.fixture
def workload(cluster: Cluster, namespaces: dict[str, Any]) -> Workload:
    del namespaces
    return Workload(cluster, "1a2b3c4d", expiry=3600, timeout=0.5)


def test_nothing_is_made_until_asked_for(workload: Workload, namespaces: dict[str, Any]) -> None:
    assert not namespaces
    assert workload.close() == []


def test_namespaces_say_whose_they_are_and_when_they_expire(
    workload: Workload, namespaces: dict[str, Any]
) -> None:
    assert workload.namespace == workload.namespace == "clusterdns-1a2b3c4d"
    assert workload.privileged_namespace == "clusterdns-1a2b3c4d-privileged"
    metadata = [made["metadata"] for made in namespaces.values()]
    assert [made["labels"]["pod-security.kubernetes.io/enforce"] for made in metadata] == [
        "restricted",
        "privileged",
    ]
    for made in metadata:
        assert made["labels"]["clusterdns.io/run"] == "1a2b3c4d"
        assert made["labels"]["app.kubernetes.io/managed-by"] == "cluster-dns-conformance"
        expires = datetime.fromisoformat(made["annotations"]["clusterdns.io/expires"])
        assert timedelta(minutes=55) < expires - datetime.now(UTC) < timedelta(minutes=65)


def test_closing_removes_everything(workload: Workload, namespaces: dict[str, Any]) -> None:
    assert workload.namespace
    assert workload.privileged_namespace
    assert workload.close() == []
    assert not namespaces


def test_what_cannot_be_removed_is_told(workload: Workload, api_server: ApiServer) -> None:
    name = workload.namespace
    api_server.answers[f"DELETE {NAMESPACES}/{name}"] = 500, {"message": "no"}
    assert workload.close() == [f"Namespace {name}: cannot delete namespaces {name}: no"]


def test_what_does_not_go_is_told(workload: Workload, api_server: ApiServer) -> None:
    name = workload.namespace
    api_server.answers[f"GET {NAMESPACES}/{name}"] = 200, {"metadata": {}, "status": {"phase": "Terminating"}}
    (left,) = workload.close()
    assert f"last seen: namespace {name} is Terminating" in left


def test_a_creation_that_fails_is_removed_all_the_same(workload: Workload, api_server: ApiServer) -> None:
    api_server.answers[f"POST {NAMESPACES}"] = 504, {"message": "timeout"}
    with pytest.raises(ClusterError, match=r"timeout|timed out"):  # the last attempt may be cut short
        assert workload.namespace
    workload.close()
    assert api_server.requests[-2][0] == f"DELETE {NAMESPACES}/clusterdns-1a2b3c4d"


def test_marks_are_added_to_what_a_manifest_has(workload: Workload) -> None:
    owned = workload.owned({"kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}}, "ns")
    assert owned["metadata"]["labels"] == {
        "a": "b",
        "clusterdns.io/run": "1a2b3c4d",
        "app.kubernetes.io/managed-by": "cluster-dns-conformance",
    }
    assert owned["metadata"]["namespace"] == "ns"


def test_what_runs_left_behind_is_found_by_label(api_server: ApiServer, cluster: Cluster) -> None:
    items = [
        {"metadata": {"name": "a", "annotations": {"clusterdns.io/expires": "2026-01-02T03:04:05+00:00"}}},
        {"metadata": {"name": "b", "annotations": {"clusterdns.io/expires": "soon"}}},
        {"metadata": {"name": "c"}},
    ]

    def answer(query: Any, _body: object) -> tuple[int, Any]:
        assert query["labelSelector"] == [
            "app.kubernetes.io/managed-by=cluster-dns-conformance,clusterdns.io/run"
        ]
        return 200, {"metadata": {}, "items": items}

    api_server.answers[f"GET {NAMESPACES}"] = answer
    inside = {"metadata": {"name": "target", "namespace": "a"}}  # goes with its namespace
    for resource, items_ in (("/apis/apps/v1/deployments", []), ("/api/v1/services", [inside])):
        api_server.answers[f"GET {resource}"] = 200, {"metadata": {}, "items": items_}
    found = [(namespace["metadata"]["name"], expires) for namespace, expires in left_behind(cluster)]
    assert found == [("a", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), ("b", None), ("c", None)]


def test_what_one_run_left_behind_is_found_by_its_id(api_server: ApiServer, cluster: Cluster) -> None:
    asked: list[str] = []

    def answer(query: Any, _body: object) -> tuple[int, Any]:
        asked.extend(query["labelSelector"])
        return 200, {"metadata": {}, "items": []}

    for path in (NAMESPACES, "/apis/apps/v1/deployments", "/api/v1/services"):
        api_server.answers[f"GET {path}"] = answer
    assert left_behind(cluster, "1a2b") == []
    assert set(asked) == {"app.kubernetes.io/managed-by=cluster-dns-conformance,clusterdns.io/run=1a2b"}


def test_other_runs_are_known_by_their_namespaces(api_server: ApiServer, workload: Workload) -> None:
    labels: list[dict[str, str]] = [
        {"clusterdns.io/run": name} for name in ("1a2b3c4d", "e042689e", "Manual")
    ]
    items = [{"metadata": {"name": "n", "labels": of_run}} for of_run in labels]
    api_server.answers[f"GET {NAMESPACES}"] = 200, {"metadata": {}, "items": items}
    assert workload.other_runs() == {"e042689e"}
