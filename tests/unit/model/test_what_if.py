"""A cluster's DNS after changes that are imagined, judged by the same verdicts."""

from dataclasses import replace

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.tcp_paths import tcp_paths
from clusterdns.model.topology import LayerKind, Provider, Topology
from clusterdns.model.what_if import changed, parse
from clusterdns.verdicts.tcp_paths import no_tcp_into_dnsmasq
from tests.unit.verdicts.topologies import TWO, server, topology, upstream

GKE_1_33 = replace(topology(server(), services=(upstream(*TWO),)), provider=Provider("GKE", source="test"))


def after(*texts: str, of: Topology = GKE_1_33) -> Topology:
    imagined, assumptions = changed(of, [parse(text) for text in texts])
    assert assumptions
    return imagined


def test_node_caches_before_dnsmasq_are_the_incident() -> None:
    assert no_tcp_into_dnsmasq(GKE_1_33).outcome is Outcome.PASSED
    assert no_tcp_into_dnsmasq(after("nodelocal=on")).outcome is Outcome.FAILED
    assert no_tcp_into_dnsmasq(after("nodelocal=on", "nodelocal=off")).outcome is Outcome.PASSED
    assert no_tcp_into_dnsmasq(after("nodelocal=on", "kube-dns=coredns")).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("version", "outcome"),
    [
        ("1.33", Outcome.PASSED),
        ("1.34.0-gke.1", Outcome.PASSED),
        ("1.34.1-gke.3720000", Outcome.FAILED),
        ("1.35", Outcome.FAILED),
        ("1.36", Outcome.PASSED),
        ("1.36.0-gke.0", Outcome.PASSED),
    ],
)
def test_what_upgrades_of_gke_are_documented_to_do(version: str, outcome: Outcome) -> None:
    imagined = after(f"gke={version}")
    assert no_tcp_into_dnsmasq(imagined).outcome is outcome
    node_local = version not in {"1.33", "1.34.0-gke.1"}
    assert bool(imagined.of_kind(LayerKind.NODE_LOCAL)) is node_local
    assert bool(imagined.of_kind(LayerKind.COREDNS)) is version.startswith("1.36")


@pytest.mark.parametrize("count", [1, 2, 500])
def test_nodes(count: int) -> None:
    grown = after("nodelocal=on", f"nodes={count}", of=replace(GKE_1_33, schedulable=2, cores=8.0))
    assert len(grown.nodes) == grown.schedulable == count
    assert grown.cores == 4 * count
    (cache,) = grown.of_kind(LayerKind.NODE_LOCAL)
    assert (cache.ready, set(cache.nodes)) == (count, set(grown.nodes))
    assert tcp_paths(grown)


@pytest.mark.parametrize("text", ["nodelocal=maybe", "nodes=0", "nodes=x", "gke=latest", "kube-dns", ""])
def test_what_is_no_change_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no change that is known"):
        parse(text)


def test_what_does_not_fit_the_cluster_is_refused() -> None:
    elsewhere = replace(GKE_1_33, provider=Provider("EKS"))
    with pytest.raises(ValueError, match="platform is EKS, not GKE"):
        changed(elsewhere, [parse("gke=1.36")])
    with pytest.raises(ValueError, match="no Service"):
        changed(replace(GKE_1_33, services=()), [parse("nodelocal=on")])


def test_what_is_there_already_stays() -> None:
    incident = topology()
    assert after("nodelocal=on", of=incident) == incident
    assert after("nodelocal=off", of=GKE_1_33) == GKE_1_33
