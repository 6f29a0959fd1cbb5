from __future__ import annotations

import base64
import struct
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.errors import ClusterError, HarnessError
from clusterdns.measuring import disruption
from clusterdns.measuring.disruption import Disruptor, Replaceable
from clusterdns.probing.pods import ProbePod
from clusterdns.settings import Settings
from tests.unit.measuring.fakes import FakeCluster, FakeProber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clusterdns.probing.operations import Answer

QUERIES = 100
STEP = 16_666_667  # ns
POD = Replaceable("kube-system", "coredns-0")


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
        pods[:] = [kept for kept in pods if kept["metadata"]["name"] != name] + [pod(f"{name}-new")]


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


def disruptor(cluster: Replacing, probes: FakeProber, *, foreign: bool = False) -> Disruptor:
    settings = Settings().model_copy(update={"disruption_window": 0.5})  # shorter than a user may ask for
    probe = ProbePod("ns", "probe", "n1", "10.0.0.1")
    return Disruptor(
        cluster.as_cluster(),
        probes.as_prober(),
        {"n1": probe},
        ["10.96.0.10", "10.96.0.11"],
        "cluster.local",
        "ns",
        settings,
        foreign,
    )


def test_a_pod_is_evicted_while_every_path_is_asked_and_names_are_looked_up(cluster: Replacing) -> None:
    probes = prober(lost=range(10, 20))
    seen = disruptor(cluster, probes).evict(POD)
    assert cluster.evicted == ["coredns-0"]
    assert [(path.address, path.failed) for path in seen.paths] == [("10.96.0.10", 10), ("10.96.0.11", 10)]
    assert seen.lookups >= 10
    assert seen.failed_lookups == []
    assert (seen.slowest_lookup_s, seen.node) == (0.005, "n1")
    requests = [request for _, operation, request in probes.requests if operation == "load"]
    assert {request["schedule"]["rate"] for request in requests} == {60}
    assert [message["number_at"] is None for message in requests[0]["messages"]] == [True, False, True]


def test_a_node_cache_is_deleted(cluster: Replacing) -> None:
    disruptor(cluster, prober(failure="EAI_AGAIN")).delete(POD)
    assert [deleted["metadata"]["name"] for deleted in cluster.deleted] == ["coredns-0"]


def test_failed_lookups_are_named(cluster: Replacing) -> None:
    seen = disruptor(cluster, prober(failure="EAI_AGAIN")).evict(POD)
    assert len(seen.failed_lookups) == seen.lookups
    assert seen.failed_lookups[0] == "n1: clusterdns-target.ns.svc: EAI_AGAIN"


def test_what_a_budget_forbids_is_not_done(cluster: Replacing) -> None:
    cluster.refuse = ClusterError("cannot create pods/eviction: would violate the pod's disruption budget")
    with pytest.raises(ClusterError, match="disruption budget"):
        disruptor(cluster, prober()).evict(POD)


def test_a_foreign_cluster_keeps_two_ready(cluster: Replacing) -> None:
    with pytest.raises(HarnessError, match="2 pods like it are ready, and 2 must stay"):
        disruptor(cluster, prober(), foreign=True).evict(POD)
    assert cluster.evicted == []


def test_a_generator_that_was_late_measures_nothing(cluster: Replacing) -> None:
    with pytest.raises(HarnessError, match=r"600\.0 ms late"):
        disruptor(cluster, prober(lag_ns=600_000_000)).evict(POD)


def test_a_pod_that_somebody_else_replaced_is_an_error(cluster: Replacing) -> None:
    with pytest.raises(ClusterError, match="is gone"):
        disruptor(cluster, prober()).evict(Replaceable("kube-system", "coredns-9"))


def test_nothing_is_replaced_once_the_run_is_interrupted(
    cluster: Replacing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disruption, "_QUIET", 0.3)

    def interrupted(_pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        raise KeyboardInterrupt

    probes = prober()
    probes.operations["load"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        disruptor(cluster, probes).evict(POD)
    time.sleep(0.6)
    assert cluster.evicted == []
