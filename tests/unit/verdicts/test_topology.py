from dataclasses import replace

import pytest

from clusterdns.catalogue import CATALOGUE
from clusterdns.check import cases_of
from clusterdns.measuring.run import Run
from clusterdns.model.network_policies import Policies, Ways
from clusterdns.model.outcome import Outcome
from clusterdns.model.profiles import Profile
from clusterdns.model.reachability import Attempt
from clusterdns.model.topology import Forward, Layer, LayerKind, Provider, Service, Topology
from clusterdns.settings import Settings
from clusterdns.verdicts.needs import AUTOSCALER, NODE_CACHES, NODELOCAL
from clusterdns.verdicts.topology import (
    Coverage,
    identify,
    nodelocal_answers,
    nodelocal_coverage,
    redundancy,
    tcp_reachable,
)
from clusterdns.verdicts.upstreams import negative_cache, upstream_quota
from tests.unit.measuring.fakes import FakeCluster
from tests.unit.verdicts.topologies import NO, TWO, YES, cache, server, topology, upstream

ONE_NODE = {"n1": ""}
CLOUD = Layer(LayerKind.CLOUD_DNS, "Cloud DNS", (), cache().version, caches_denials=YES)


def run_of(found: Topology) -> Run:
    """A run that knows the topology, and can measure nothing else."""

    class TopologyOnly(Run):
        topology = found
        network_policies = Ways(Policies((), {}))

    return TopologyOnly(FakeCluster().as_cluster(), Settings(), foreign=True)


def test_an_audit_judges_by_the_topology_alone() -> None:
    cases = [case for case in cases_of(CATALOGUE.values(), Settings()) if case.profile is Profile.AUDIT]
    assert {case.check.id for case in cases} == {
        check.id
        for check in CATALOGUE.values()
        if check.area == "topology" and check.profile is Profile.AUDIT
    }
    run = run_of(topology())
    assert {case.skip_reason(run) for case in cases} == {None}
    outcomes = {case.name: case.judge(run).outcome for case in cases}
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.FAILED} == {
        "topology.no-tcp-into-dnsmasq",
        "topology.tcp-capacity",
    }
    assert {measured for case in cases for measured in case.check.measures} == {
        Run.topology,
        Run.network_policies,
    }


def test_needs_say_why_they_are_not_met() -> None:
    bare = run_of(replace(topology(server()), autoscaler=None, nodes={"n1": "", "n2": ""}))
    for need in (AUTOSCALER, NODE_CACHES, NODELOCAL):
        assert need.why_absent(run_of(topology())) is None
        assert need.why_absent(bare)
    skipped = {
        case.check.id
        for case in cases_of(CATALOGUE.values(), Settings())
        if case.profile is Profile.AUDIT and case.skip_reason(bare)
    }
    assert skipped == {"topology.autoscaler", "topology.nodelocal-coverage", "topology.spread"}


def test_layers_are_identified_and_faults_told() -> None:
    verdict = identify(topology())
    assert verdict.outcome is Outcome.PASSED
    assert verdict.evidence[0] == "platform: GKE (no label, version or ConfigMap of a known platform)"
    assert verdict.evidence[3].endswith("2 of 2 ready; TCP connections per replica: 20 (test)")
    faulty = replace(cache(), faults=("ConfigMap x, Corefile is no Corefile: line 2, column 7: why",))
    assert "line 2, column 7" in identify(topology(faulty, server())).reason
    assert identify(replace(topology(), layers=())).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("found", "outcome", "reason"),
    [
        (topology(), Outcome.PASSED, ""),
        (topology(services=(upstream(*TWO[:1]),)), Outcome.FAILED, "has 1 ready pod"),
        (topology(services=(upstream(TWO[0], TWO[0]),)), Outcome.FAILED, "are on n1"),
        (
            topology(services=(upstream(TWO[0], TWO[0]),), nodes=ONE_NODE),
            Outcome.WARNED,
            "are on the only node",
        ),
        (topology(cache(), server(budget=None)), Outcome.WARNED, "has no PodDisruptionBudget"),
        (
            topology(
                cache(),
                replace(server(), not_ready=("a on n2 (ErrImagePull)",)),
                services=(upstream(*TWO[:1]),),
            ),
            Outcome.FAILED,
            "has 1 ready pod; not ready: a on n2 (ErrImagePull)",
        ),
        (topology(services=()), Outcome.FAILED, "no Service"),
        (topology(services=(upstream(),)), Outcome.FAILED, "has 0 ready pods"),
        (topology(CLOUD, services=()), Outcome.PASSED, ""),
    ],
)
def test_redundancy(found: Topology, outcome: Outcome, reason: str) -> None:
    verdict = redundancy(found)
    assert verdict.outcome is outcome
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (topology(), ""),
        (topology(cache(nodes=("n1",)), server()), "no ready node cache on n2"),
        (topology(services=(upstream(),)), "has no ready endpoint"),
        (topology(services=()), "is not there"),
        (
            topology(cache(nodes=()), nodes={f"n{index}": "" for index in range(9)}),
            "on n0, n1, n2 and 6 more",
        ),
    ],
)
def test_nodelocal_coverage(found: Topology, reason: str) -> None:
    verdict = nodelocal_coverage(found)
    assert verdict.outcome is (Outcome.FAILED if reason else Outcome.PASSED)
    assert reason in verdict.reason


def test_a_node_cache_that_nothing_leads_to_is_told() -> None:
    verdict = nodelocal_coverage(topology(replace(cache(), addresses=()), server()))
    assert verdict.outcome is Outcome.WARNED
    assert verdict.reason.startswith("nothing leads queries to kube-system/cache")


def test_a_daemon_covers_the_nodes_of_its_pools_and_others_need_none() -> None:
    daemon = replace(cache(nodes=("n1",)), kind=LayerKind.NODE_DNS, upstream=None)
    alone = nodelocal_coverage(topology(daemon, server()))
    assert alone.outcome is Outcome.PASSED
    assert isinstance(alone.measurements, Coverage)
    assert alone.measurements.covered == ["n1"]
    beside = nodelocal_coverage(
        topology(daemon, replace(cache(nodes=("n2",)), name="kube-system/c"), server())
    )
    assert beside.outcome is Outcome.PASSED


def test_where_no_address_is_known_nothing_has_answered() -> None:
    assert nodelocal_answers(()).outcome is Outcome.WARNED


def test_two_daemonsets_cover_nodes_together() -> None:
    other = replace(cache(nodes=("n2",)), name="kube-system/other")
    assert nodelocal_coverage(topology(cache(nodes=("n1",)), other, server())).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (topology(), Outcome.PASSED),
        (topology(server()), Outcome.WARNED),
        (topology(server(caches=YES)), Outcome.PASSED),
        (topology(replace(cache(), caches_denials=NO), server()), Outcome.WARNED),
        (topology(CLOUD), Outcome.PASSED),
    ],
)
def test_negative_cache(found: Topology, outcome: Outcome) -> None:
    assert negative_cache(found).outcome is outcome


@pytest.mark.parametrize(
    ("found", "settings", "outcome"),
    [
        (topology(server()), {}, Outcome.PASSED),
        (topology(server()), {"upstream_quota": 99}, Outcome.WARNED),
        (topology(server()), {"upstream_quota": 100}, Outcome.PASSED),
        (topology(), {"upstream_quota": 1}, Outcome.PASSED),  # GKE's nodes ask the metadata server
        (topology(provider=Provider()), {"upstream_quota": 1}, Outcome.WARNED),  # nobody knows
        (
            topology(server(forwards=(Forward((".",), ("10.1.1.1",), "test"),))),
            {"upstream_quota": 1},
            Outcome.PASSED,
        ),
        (topology(CLOUD), {"upstream_quota": 1}, Outcome.PASSED),
    ],
)
def test_upstream_quota(found: Topology, settings: dict[str, float], outcome: Outcome) -> None:
    verdict = upstream_quota(found, Settings.load(settings, {}))
    assert verdict.outcome is outcome


def test_what_did_not_answer_is_named() -> None:
    asked = [
        Attempt("n1", "Service a (10.0.0.1)", "tcp", None),
        Attempt("n2", "p (10.0.0.2)", "tcp", "timeout"),
    ]
    verdict = tcp_reachable(asked)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "no answer on 1 of 2 paths: n2 -> p (10.0.0.2), tcp: timeout"
    assert tcp_reachable(asked[:1]).outcome is Outcome.PASSED


def test_addresses_to_ask() -> None:
    asleep = Service("kube-system/asleep", ("10.96.0.99",), ())
    found = topology(services=(upstream(*TWO), asleep))
    assert set(found.serving_addresses()) == {"10.96.0.20", "10.0.0.0", "10.0.0.1"}
    assert set(found.node_local_addresses()) == {"169.254.20.10"}
