from dataclasses import replace

import pytest

from clusterdns.model.autoscaling import Autoscaler, Linear
from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import Fact, Forward, LayerKind, Topology
from clusterdns.settings import Settings
from clusterdns.verdicts.autoscaling import Scaling, autoscaler
from clusterdns.verdicts.tcp_paths import (
    DemandAt,
    TcpCapacity,
    forward_pool,
    no_tcp_into_dnsmasq,
    tcp_capacity,
)
from tests.unit.verdicts.topologies import BY_TCP, cache, server, topology, upstream

SETTINGS = Settings()
COREDNS = server(kind=LayerKind.COREDNS)
MIXED = (("n1", "kube-system/kube-dns"), ("n2", "kube-system/coredns"))
OTHER = server("kube-system/coredns", LayerKind.COREDNS)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (topology(), Outcome.FAILED),
        (topology(cache(replace(BY_TCP, force_tcp=False)), server()), Outcome.PASSED),
        (topology(cache(replace(BY_TCP, prefer_udp=True)), server()), Outcome.FAILED),
        (topology(cache(replace(BY_TCP, zones=("in-addr.arpa",))), server()), Outcome.FAILED),
        (topology(cache(), COREDNS), Outcome.PASSED),
        (topology(cache(), server(), OTHER, services=(upstream(*MIXED),)), Outcome.FAILED),
        (topology(cache(), server(limit=200)), Outcome.FAILED),
        (topology(cache(), server(), services=(upstream(),)), Outcome.FAILED),  # scaled to zero
        (topology(cache(), services=(upstream(("n1", None)),)), Outcome.FAILED),  # what is not known
        (topology(cache(replace(BY_TCP, upstreams=("192.0.2.1",))), server()), Outcome.PASSED),
        (topology(server()), Outcome.PASSED),
    ],
)
def test_no_layer_forwards_by_tcp_into_dnsmasq(found: Topology, outcome: Outcome) -> None:
    assert no_tcp_into_dnsmasq(found).outcome is outcome


def test_an_assumption_is_called_so() -> None:
    stock = topology(cache(replace(BY_TCP, assumed=True)), server())
    assert "assumed" in no_tcp_into_dnsmasq(stock).reason
    assert "assumed" not in no_tcp_into_dnsmasq(topology()).reason
    unknown = no_tcp_into_dnsmasq(topology(cache(), services=(upstream(("n1", None)),)))
    assert "assumed: kube-system/p0 is not known" in unknown.evidence[0]


@pytest.mark.parametrize(
    ("found", "outcome", "arithmetic"),
    [
        (
            topology(),
            Outcome.FAILED,
            "2 nodes x unbounded pool into 2 x 20 children; saturates from 21 concurrent queries per node",
        ),
        (
            topology(cache(), server(limit=200)),
            Outcome.PASSED,
            "2 nodes x unbounded pool into 2 x 200 children; saturates from 201 concurrent queries per node",
        ),
        (
            topology(cache(replace(BY_TCP, max_concurrent=20)), server()),
            Outcome.PASSED,
            (
                "2 nodes x pool of 20 (max_concurrent) into 2 x 20 children; "
                "saturates from 21 concurrent queries per node"
            ),
        ),
        (
            topology(cache(), server(), OTHER, services=(upstream(*MIXED),)),
            Outcome.FAILED,
            (
                "2 nodes x unbounded pool, 50% of them into dnsmasq into 1 x 20 children; "
                "saturates from 21 concurrent queries per node"
            ),
        ),
        (
            topology(cache(), server(), services=(upstream(),)),
            Outcome.FAILED,
            "2 nodes x unbounded pool into 0 children; saturates from 1 concurrent queries per node",
        ),
    ],
)
def test_capacity_shows_its_arithmetic(found: Topology, outcome: Outcome, arithmetic: str) -> None:
    verdict = tcp_capacity(found, SETTINGS)
    assert verdict.outcome is outcome
    assert isinstance(verdict.measurements, TcpCapacity)
    assert verdict.measurements.arithmetic == arithmetic
    assert verdict.reason.startswith(arithmetic)


def test_capacity_has_a_table_of_demand() -> None:
    measured = tcp_capacity(topology(), SETTINGS).measurements
    assert isinstance(measured, TcpCapacity)
    assert measured.table[4] == DemandAt(
        per_node=100, connections=200, children=40, headroom=-160, replicas_needed=10
    )


def test_capacity_needs_none_where_nothing_goes_by_tcp() -> None:
    assert tcp_capacity(topology(cache(), COREDNS), SETTINGS).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("found", "scaler", "outcome"),
    [
        (topology(), None, Outcome.FAILED),
        (topology(), Linear(256, 16, prevent_single_point_failure=True), Outcome.WARNED),
        (topology(), Linear(256, 16), Outcome.FAILED),
        (topology(server()), Linear(256, 16), Outcome.WARNED),
        (topology(server()), Linear(256, 16, prevent_single_point_failure=True), Outcome.PASSED),
        (
            topology(cache(), server(limit=200)),
            Linear(0, 16, prevent_single_point_failure=True),
            Outcome.PASSED,
        ),
        (
            topology(cache(), server(limit=150)),
            Linear(0, 16, prevent_single_point_failure=True),
            Outcome.FAILED,
        ),
        (topology(cache(), server(limit=150)), Linear(nodes_per_replica=1), Outcome.PASSED),
    ],
)
def test_the_autoscaler_keeps_up_with_growth(
    found: Topology, scaler: Autoscaler | None, outcome: Outcome
) -> None:
    assert autoscaler(replace(found, autoscaler=Fact(scaler, "test")), SETTINGS).outcome is outcome


def test_the_autoscaler_tells_the_first_size_that_is_short() -> None:
    found = replace(
        topology(cache(), server(limit=200)),
        autoscaler=Fact(Linear(0, 16, prevent_single_point_failure=True), "test"),
    )
    measured = autoscaler(found, SETTINGS).measurements
    assert isinstance(measured, Scaling)
    assert measured.replicas_at_twice_the_nodes == 2
    assert measured.first_short_at == "5 nodes, 2 replicas, 400 children for 500 connections"


MAX_AGE: Forward = replace(BY_TCP, max_age=5.0)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (topology(), Outcome.PASSED),  # last in, first out
        (topology(cache(coredns="1.14.7"), server()), Outcome.FAILED),
        (topology(cache(coredns="1.14.7"), COREDNS), Outcome.WARNED),
        (topology(cache(coredns="unknown"), server()), Outcome.FAILED),
        (topology(cache(MAX_AGE, coredns="1.14.7"), server()), Outcome.PASSED),
        (topology(cache(MAX_AGE, coredns="1.14.2"), server()), Outcome.FAILED),  # it knows no max_age
        (topology(cache(replace(BY_TCP, force_tcp=False), coredns="1.14.7"), server()), Outcome.PASSED),
    ],
)
def test_the_life_of_a_connection_is_bounded(found: Topology, outcome: Outcome) -> None:
    assert forward_pool(found).outcome is outcome
