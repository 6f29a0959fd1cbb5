from __future__ import annotations

import base64
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.workload import CORDONED
from clusterdns.errors import ClusterError, DeadlineExceeded, HarnessError
from clusterdns.measuring import disruption
from clusterdns.measuring.disruption import Disruptor
from clusterdns.measuring.dns_changes import DNSChanges, Replaceable
from clusterdns.probing.pods import ProbePod
from clusterdns.settings import Settings
from tests.unit.measuring.fakes import FakeCluster, FakeProber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clusterdns.model.disruption import Disruption
    from clusterdns.probing.operations import Answer

QUERIES = 100
STEP = 16_666_667  # ns
POD = Replaceable("kube-system", "coredns-0", "n1")


def pod(name: str, owner: str = "rs") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "kube-system", "ownerReferences": [{"uid": owner}]},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


@dataclass
class Replacing(FakeCluster):
    """A cluster whose controllers replace what is evicted or deleted."""

    evicted: list[str] = field(default_factory=list)
    refuse: ClusterError | None = None

    def evict(self, namespace: str, pod_name: str) -> None:
        assert namespace == "kube-system"
        if self.refuse:
            raise self.refuse
        self.evicted.append(pod_name)
        self._replace(pod_name)

    def delete(self, manifest: Mapping[str, Any], *, owned_first: bool = False) -> None:
        super().delete(manifest, owned_first=owned_first)
        self._replace(manifest["metadata"]["name"])

    def _replace(self, name: str) -> None:
        pods = self.objects["pods"]
        (replaced,) = (kept for kept in pods if kept["metadata"]["name"] == name)
        (owner,) = replaced["metadata"]["ownerReferences"]
        pods[:] = [kept for kept in pods if kept is not replaced] + [pod(f"{name}-new", owner["uid"])]


def load_answers(lag_ns: int, lost: range) -> list[Answer]:
    intended = [STEP * index for index in range(QUERIES)]
    elapsed = [-1 if index in lost else 1_000_000 for index in range(QUERIES)]
    columns = [intended, [lag_ns] * QUERIES, elapsed]
    data = b"".join(struct.pack(f"<{QUERIES}q", *column) for column in columns) + bytes(QUERIES)
    return [
        {"samples": base64.b64encode(zlib.compress(data)).decode()},
        {
            "start_ns": 0,
            "late": 0,
            "duplicates": 0,
            "strays": 0,
            "dropped": 0,
            "failures": {},
            "connections": 0,
            "cpu_seconds": 0.1,
        },
    ]


def prober(*, lag_ns: int = 0, lost: range = range(0), failure: str | None = None) -> FakeProber:
    def resolved(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        return [
            {"lookup": index, "failure": failure, "addresses": [], "start_ns": 0, "end_ns": 5_000_000}
            for index in range(len(request["lookups"]))
        ]

    return FakeProber({"load": lambda _pod, _request: load_answers(lag_ns, lost), "resolve": resolved})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Replacing:
    monkeypatch.setattr(disruption, "_QUIET", 0)
    pods = [pod("coredns-0"), pod("coredns-1"), pod("other", owner="another")]
    return Replacing({"pods": pods})


class Doing:
    """What the tests do: a change, seen by a disruptor."""

    def __init__(self, cluster: Replacing, probes: FakeProber, *, foreign: bool = False) -> None:
        pods = {"n1": ProbePod("ns", "probe", "n1", "10.0.0.1")}
        addresses = ["10.96.0.10", "10.96.0.11"]
        self.disruptor = Disruptor(probes.as_prober(), pods, addresses, "cluster.local", "ns", Settings())
        self.changes = DNSChanges(cluster.as_cluster(), "r1", 0.3, foreign)

    def evict(self, pod: Replaceable) -> Disruption:
        return self.disruptor.during(f"{pod} replaced", "n1", lambda: self.changes.evict(pod), seconds=0.5)

    def delete(self, pod: Replaceable) -> Disruption:
        return self.disruptor.during(
            f"{pod} replaced", "n1", lambda: self.changes.delete(pod, alone=True), seconds=0.5
        )


def test_a_pod_is_evicted_while_every_path_is_asked_and_names_are_looked_up(cluster: Replacing) -> None:
    probes = prober(lost=range(10, 20))
    seen = Doing(cluster, probes).evict(POD)
    assert cluster.evicted == ["coredns-0"]
    assert [(path.address, path.failed) for path in seen.paths] == [("10.96.0.10", 10), ("10.96.0.11", 10)]
    assert seen.lookups == 10
    assert seen.failed_lookups == []
    assert (seen.slowest_lookup_s, seen.node) == (0.005, "n1")
    requests = [request for _, operation, request in probes.requests if operation == "load"]
    assert {request["schedule"]["rate"] for request in requests} == {60}
    assert [message["number_at"] is None for message in requests[0]["messages"]] == [True, False, True]


def test_a_node_cache_is_deleted(cluster: Replacing) -> None:
    Doing(cluster, prober(failure="EAI_AGAIN")).delete(POD)
    assert [deleted["metadata"]["name"] for deleted in cluster.deleted] == ["coredns-0"]


def test_failed_lookups_are_named(cluster: Replacing) -> None:
    seen = Doing(cluster, prober(failure="EAI_AGAIN")).evict(POD)
    assert len(seen.failed_lookups) == seen.lookups
    assert seen.failed_lookups[0] == "n1: clusterdns-target.ns.svc: EAI_AGAIN"


def test_what_a_budget_forbids_is_not_done_and_is_told(cluster: Replacing) -> None:
    cluster.refuse = ClusterError("cannot create pods/eviction: would violate the pod's disruption budget")
    seen = Doing(cluster, prober()).evict(POD)
    assert seen.ready_again_s is None
    assert "would violate the pod's disruption budget" in seen.unfinished


def test_a_pod_of_a_daemonset_is_deleted_where_enough_stay(cluster: Replacing) -> None:
    DNSChanges(cluster.as_cluster(), "r1", 5, foreign=False).delete(POD)
    assert [deleted["metadata"]["name"] for deleted in cluster.deleted] == ["coredns-0"]
    with pytest.raises(HarnessError, match="2 must stay"):
        DNSChanges(cluster.as_cluster(), "r1", 5, foreign=True).delete(
            Replaceable("kube-system", "coredns-1", "n1")
        )


def test_a_foreign_cluster_keeps_two_ready(cluster: Replacing) -> None:
    with pytest.raises(HarnessError, match="2 pods like it are ready, and 2 must stay"):
        Doing(cluster, prober(), foreign=True).evict(POD)
    assert cluster.evicted == []


def test_pods_of_another_kind_on_a_drained_node_are_not_counted_as_leaving(cluster: Replacing) -> None:
    cluster.objects["pods"] += [pod("coredns-2"), pod("other-1", "another"), pod("other-2", "another")]
    changes = DNSChanges(cluster.as_cluster(), "r1", 0.3, foreign=True)
    changes.drain([POD, Replaceable("kube-system", "other", "n1")])
    assert sorted(cluster.evicted) == ["coredns-0", "other"]


def test_a_generator_that_was_late_measures_nothing(cluster: Replacing) -> None:
    with pytest.raises(HarnessError, match=r"600\.0 ms late"):
        Doing(cluster, prober(lag_ns=600_000_000)).evict(POD)


def test_a_pod_that_somebody_else_replaced_is_an_error(cluster: Replacing) -> None:
    with pytest.raises(ClusterError, match="is gone"):
        Doing(cluster, prober()).evict(Replaceable("kube-system", "coredns-9", "n1"))


def test_nothing_is_replaced_once_the_run_is_interrupted(
    cluster: Replacing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disruption, "_QUIET", 0.3)

    def interrupted(_pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        raise KeyboardInterrupt

    probes = prober()
    probes.operations["load"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        Doing(cluster, probes).evict(POD)
    time.sleep(0.6)
    assert cluster.evicted == []


def test_a_successor_that_does_not_come_is_told_and_clients_have_the_say(
    cluster: Replacing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_replace", lambda _name: cluster.objects["pods"].pop(0))
    seen = Doing(cluster, prober()).evict(POD)
    assert seen.ready_again_s is None
    assert "1 of 2 pods like it are ready" in seen.unfinished


def test_what_takes_longer_than_is_watched_is_not_measured(cluster: Replacing) -> None:
    doing = Doing(cluster, prober())
    with pytest.raises(HarnessError, match="the change took 1 s, longer than was watched"):
        doing.disruptor.during("the change", "", lambda: time.sleep(0.7), seconds=0.5)


def test_a_node_is_drained_of_all_its_dns_pods_and_takes_pods_again(cluster: Replacing) -> None:
    cluster.objects["nodes"] = [{"metadata": {"name": "n1"}, "spec": {}}]
    changes = DNSChanges(cluster.as_cluster(), "r1", 5, foreign=False)
    with changes.cordoned("n1"):
        (node,) = cluster.objects["nodes"]
        assert node["spec"] == {"unschedulable": True}
        assert node["metadata"]["labels"] == {CORDONED: "r1"}
        changes.drain([POD, Replaceable("kube-system", "coredns-1", "n1")])
    assert sorted(cluster.evicted) == ["coredns-0", "coredns-1"]
    assert node["spec"] == {}
    assert not node["metadata"]["labels"]


def test_a_node_is_uncordoned_when_the_run_is_interrupted(cluster: Replacing) -> None:
    cluster.objects["nodes"] = [{"metadata": {"name": "n1"}, "spec": {}}]
    changes = DNSChanges(cluster.as_cluster(), "r1", 5, foreign=False)
    with pytest.raises(KeyboardInterrupt), changes.cordoned("n1"):
        raise KeyboardInterrupt
    assert cluster.objects["nodes"][0]["spec"] == {}


def test_a_node_that_somebody_has_cordoned_stays_so(cluster: Replacing) -> None:
    cluster.objects["nodes"] = [{"metadata": {"name": "n1"}, "spec": {"unschedulable": True}}]
    with DNSChanges(cluster.as_cluster(), "r1", 5, foreign=True).cordoned("n1"):
        pass
    assert cluster.objects["nodes"] == [{"metadata": {"name": "n1"}, "spec": {"unschedulable": True}}]


def test_an_eviction_waits_for_its_budget_and_gives_up_in_time(cluster: Replacing) -> None:
    cluster.refuse = ClusterError("Cannot evict pod as it would violate the pod's disruption budget.")
    changes = DNSChanges(cluster.as_cluster(), "r1", 0.3, foreign=False)
    with pytest.raises(DeadlineExceeded, match="the eviction of kube-system/coredns-0"):
        changes.drain([POD])
    cluster.refuse = ClusterError("cannot reach the API server")
    with pytest.raises(ClusterError, match="cannot reach"):
        changes.drain([POD])


def test_a_foreign_node_with_too_many_of_the_pods_is_not_drained(cluster: Replacing) -> None:
    changes = DNSChanges(cluster.as_cluster(), "r1", 5, foreign=True)
    with pytest.raises(HarnessError, match="2 must stay"):
        changes.drain([POD])
    assert cluster.evicted == []
