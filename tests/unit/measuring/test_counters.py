"""Queries sent to DNS pods, held against what their counters say."""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import dns.message
import pytest

from clusterdns.errors import HarnessError, PermissionMissing
from clusterdns.measuring import counters
from clusterdns.measuring.counters import QUERIES, TYPES, Counters, distinct_codes
from clusterdns.model.scraping import COREDNS_PORT, DNSPod, MetricsPort
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeCluster, FakeProber
from tests.unit.measuring.test_querying import answered, unanswered

SENDERS = {node: ProbePod("ns", f"default-{node}", node, "10.0.0.9") for node in ("node-1", "node-2")}
COREDNS = DNSPod(
    "kube-system",
    "coredns-a",
    "deployment/coredns",
    "node-2",
    "10.244.1.2",
    {},
    metrics=(MetricsPort(COREDNS_PORT, "coredns", ()),),
    asks="10.244.1.2",
)
OTHER = replace(COREDNS, name="coredns-b", address="10.244.1.3", asks="10.244.1.3")
NODE_CACHE = replace(COREDNS, name="node-local-dns-a", address="192.168.0.2", asks="169.254.20.10")


class World:
    """DNS pods that count what they are asked, and answer with their counters."""

    def __init__(
        self,
        *pods: DNSPod,
        lost: int = 0,
        shows: Mapping[str, str] | None = None,
        page: str | HarnessError = "",
    ) -> None:
        self.counted = {pod.asks: Counter[str]() for pod in pods}
        self.names = {pod.name: pod.asks for pod in pods}
        self.lost = lost
        self.shows = dict(shows or {})  # pod -> the pod whose counters it answers with
        self.instead = page  # of every page
        self.prober = FakeProber({"send": self.send})

    def send(self, _: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        answers = []
        for index, message in enumerate(request["messages"]):
            if index < self.lost:
                answers.append(unanswered(index, "timeout"))
                continue
            answer = answered(message, index)
            query = dns.message.from_wire(_wire(message))
            self.counted[message["address"]][dns.rdatatype.to_text(query.question[0].rdtype)] += 1
            answers.append(answer)
        return answers

    def page(self, path: str, _: Mapping[str, str]) -> str:
        if isinstance(self.instead, HarnessError):
            raise self.instead
        pod = path.split("/pods/")[1].partition(":")[0]
        counted = self.counted[self.names[self.shows.get(pod, pod)]]
        return self.instead or "".join(
            f'coredns_dns_requests_total{{proto="udp",type="{name}"}} {count}\n'
            for name, count in counted.items()
        )

    def counters(self, *nodes: str) -> Counters:
        cluster = FakeCluster(page=self.page).as_cluster()
        senders = {node: SENDERS[node] for node in nodes or SENDERS}
        return Counters(cluster, self.prober.as_prober(), senders, "cluster.local", 1.0, lambda _: 53)


def _wire(message: Mapping[str, Any]) -> bytes:

    return base64.b64decode(message["wire"])


def test_every_answer_is_counted() -> None:
    world = World(COREDNS, OTHER)
    first, second = world.counters().count([COREDNS, OTHER])
    assert first.answered == second.answered == (QUERIES,)
    assert first.rises == second.rises == (QUERIES,)
    types = {next(iter(counted)) for counted in world.counted.values()}
    assert len(types) == 2, "no two pods are asked the same"


def test_a_port_with_another_pods_counters_is_found_out() -> None:
    world = World(COREDNS, OTHER, shows={"coredns-b": "coredns-a"})
    first, second = world.counters().count([COREDNS, OTHER])
    assert first.rises == (QUERIES,)
    assert (second.answered, second.rises) == ((QUERIES,), (0.0,))


def test_what_is_not_answered_is_not_expected_to_be_counted() -> None:
    (counted,) = World(COREDNS, lost=3).counters().count([COREDNS])
    assert counted.answered == (QUERIES - 3,)
    assert counted.rises == (QUERIES - 3,)


def test_more_pods_than_types_are_asked_in_rounds() -> None:
    pods = [replace(COREDNS, name=f"p{n}", address=f"10.0.1.{n}", asks=f"10.0.1.{n}") for n in range(11)]
    world = World(*pods)
    counted = world.counters().count(pods)
    codes = distinct_codes(len(pods))
    assert max(map(max, codes)) + 1 > len(TYPES)
    assert [sum(of_pod.answered) for of_pod in counted] == [QUERIES * len(code) for code in codes]
    assert all(of_pod.rises == of_pod.answered for of_pod in counted)


def test_a_node_cache_is_asked_from_its_own_node() -> None:
    world = World(NODE_CACHE)
    assert len(world.counters().count([NODE_CACHE])) == 1
    assert {node for node, _, _ in world.prober.requests} == {"node-2"}
    assert World(NODE_CACHE).counters("node-1").count([NODE_CACHE]) == []


def test_pods_that_do_not_count_every_query_are_left_out() -> None:
    assert World(COREDNS).counters().count([replace(COREDNS, asks="")]) == []


def test_counters_that_cannot_be_read_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_COUNTED_SECONDS", 0.0)
    world = World(COREDNS, page="no metrics {")
    (counted,) = world.counters().count([COREDNS])
    assert counted.rises == (None,)


def test_a_missing_permission_is_told() -> None:
    with pytest.raises(PermissionMissing, match="pods/proxy"):
        World(COREDNS, page=PermissionMissing("pods/proxy")).counters().count([COREDNS])


@pytest.mark.parametrize("pods", [1, 2, 6, 7, 20, 21])
def test_codes_differ_and_none_holds_another(pods: int) -> None:
    codes = distinct_codes(pods)
    assert len(set(codes)) == pods
    assert len({len(code) for code in codes}) == 1
