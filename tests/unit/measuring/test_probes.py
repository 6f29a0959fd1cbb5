"""Probe pods on nodes of which some are in trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from clusterdns.cluster.workload import Workload
from clusterdns.errors import HarnessError, NodeLost, ProbeError
from clusterdns.measuring.probes import identities, node_views, start_probes
from clusterdns.model.pods import DEFAULT, VARIANTS
from tests.unit.measuring.fakes import FakeCluster, FakeProber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clusterdns.cluster.api import Cluster
    from clusterdns.measuring.probes import Probes
    from clusterdns.probing.operations import Answer
    from clusterdns.probing.pods import ProbePod, Prober


def start(*broken: str) -> Probes:
    """Start probes on three nodes, where one variant's pod does not start on those that are broken."""

    def refuse(manifest: Mapping[str, Any]) -> HarnessError | None:
        terms = manifest["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (node,) = terms["nodeSelectorTerms"][0]["matchFields"][0]["values"]
        if node in broken and manifest["metadata"]["name"].startswith("merged"):
            return ProbeError(f"node {node} cannot pull image x")
        return None

    class Usable(FakeCluster):
        def find(self, *_: Any, **__: Any) -> dict[str, Any]:
            return {"metadata": {}}

    cluster = cast("Cluster", Usable())
    workload = Workload(cluster, "1a2b3c4d", expiry=60, timeout=1)
    prober = FakeProber({}, refuse=refuse)
    return start_probes(cluster, cast("Prober", prober), workload, ["a", "b", "c"], "image")


def test_a_node_on_which_a_pod_does_not_start_is_not_measured_and_the_others_are() -> None:
    probes = start("b")
    assert probes.not_measured == {"b": "node b cannot pull image x"}
    assert {node for node, _ in probes.pods} == {"a", "c"}
    assert {name for _, name in probes.pods} == VARIANTS.keys()


def test_a_cluster_on_which_no_node_can_be_measured_is_told() -> None:
    with pytest.raises(ProbeError, match="node a cannot pull image x"):
        start("a", "b", "c")


def test_a_node_that_is_lost_has_no_pods_any_more() -> None:
    probes = start()
    lost = cast("dict[str, str]", probes.lost)
    lost["b"] = "it was removed from the cluster"
    assert probes.of(DEFAULT).keys() == {"a", "c"}
    lost |= {"a": "is not ready", "c": "is not ready"}
    with pytest.raises(NodeLost, match="no node is left: b: it was removed from the cluster"):
        probes.of(DEFAULT)


def test_who_is_lost_while_it_says_what_it_was_given_is_not_measured() -> None:
    probes = start()
    prober = FakeProber({}, lost=cast("dict[str, str]", probes.lost))

    def answer(pod: ProbePod, _: Mapping[str, Any]) -> list[Answer]:
        if pod.node == "b" and pod.name.startswith("none"):
            prober.lost["b"] = "is not ready"
            raise NodeLost("node b was lost in mid-run: is not ready")
        return [{"resolv_conf": "nameserver 10.96.0.10\n", "hostname": pod.name, "tools": {}, "python": "3"}]

    prober.operations["identity"] = answer
    given = identities(prober.as_prober(), probes)
    assert {node for node, _ in given} == {"a", "c"}
    assert [view.node for view in node_views(probes, given, {"a": "", "b": "", "c": ""})] == ["a", "c"]
