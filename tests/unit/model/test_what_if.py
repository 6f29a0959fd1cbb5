from dataclasses import replace

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import TCP_LIMIT, Fact, LayerKind, Service
from clusterdns.model.what_if import of_size, on_coredns, with_node_caches, without_node_caches
from clusterdns.settings import Settings
from clusterdns.verdicts.tcp_paths import no_tcp_into_dnsmasq, tcp_capacity
from clusterdns.verdicts.topology import nodelocal_coverage, redundancy
from tests.unit.verdicts.topologies import TWO, server, topology, upstream

KUBE_DNS = replace(upstream(*TWO), name="kube-system/kube-dns", addresses=("10.96.0.10",))
WITHOUT = topology(server(), services=(KUBE_DNS,))
INCIDENT = topology()


def test_node_caches_before_dnsmasq_are_the_incident() -> None:
    assert no_tcp_into_dnsmasq(WITHOUT).outcome is Outcome.PASSED
    after = with_node_caches(WITHOUT)
    verdict = no_tcp_into_dnsmasq(after.topology)
    assert verdict.outcome is Outcome.FAILED
    assert "behind Service kube-system/kube-dns-upstream (assumed" in verdict.reason
    assert "expire 1 s" in after.assumption  # it is GKE
    assert nodelocal_coverage(after.topology).outcome is Outcome.PASSED
    assert set(after.topology.node_local_addresses()) == {"169.254.20.10", "10.96.0.10"}


def test_node_caches_before_coredns_are_safe() -> None:
    after = on_coredns(with_node_caches(WITHOUT).topology)
    assert no_tcp_into_dnsmasq(after.topology).outcome is Outcome.PASSED
    (layer,) = after.topology.of_kind(LayerKind.COREDNS)
    assert TCP_LIMIT not in layer.limits
    assert layer.replicas == 2


def test_what_is_there_already_stays() -> None:
    assert with_node_caches(INCIDENT).topology == INCIDENT
    assert without_node_caches(WITHOUT).topology == WITHOUT
    safe = on_coredns(INCIDENT).topology
    assert on_coredns(safe).topology == safe


def test_without_node_caches_pods_ask_the_service() -> None:
    told = replace(
        INCIDENT, services=(*INCIDENT.services, KUBE_DNS), nameservers=(Fact("169.254.20.10", "ConfigMap"),)
    )
    after = without_node_caches(told).topology
    assert no_tcp_into_dnsmasq(after).outcome is Outcome.PASSED
    assert not after.of_kind(LayerKind.NODE_LOCAL)
    (nameserver,) = after.nameservers
    assert nameserver.assumed
    assert nameserver.value in {"10.96.0.10", "10.96.0.20"}


def test_nobody_to_ask_is_no_place_for_node_caches() -> None:
    with pytest.raises(ValueError, match="nothing tells what node caches would ask"):
        with_node_caches(replace(WITHOUT, services=(Service("kube-system/kube-dns", ("10.96.0.10",), ()),)))


@pytest.mark.parametrize(
    ("nodes", "replicas", "outcome"),
    [(2, 2, Outcome.PASSED), (20, 2, Outcome.FAILED), (64, 4, Outcome.FAILED)],
)
def test_size_changes_node_caches_and_what_the_autoscaler_gives(
    nodes: int, replicas: int, outcome: Outcome
) -> None:
    after = of_size(nodes)(INCIDENT)
    assert f"gives kube-system/kube-dns {replicas} replicas" in after.assumption
    (service,) = after.topology.services
    assert len({backend.pod for backend in service.ready}) == replicas
    assert after.topology.of_kind(LayerKind.NODE_LOCAL)[0].ready == nodes
    assert after.topology.cores == 2 * nodes
    assert nodelocal_coverage(after.topology).outcome is Outcome.PASSED
    assert tcp_capacity(after.topology, Settings(peak_queries_per_node=20)).outcome is outcome


def test_one_node_has_all_pods() -> None:
    verdict = redundancy(of_size(1)(INCIDENT).topology)
    assert verdict.outcome is Outcome.WARNED
    assert "has 1 ready pod" in verdict.reason


def test_without_an_autoscaler_replicas_stay() -> None:
    after = of_size(50)(replace(INCIDENT, autoscaler=None))
    assert "replicas stay as they are: no autoscaler is known" in after.assumption
    assert len(after.topology.services[0].ready) == 2


def test_a_cluster_without_dns_pods_has_none_to_scale() -> None:
    after = of_size(50)(replace(INCIDENT, layers=(), services=()))
    assert "there are no DNS pods to scale" in after.assumption
    assert len(after.topology.nodes) == 50
