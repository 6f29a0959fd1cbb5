"""What is starting or ending is told from what is broken."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusterdns.cluster import settling
from clusterdns.cluster.settling import settled_topology
from clusterdns.cluster.transitions import Transitions
from tests.unit.measuring.fakes import FakeCluster
from tests.unit.verdicts.topologies import topology

Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(seconds: float, *, ready: bool = False, since: float = 0.0, deleted: float | None = None) -> Object:
    """Return a pod that was made so many seconds ago."""
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": ago(since)}
    metadata = {"name": "dns-1", "creationTimestamp": ago(seconds)}
    if deleted is not None:
        metadata["deletionTimestamp"] = ago(deleted)
    container = {"name": "dns", "ready": ready, "state": {"running": {}}, "restartCount": 0}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n1"},
        "status": {"conditions": [condition], "containerStatuses": [container]},
    }


def told(*pods: Object, workload: Object | None = None) -> list[str]:
    transitions = Transitions()
    for seen in pods:
        transitions.see_pod(seen, "dns")
    if workload:
        transitions.see_workload(workload)
    return list(transitions.told())


def deployment(replicas: int, *, generation: int = 1) -> Object:
    return {
        "metadata": {"name": "dns", "generation": generation},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 1},
    }


def daemonset(nodes: int) -> Object:
    return {"metadata": {"name": "dns"}, "spec": {}, "status": {"desiredNumberScheduled": nodes}}


def test_a_pod_that_was_made_a_moment_ago_is_starting() -> None:
    assert told(pod(3)) == ["dns-1 is starting: container dns runs, and its readiness probe fails"]


def test_a_pod_that_has_just_become_ready_is_waited_for() -> None:
    assert told(pod(60, ready=True, since=0.5)) == ["dns-1 is starting: ready a moment ago"]


def _waiting(reason: str) -> Object:
    waiting = pod(3)
    waiting["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": reason}}
    return waiting


def _restarted() -> Object:
    restarted = pod(3)
    restarted["status"]["containerStatuses"][0]["restartCount"] = 1
    return restarted


def _nowhere() -> Object:
    nowhere = pod(3)
    nowhere["spec"] = {}
    return nowhere


@pytest.mark.parametrize(
    "settled",
    [
        pod(90, ready=True, since=80),
        pod(90),
        _waiting("ImagePullBackOff"),
        _restarted(),
        _nowhere(),
    ],
    ids=["ready", "not ready for long", "no image", "restarted", "not placed"],
)
def test_what_will_not_become_ready_by_itself_is_not_waited_for(settled: Object) -> None:
    assert told(settled) == []


def test_times_that_are_none_say_nothing() -> None:
    strange = pod(3)
    strange["metadata"]["creationTimestamp"] = "yesterday"
    naive = pod(90)
    naive["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00"
    assert told(strange, naive) == []


@pytest.mark.parametrize("workload", [deployment(1), daemonset(1)], ids=["Deployment", "DaemonSet"])
def test_a_pod_that_ends_is_waited_for_where_nothing_replaces_it_yet(workload: Object) -> None:
    ending = "dns-1 of dns: being deleted, and not replaced yet"
    assert told(pod(90, deleted=-20), workload=workload) == [ending]
    assert told(pod(90, deleted=-20), pod(60, ready=True, since=50), workload=workload) == []


def test_a_pod_that_should_have_ended_long_ago_is_not_waited_for() -> None:
    assert told(pod(900, deleted=120), workload=deployment(1)) == []


def test_a_deployment_that_its_controller_has_not_seen_yet_is_changing() -> None:
    assert told(workload=deployment(2, generation=2)) == ["dns was changed a moment ago"]


def test_a_topology_is_read_again_until_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = replace(topology(), changing=("kube-system: dns-1 is starting",))
    read = [changing, changing, topology()]
    monkeypatch.setattr(settling, "read_topology", lambda *_, **__: read.pop(0))
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert settled_topology(FakeCluster({}).as_cluster()).changing == ()
    assert read == []


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = replace(topology(), changing=("kube-system: dns-1 is starting",))
    monkeypatch.setattr(settling, "read_topology", lambda *_, **__: changing)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(settling, "_PATIENCE", 0.01)
    assert settled_topology(FakeCluster({}).as_cluster()) is changing
