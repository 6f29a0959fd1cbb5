from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.sidecars import measure, sidecar_pods
from clusterdns.errors import ClusterError
from tests.unit.conftest import says

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

PAGE = b'# TYPE a counter\na{x="1"} 1\na{x="2"} 1\nb 1\n'


def sidecar(name: str, owner: str, **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "mesh", "ownerReferences": [{"name": owner}]}
    return {"metadata": {**metadata, "annotations": annotations}}


def at(port: int) -> str:
    return f"GET /api/v1/namespaces/mesh/pods/a:{port}/proxy/stats/prometheus"


def test_a_few_of_every_workload_are_looked_at(api_server: ApiServer, cluster: Cluster) -> None:
    pods = [sidecar("a", "one"), sidecar("b", "one"), sidecar("c", "two")]
    api_server.answers["GET /api/v1/pods"] = 200, {"metadata": {}, "items": pods}
    assert [one["metadata"]["name"] for one in sidecar_pods(cluster, "mesh", 2)] == ["a", "c"]
    assert len(sidecar_pods(cluster, "mesh", 10)) == 3


@pytest.mark.parametrize("port", [15020, 15090, 15000])
def test_the_first_port_that_answers_is_read(api_server: ApiServer, cluster: Cluster, port: int) -> None:
    api_server.answers[at(port)] = 200, PAGE
    found = measure(cluster, sidecar("a", "one"), 5)
    assert (found.pod, found.port, found.series, found.largest[0]) == ("mesh/a", port, 3, ("a", 2))


def test_its_annotation_is_believed_first(api_server: ApiServer, cluster: Cluster) -> None:
    said = {"prometheus.io/port": "16000"}
    api_server.answers |= {at(15020): (200, b"x 1\n"), at(16000): (200, PAGE)}
    assert measure(cluster, sidecar("a", "one", **said), 5).port == 16000


def test_none_that_answers_is_said(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[at(15020)] = says(503, "connection refused")
    with pytest.raises(
        ClusterError, match=r"no metrics of the sidecar in mesh/a: 15020: .*connection refused"
    ):
        measure(cluster, sidecar("a", "one"), 5)
