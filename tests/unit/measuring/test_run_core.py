"""The parts that others stand on."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring import run_core
from clusterdns.measuring.part import part
from clusterdns.measuring.run_core import CoreRun
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT
from clusterdns.model.resolver import ResolvConf
from clusterdns.model.topology import Fact
from clusterdns.probing.identity import Identity
from clusterdns.settings import Settings
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clusterdns.cluster.api import Cluster
    from clusterdns.model.topology import Topology


def run_on(seen: Topology) -> CoreRun:
    class Run(CoreRun):
        @part
        def topology(self) -> Topology:
            return seen

    return Run(cast("Cluster", None), Settings.load({}, {}), foreign=False)


def test_parts_that_query_take_turns_only_where_caches_reach_dnsmasq_by_tcp() -> None:
    incident = run_on(topology(cache(), server(), services=(upstream(*TWO),)))
    inside = []
    with incident.query_turn:
        other = threading.Thread(target=lambda: inside.append(incident.query_turn.__enter__()))
        other.start()
        other.join(0.05)
        assert not inside
    other.join()
    assert inside == [True]
    side_by_side = run_on(topology(server())).query_turn
    with side_by_side, side_by_side:
        pass


TOLD = Fact("10.96.0.10", "ConfigMap kubelet-config")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """Stands in for reading a cluster: it keeps the nameservers that are followed."""
    followed: list[Mapping[str, str]] = []

    def settled_topology(_: Cluster, *, nameservers: Mapping[str, str], zone: str | None) -> Topology:
        assert zone is None
        followed.append(nameservers)
        return replace(topology(), nameservers=tuple(Fact(*told) for told in nameservers.items()))

    monkeypatch.setattr(run_core, "settled_topology", settled_topology)
    return followed


def given(
    told: tuple[Fact[str], ...], pods: HarnessError | Mapping[str, str], *, probing: bool = True
) -> Topology:
    """Return the topology of a run whose ClusterFirst pods were given a nameserver on each node."""

    class Run(CoreRun):
        @part
        def declared_topology(self) -> Topology:
            return replace(topology(), nameservers=told)

        @part
        def identities(self) -> dict[tuple[str, str], Identity]:
            if isinstance(pods, HarnessError):
                raise pods
            return {
                (node, variant): Identity(ResolvConf((address,), ()), frozenset())
                for node, nameserver in pods.items()
                for variant, address in ((CLUSTER_FIRST, nameserver), (DEFAULT, "8.8.8.8"))
            }

    return Run(cast("Cluster", None), Settings.load({}, {}), foreign=False, probing=probing).topology


def test_where_nothing_tells_what_pods_ask_their_own_resolv_conf_does(read: list[Mapping[str, str]]) -> None:
    pods = dict.fromkeys(("n1", "n2", "n3", "n4"), "10.96.0.10")
    assert [str(fact) for fact in given((), pods).nameservers] == [
        "10.96.0.10 (resolv.conf of pods on n1, n2, n3 and 1 more)"
    ]
    assert len(read) == 1


def test_pods_are_believed_where_they_were_given_something_else(read: list[Mapping[str, str]]) -> None:
    besides = "; kubelets are told 10.96.0.10 (ConfigMap kubelet-config)"
    assert [str(fact) for fact in given((TOLD,), {"n1": "10.96.0.10", "n2": "10.1.2.3"}).nameservers] == [
        f"10.96.0.10 (resolv.conf of pods on n1{besides})",
        f"10.1.2.3 (resolv.conf of pods on n2{besides})",
    ]
    assert len(read) == 1


def test_what_objects_tell_is_enough_where_pods_agree_or_there_are_none(
    read: list[Mapping[str, str]],
) -> None:
    assert given((TOLD,), {"n1": "10.96.0.10"}).nameservers == (TOLD,)
    assert given((TOLD,), {}).nameservers == (TOLD,)
    assert given((TOLD,), {"n1": "10.1.2.3"}, probing=False).nameservers == (TOLD,)
    refused = given((TOLD,), ProbeError("node n1 cannot pull image x"))
    assert refused.nameservers == (TOLD,)
    assert refused.not_read == ("resolv.conf of pods: node n1 cannot pull image x",)
    assert not read
