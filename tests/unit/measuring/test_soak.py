"""Probers' logs, followed through whatever becomes of connections, and the cluster watched beside them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from clusterdns.errors import ClusterError, HarnessError, PermissionMissing, ProbeError
from clusterdns.measuring import cluster_events, soak_log
from clusterdns.measuring.cluster_events import watched_cluster
from clusterdns.measuring.soak import ProberPods, all_at
from clusterdns.measuring.soak_log import FollowedPod, SoakRecord
from clusterdns.model.soak import Trouble
from clusterdns.model.topology import Fact, Topology
from clusterdns.probing.soak import SoakPlan
from tests.unit.measuring.fakes import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clusterdns.cluster.api import Cluster

RATE = 4
PLAN = SoakPlan(
    addresses=["10.96.0.10"], templates=[], rate=RATE, timeout=5.0, names=["web", "example.com"], pause=0.2
)
GOOD = "dA" * RATE  # some milliseconds each
LOST = "!!" * RATE
TOPOLOGY = Topology(zone=Fact("cluster.local", "test"), nodes={}, layers=())
POD = FollowedPod("ns", "soak-a", "n1", joined=False)


def started(which: str = "a") -> str:
    return json.dumps({"started": which, "libc": {}})


def second(number: int, took: str = GOOD, *, now: float | None = None) -> str:
    return json.dumps(
        {"now": number + 1.0 if now is None else now, "path": 0, "second": number, "took": took}
    )


def calls(now: float, *of: tuple[float, float, int, str | None]) -> str:
    return json.dumps({"now": now, "calls": of})


@dataclass
class Logging:
    """A cluster whose pod's log comes in parts: each a request's lines, or what it fails with."""

    parts: list[Sequence[str] | HarnessError]
    asked: list[Mapping[str, str | None]] = field(default_factory=list)

    def chunks(
        self, path: str, query: Mapping[str, str | None], *, seconds: float, what: str
    ) -> Iterator[bytes]:
        assert path == "/api/v1/namespaces/ns/pods/soak-a/log"
        assert what == "the log of soak-a"
        assert seconds > 0
        self.asked.append(query)
        part = self.parts.pop(0)
        if isinstance(part, HarnessError):
            raise part
        text = "".join(f"{line}\n" for line in part).encode()
        yield from (text[at : at + 7] for at in range(0, len(text), 7))

    def find(self, resource: str, name: str, *, namespace: str) -> dict[str, Any] | None:
        assert (resource, name, namespace) == ("pods", "soak-a", "ns")
        return {} if self.parts else None


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are known once a second line has come; nothing is waited for."""
    monkeypatch.setattr(soak_log, "_CLOCK_SECONDS", 0.0)
    monkeypatch.setattr(soak_log, "_AGAIN", 0.0)
    monkeypatch.setattr(soak_log, "_DRAIN", 0.0)
    monkeypatch.setattr(cluster_events, "_AGAIN", 0.0)


def followed(*parts: Sequence[str] | HarnessError, prober: FollowedPod = POD) -> tuple[Any, Logging]:
    """Return the result of a soak whose only prober's log came in these parts."""
    cluster = Logging(list(parts))
    # The clock's zero is so far off that whatever comes now was written after the soak began.
    record = SoakRecord(cast("Cluster", cluster), PLAN, time.monotonic() - 1000, slow_ns=250_000_000)
    record.follow(prober)
    record.follow(prober)
    deadline = time.monotonic() + 10
    while (cluster.parts or not record.ended(prober)) and time.monotonic() < deadline:
        time.sleep(0.005)
    record.close()
    result = record.result(
        began="", seconds=2000.0, ended="", events=[], unprobed={}, topologies=(TOPOLOGY, TOPOLOGY)
    )
    return result, cluster


def test_a_log_that_breaks_off_is_asked_for_again_and_each_line_counts_once() -> None:
    first = [started(), second(0), calls(1.0, (0.2, 0.1, 0, None)), second(1)]
    result, cluster = followed(first, ClusterError("gone"), [*first, second(2), second(3, LOST), second(4)])
    (path,) = result.paths
    assert (path.queries, path.failed, path.measured_s) == (5 * RATE, RATE, 5)
    assert (result.lookups, result.failed_lookups, result.slowest_lookup_s) == (1, 0, 0.1)
    assert [query.get("sinceSeconds") is None for query in cluster.asked] == [True, False, False]
    assert [str(part.trouble) for part in result.stretches if part.trouble is Trouble.SILENT] == ["silent"]


NO_WATCHER = "failed to create fsnotify watcher: too many open files"  # the kubelet's, in the log


def test_a_line_of_the_kubelets_does_not_end_what_is_followed() -> None:
    result, _ = followed([started(), second(0), second(1), NO_WATCHER], [second(2), second(3)])
    assert result.paths[0].queries == 4 * RATE
    assert result.unprobed == {}


def test_where_nothing_but_foreign_lines_come_these_are_told() -> None:
    with pytest.raises(ProbeError, match=f"no line of its own: '{NO_WATCHER}'"):
        followed([NO_WATCHER])


def test_a_log_is_asked_for_from_when_its_last_line_was_written_not_from_when_that_came() -> None:
    caught_up, behind = second(0, now=200.0), second(1, now=100.0)
    _, cluster = followed([started(), caught_up, behind], [second(2, now=101.0)])
    assert cluster.asked[1]["sinceSeconds"] == "105"


def test_a_container_that_starts_again_has_another_clock() -> None:
    result, _ = followed([started("a"), second(0), second(1)], [started("b"), second(0), second(1, LOST)])
    assert (result.paths[0].queries, result.paths[0].failed) == (4 * RATE, RATE)


def test_failed_lookups_are_told_with_node_and_name() -> None:
    result, _ = followed([started(), second(0), calls(3.0, (0.0, 2.5, 1, "EAI_AGAIN"), (2.0, 0.1, 0, None))])
    assert (result.lookups, result.failed_lookups) == (2, 1)
    assert [failure.what for failure in result.lookup_failures] == ["n1: example.com: EAI_AGAIN after 2.5 s"]


def test_the_first_failed_lookup_comes_first_whenever_its_line_came() -> None:
    late, early = (9.0, 2.5, 1, "EAI_AGAIN"), (2.0, 2.5, 0, "EAI_AGAIN")
    result, _ = followed([started(), second(0), calls(12.0, late), calls(13.0, early)])
    assert [failure.what.split(": ")[1] for failure in result.lookup_failures] == ["web", "example.com"]


def test_a_prober_that_joined_may_have_no_network_at_first() -> None:
    lines = [started(), second(0, LOST), second(1, LOST), second(2)]
    joined, _ = followed(lines, prober=FollowedPod("ns", "soak-a", "n1", joined=True))
    assert (joined.paths[0].queries, joined.paths[0].failed) == (RATE, 0)
    always, _ = followed(lines)
    assert (always.paths[0].queries, always.paths[0].failed) == (3 * RATE, 2 * RATE)


def test_the_time_in_which_a_prober_was_too_late_to_ask_is_no_silence() -> None:
    late = [second(number, "--" * RATE) for number in range(2, 9)]
    result, _ = followed([started(), second(0), second(1, LOST), *late, second(9)])
    (path,) = result.paths
    assert (path.measured_s, path.gap_s) == (3, 1.25)
    assert [part.trouble for part in result.stretches].count(Trouble.UNMEASURED) == 3


def test_the_time_without_a_prober_is_not_measured() -> None:
    result, _ = followed([started(), *(second(number) for number in range(30))])
    spans = [(part.node, part.trouble) for part in result.stretches]
    assert spans == [("n1", Trouble.UNMEASURED)] * 2  # before and after


def test_what_a_prober_cannot_do_is_told_of_its_node() -> None:
    with pytest.raises(ProbeError, match="measured nothing: the soak's program: OSError: no socket"):
        followed([started(), json.dumps({"error": "OSError: no socket"})])


@pytest.mark.parametrize(
    ("wanted", "kubelets", "reached"),
    [
        ("1.34", ["v1.34.4", "v1.35.0"], True),
        ("v1.34.5", ["v1.34.4", "v1.35.0"], False),
        ("1.34.1-gke.5", ["v1.34.1-gke.7", "v1.34.2-gke.1"], True),
        ("v1.34.1-gke.5", ["v1.34.1-gke.4"], False),
        ("1.34.1", ["v1.34.1-gke.4", "v1.34.1-eks-9f1"], True),
        ("1.34", [], False),
        ("1.34", ["", "v1.34.0"], False),
    ],
)
def test_every_node_has_to_reach_the_version(wanted: str, kubelets: list[str], reached: bool) -> None:  # noqa: FBT001
    assert all_at(wanted, kubelets) is reached


def prober_pod(node_name: str, phase: str) -> dict[str, Any]:
    metadata = {"name": f"soak-{node_name}", "namespace": "ns", "labels": {"app": "clusterdns-soak"}}
    return {"metadata": metadata, "spec": {"nodeName": node_name}, "status": {"phase": phase}}


def test_a_node_whose_prober_does_not_start_is_told_also_where_nothing_says_why() -> None:
    pods = [prober_pod("n1", "Running"), prober_pod("n2", "Pending")]
    probers = ProberPods(FakeCluster({"pods": pods}).as_cluster(), "ns")
    assert [prober.node for prober in probers.look()] == ["n1"]
    assert probers.unprobed == {"n2": "pod soak-n2 has not started: Pending"}


def node(name: str, version: str, **spec: Any) -> dict[str, Any]:
    status = {"nodeInfo": {"kubeletVersion": version}}
    return {"metadata": {"name": name, "resourceVersion": "9"}, "spec": spec, "status": status}


@dataclass
class Watched:
    """A cluster with nodes alone: lists in turn, and what each watch brings."""

    lists: list[list[dict[str, Any]]]
    watches: list[Callable[[], Iterator[tuple[str, dict[str, Any]]]]]
    done: threading.Event = field(default_factory=threading.Event)

    def snapshot(self, resource: str, *, api: str, namespace: str | None) -> tuple[list[dict[str, Any]], str]:
        assert api
        if resource == "pods":
            raise PermissionMissing("not allowed to list pods")
        if resource != "nodes":
            return [], "1"
        assert namespace is None
        return (self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]), "1"

    def watch(
        self, resource: str, version: str, *, api: str, namespace: str | None, seconds: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        assert api
        assert version in ("1", "9")
        assert seconds > 0
        assert (resource == "nodes") == (namespace is None)
        if resource == "nodes" and self.watches:
            yield from self.watches.pop(0)()
        else:
            if resource == "nodes":
                self.done.set()
            time.sleep(0.01)

    def answers(self, within: float) -> bool:
        return within > 0


def expired() -> Iterator[tuple[str, dict[str, Any]]]:
    raise ClusterError("the API server no longer knows version 1")
    yield


def test_what_happens_is_told_and_what_a_broken_watch_missed_too() -> None:
    cluster = Watched(
        lists=[[node("n1", "v1.33"), node("n2", "v1.33")], [node("n1", "v1.34")]],
        watches=[lambda: iter([("MODIFIED", node("n1", "v1.33", unschedulable=True))]), expired],
    )
    with watched_cluster(cast("Cluster", cluster), ["kube-system"], time.monotonic()) as log:
        assert cluster.done.wait(10)
        told = [event.what for event in log.events()]
        assert log.known("nodes").keys() == {"n1"}
    assert [what for what in told if what.startswith("node ")] == [
        "node n1 was cordoned",
        "node n1 was uncordoned",
        "node n1 has kubelet v1.33 -> v1.34",
        "node n2 is gone",
    ]
    assert told.count("pods are not watched: not allowed to list pods") == 1
