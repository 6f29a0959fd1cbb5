"""What else DNS programs read: autoscalers, budgets, upstreams, platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.model.autoscaling import Ladder
from clusterdns.model.outcome import Outcome
from clusterdns.settings import Settings
from clusterdns.verdicts import autoscaling, topology, upstreams
from clusterdns.verdicts.topology import identify
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import nodes
from tests.unit.cluster.objects import configmap

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Read
    from tests.unit.conftest import ApiServer

SETTINGS = Settings.load({"cluster": "lab", "profile": "audit"}, {})
PASSED, WARNED, FAILED = Outcome.PASSED, Outcome.WARNED, Outcome.FAILED


@pytest.mark.parametrize(
    ("linear", "replicas"),
    [
        ('{"coresPerReplica":256,"nodesPerReplica":16,"includeUnschedulableNodes":true,"min":2}', 3),
        ('{"nodesPerReplica":16,"min":1,"max":1,"preventSinglePointFailure":true}', 2),
        ('{"NODESPERREPLICA":2.5}', 7),
        ('{"nodesPerReplica":16,"min":3,"max":2}', None),
        ('{"nodesPerReplica":16,"preventSinglePointFailure":"false"}', None),
        ('{"coresPerReplica":256.0,"nodesPerReplica":16.0,"min":"2"}', None),
        ('{"nodesPerReplica":16,"min":2.0}', None),
        ('{"min":2}', None),
        ("null", None),
        ('{"nodesPerReplica":NaN}', None),
        ('{"nodesPerReplica":16 "min":2}', None),
        ("[" * 100_000, None),
    ],
)
def test_the_autoscalers_parameters_are_read_as_it_reads_them(
    read: Read, linear: str, replicas: int | None
) -> None:
    cordoned = [
        {**one, "spec": {"unschedulable": True}} for one in nodes(*(f"c{index}" for index in range(16)))
    ]
    found = read(
        clusters.coredns(),
        {"configmaps": [configmap("coredns-autoscaler", linear=linear)]},
        {"nodes": [*nodes(*(f"n{index}" for index in range(17))), *cordoned]},
    )
    verdict = autoscaling.autoscaler(found, SETTINGS)
    assert getattr(verdict.measurements, "replicas_now", None) == replicas
    assert (verdict.outcome is FAILED) is (replicas is None)


def test_the_autoscaler_takes_one_key_and_a_ladders_first_two_figures(read: Read) -> None:
    both = configmap("dns-autoscaler", linear='{"nodesPerReplica":16}', ladder='{"nodesToReplicas":[[1,1]]}')
    found = read(clusters.coredns(), {"configmaps": [both]})
    assert found.autoscaler is not None
    assert (found.autoscaler.value, "takes one key only" in found.autoscaler.source) == (None, True)
    ladder = configmap("dns-autoscaler", ladder='{"nodesToReplicas":[[8,3,9],[1,2]]}')
    found = read(clusters.coredns(), {"configmaps": [ladder]})
    assert found.autoscaler is not None
    assert found.autoscaler.value == Ladder(nodes=((1.0, 2), (8.0, 3)))


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [({}, WARNED), ({"selector": None}, WARNED), ({"selector": {}}, PASSED), ({"selector": "x"}, WARNED)],
)
def test_a_budget_without_a_selector_covers_nothing(
    read: Read, spec: dict[str, Any], outcome: Outcome
) -> None:
    dns = clusters.coredns()
    dns["poddisruptionbudgets"] = clusters.budget(**spec)["poddisruptionbudgets"]
    assert topology.redundancy(read(dns)).outcome is outcome


@pytest.mark.parametrize(
    ("arguments", "configured", "asked", "caches"),
    [
        ((), '["8.8.8.8","8.8.4.4"]', ["8.8.8.8", "8.8.4.4"], False),
        (("-S", "8.8.8.8", "--server", "8.8.4.4", "-R", "-S/a/10.0.0.1"), "", ["8.8.8.8", "8.8.4.4"], False),
        (("-S8.8.8.8#53", "-NR"), "", ["8.8.8.8"], False),
        (("--server=10.0.0.1", "--no-resolv"), "", [], False),
        ((), "", ["/etc/resolv.conf of the nodes (assumed: it may name a public one)"], False),
        (
            ("-c", "0"),
            "not json",
            ["/etc/resolv.conf of the nodes (assumed: it may name a public one)"],
            False,
        ),
    ],
)
def test_what_kube_dns_asks_outside(
    read: Read,
    arguments: tuple[str, ...],
    configured: str,
    asked: list[str],
    caches: bool,  # noqa: FBT001
) -> None:
    found = read(
        clusters.kube_dns(*arguments),
        {"configmaps": [configmap("kube-dns", upstreamNameservers=configured)]},
        {"nodes": nodes(*(f"n{index}" for index in range(40)))},
    )
    verdict = upstreams.upstream_quota(found, SETTINGS)
    assert isinstance(verdict.measurements, upstreams.UpstreamQuota)
    assert verdict.measurements.resolvers == asked
    assert verdict.outcome is (WARNED if asked else PASSED)
    assert found.layers[0].caches_denials.value is caches


def test_a_single_server_is_warned_of_at_most(read: Read) -> None:
    """K3s."""
    found = read(clusters.coredns(on=("server",)), {"nodes": nodes("server")})
    assert topology.redundancy(found).outcome is WARNED


@pytest.mark.parametrize(
    ("labels", "version", "name"),
    [
        ({"cloud.google.com/gke-nodepool": "p"}, "v1.34.0-gke.5", "GKE"),
        ({}, "v1.33.4-eks-abc", "EKS"),
        ({"kubernetes.azure.com/cluster": "c"}, "v1.33.4", "AKS"),
        ({}, "v1.33.4+rke2r1", "RKE2"),
        ({}, "v1.33.4+k3s1", "k3s"),
        ({"worker.gardener.cloud/pool": "p"}, "v1.33.4", "Gardener"),
        ({"kops.k8s.io/instancegroup": "p"}, "v1.33.4", "kOps"),
        ({"vcluster.loft.sh/fake-node": "true"}, "v1.33.4", "vcluster"),
        ({"unheard.of/platform": "x"}, "v1.33.4", ""),
    ],
)
def test_platforms_are_told_by_labels_and_versions(
    read: Read, api_server: ApiServer, labels: dict[str, str], version: str, name: str
) -> None:
    api_server.answers["GET /version"] = 200, {"gitVersion": version}
    provider = read(clusters.coredns(), {"nodes": nodes("n1", "n2", labels=labels)}).provider
    assert provider.name == name
    assert bool(provider.documentation) is bool(name)


def test_nothing_that_serves_is_told_with_what_was_looked_at(read: Read) -> None:
    verdict = identify(read({"nodes": nodes()}))
    assert verdict.outcome is FAILED
    assert "looked at no Service and nothing that is told to kubelets" in verdict.reason
    assert "deploy" not in verdict.remedy
