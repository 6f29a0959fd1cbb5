"""Nodes that go away in mid-run: they are told apart from an API server or an agent in trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.errors import HarnessError, NodeLost, ProbeError
from clusterdns.probing.losses import by_those_left, on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

POD = ProbePod("ns", "default-0", "node-1", "10.0.0.9")
PODS, NODES = "GET /api/v1/namespaces/ns/pods", "GET /api/v1/nodes"
EXEC = f"{PODS}/default-0/exec"


def listed(*items: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"metadata": {}, "items": list(items)}


def node(ready: str = "True", *, cordoned: bool = False) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": "node-1"},
        "spec": {"unschedulable": cordoned},
        "status": {"conditions": conditions},
    }


def pod(**status: str) -> dict[str, Any]:
    return {"metadata": {"name": "default-0"}, "spec": {}, "status": {"phase": "Running", **status}}


@pytest.fixture
def prober(cluster: Cluster) -> Prober:
    return Prober(cluster, ready_timeout=1, agent_timeout=1)


@pytest.mark.parametrize(
    ("pods", "nodes", "refusal", "reason"),
    [
        ([], [node()], 'pods "default-0" not found', "pod default-0 was removed by somebody else"),
        (
            [],
            [node(cordoned=True)],
            'pods "default-0" not found',
            "pod default-0 was removed by somebody else; is cordoned",
        ),
        ([pod()], [], 'nodes "node-1" not found', "it was removed from the cluster"),
        ([pod()], [node("Unknown")], "error dialing backend", "is not ready"),
        ([pod(phase="Failed", reason="Evicted")], [node()], "container not found", "ended: Evicted"),
        ([pod()], [node()], "error dialing backend: refused", "cannot be reached any longer: .* refused"),
    ],
)
def test_a_node_that_is_lost_is_named_once_and_asked_nothing_more(
    api_server: ApiServer, prober: Prober, pods: list[Any], nodes: list[Any], refusal: str, reason: str
) -> None:
    api_server.answers |= {PODS: listed(*pods), NODES: listed(*nodes), EXEC: (404, {"message": refusal})}
    with pytest.raises(NodeLost, match=f"node node-1 was lost in mid-run: .*{reason}"):
        prober.run(POD, "identity", {})
    assert "node-1" in prober.lost
    asked = len(api_server.requests)
    with pytest.raises(NodeLost, match=reason):
        prober.run(POD, "identity", {})
    assert len(api_server.requests) == asked


def test_an_api_server_in_trouble_loses_no_node(api_server: ApiServer, prober: Prober) -> None:
    api_server.answers |= {PODS: (400, {}), NODES: (400, {}), EXEC: (400, {"message": "no"})}
    with pytest.raises(HarnessError, match="cannot start pods/exec default-0") as caught:
        prober.run(POD, "identity", {})
    assert not isinstance(caught.value, NodeLost)
    assert not prober.lost


def test_a_right_that_is_missing_loses_no_node(api_server: ApiServer, prober: Prober) -> None:
    refusal = 403, {"message": 'User "u" cannot create resource "pods/exec"'}
    api_server.answers |= {PODS: listed(pod()), NODES: listed(node()), EXEC: refusal}
    with pytest.raises(HarnessError, match="not allowed to start pods/exec"):
        prober.run(POD, "identity", {})
    assert not prober.lost


def lose(*lost: int) -> list[tuple[int, int]]:
    def double(number: int) -> int:
        if number in lost:
            raise NodeLost(f"node {number}")
        return 2 * number

    return on_nodes_left(double, [1, 2, 3])


def test_the_nodes_that_are_left_are_measured() -> None:
    assert lose() == [(1, 2), (2, 4), (3, 6)]
    assert lose(1, 3) == [(2, 4)]


def test_where_no_node_is_left_nothing_is_measured() -> None:
    with pytest.raises(NodeLost, match="node 1"):
        lose(1, 2, 3)


def test_other_failures_are_everybodys() -> None:
    def fail(_: int) -> int:
        raise ProbeError("the agent fell silent")

    with pytest.raises(ProbeError, match="fell silent"):
        on_nodes_left(fail, [1, 2])


def test_what_all_nodes_measure_together_is_measured_anew_once() -> None:
    failures = [NodeLost("node 1"), NodeLost("node 2")]

    def measure() -> str:
        if failures:
            raise failures.pop()
        return "measured"

    with pytest.raises(NodeLost):
        by_those_left(measure)
    failures = [NodeLost("node 1")]
    assert by_those_left(measure) == "measured"
