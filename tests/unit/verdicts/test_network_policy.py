from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterdns.model.network_policies import Group, Peer, Place, Policies, Policy, Port, Rule, Ways
from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import Fact, LayerKind, Topology
from clusterdns.verdicts.network_policy import network_policy
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream

SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}
NAMESPACES = {"kube-system": SYSTEM, "shop": {"team": "a"}}
DNS = Place("10.0.0.0", "kube-system", {"k8s-app": "kube-dns"}, {"dns": 53, "dns-tcp": 53})
WEB = Group(Place(namespace="shop", labels={"app": "web"}), 3, "web-1")

TO_DNS_PODS = Peer(namespaces={}, pods={"matchLabels": {"k8s-app": "kube-dns"}})
UDP, TCP = Port("UDP", 53), Port("TCP", 53)
BOTH = (UDP, TCP)


def without_cache(kind: LayerKind = LayerKind.KUBE_DNS) -> Topology:
    return topology(server(kind=kind), services=(upstream(*TWO),))


def egress(*rules: Rule, name: str = "default-deny", **pods: Any) -> Policy:
    return Policy(name, "shop", pods or {}, egress=rules)


def ingress(*rules: Rule) -> Policy:
    return Policy("guard", "kube-system", {"matchLabels": {"k8s-app": "kube-dns"}}, ingress=rules)


def ways(*policies: Policy, port: int = 53) -> Ways:
    place = replace(DNS, ports={"dns": port})
    return Ways(Policies(policies, NAMESPACES), (WEB,), {"kube-system/upstream": [(place, port)]})


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        ((), ""),
        (
            (egress(),),
            "10.96.0.20 by UDP is refused by shop/default-deny and by TCP is refused by shop/default-deny",
        ),
        ((egress(Rule((TO_DNS_PODS,), BOTH)), egress(Rule(), name="all")), ""),
        ((egress(Rule((TO_DNS_PODS,), (UDP,))),), "by TCP is refused by shop/default-deny"),
        ((egress(), egress(Rule((TO_DNS_PODS,)), name="dns")), ""),
        ((egress(matchLabels={"app": "other"}),), ""),
        ((egress(Rule((Peer(pods={"matchLabels": {"k8s-app": "kube-dns"}}),), BOTH)),), "refused"),
        ((egress(Rule((Peer(namespaces={"matchLabels": SYSTEM}),), BOTH)),), ""),
        ((egress(Rule((Peer(namespaces={"matchLabels": {"team": "a"}}),), BOTH)),), "refused"),
        ((egress(Rule((Peer(network="10.0.0.0/8"),), BOTH)),), ""),
        ((egress(Rule((Peer(network="10.0.0.0/8", without=("10.0.0.0/24",)),), BOTH)),), "refused"),
        ((egress(Rule((Peer(network="10.96.0.20/32"),), BOTH)),), "refused"),
        ((egress(Rule((), (Port("UDP", 50, 60), Port("TCP", "dns")))),), ""),
        ((egress(Rule((), (Port("UDP", "metrics"), TCP))),), "by UDP is refused"),
        ((ingress(),), "refused by kube-system/guard"),
        ((ingress(Rule((Peer(namespaces={"matchLabels": {"team": "a"}}),), BOTH)),), ""),
        ((ingress(Rule((Peer(pods={}),), BOTH)),), "refused by kube-system/guard"),
        ((ingress(Rule(ports=(Port("SCTP"), Port("UDP"), Port("TCP")))),), ""),
    ],
)
def test_every_pod_has_a_way_by_both_protocols(policies: tuple[Policy, ...], reason: str) -> None:
    verdict = network_policy(without_cache(), ways(*policies))
    assert (verdict.outcome is Outcome.FAILED) is bool(reason)
    if reason:
        assert verdict.reason.startswith("namespace shop: shop/web-1 and 2 more: ")
        assert reason in verdict.reason


def test_what_is_behind_a_service_is_asked_on_its_own_port() -> None:
    rule = Rule((TO_DNS_PODS,), (Port("UDP", 8053), Port("TCP", 8053)))
    assert network_policy(without_cache(), ways(egress(rule), port=8053)).outcome is not Outcome.FAILED
    assert network_policy(without_cache(), ways(egress(rule), port=53)).outcome is Outcome.FAILED


def test_an_address_of_the_node_is_no_pods() -> None:
    """The trap: a policy that names DNS pods lets nothing through when NodeLocal DNSCache comes."""
    by_pods, by_address = Rule((TO_DNS_PODS,), BOTH), Rule((Peer(network="169.254.20.10/32"),), BOTH)
    verdict = network_policy(without_cache(), ways(egress(by_pods)))
    assert verdict.outcome is Outcome.WARNED
    assert verdict.reason.startswith("turning NodeLocal DNSCache on would break namespace shop: shop/web-1")
    assert "169.254.20.10" in verdict.remedy
    assert network_policy(without_cache(), ways(egress(by_pods, by_address))).outcome is Outcome.PASSED

    assert network_policy(topology(), ways(egress(by_pods))).outcome is Outcome.FAILED
    assert network_policy(topology(), ways(egress(by_address))).outcome is Outcome.PASSED


def test_what_pods_are_told_is_what_counts() -> None:
    told = replace(topology(), nameservers=(Fact("10.96.0.20", "test"),))
    assert network_policy(told, ways(egress(Rule((TO_DNS_PODS,), BOTH)))).outcome is Outcome.PASSED
    both = replace(told, nameservers=(Fact("10.96.0.20", "test"), Fact("169.254.20.10", "test")))
    verdict = network_policy(both, ways(egress(Rule((TO_DNS_PODS,), BOTH))))
    assert "169.254.20.10 by UDP is refused" in verdict.reason


def test_a_redirect_delivers_to_pods() -> None:
    redirected = replace(
        cache(), addresses=(Fact("10.96.0.20", "lrp"),), redirect="CiliumLocalRedirectPolicy a/b"
    )
    found = topology(redirected, server())
    assert network_policy(found, ways(egress(Rule((TO_DNS_PODS,), BOTH)))).outcome is Outcome.PASSED


def test_a_node_cache_is_on_the_nodes_network_where_no_selector_matches_it() -> None:
    by_namespace = ingress(Rule((Peer(namespaces={}),), BOTH))
    verdict = network_policy(topology(), ways(by_namespace))
    assert verdict.outcome is Outcome.FAILED
    assert (
        "kube-system/cache to kube-system/upstream by UDP is refused by kube-system/guard" in verdict.reason
    )


def test_pods_that_were_not_read_stand_for_their_namespace() -> None:
    every = replace(ways(ingress()), groups=(Group(Place(namespace="shop"), 0, ""),))
    assert "namespace shop: pods of shop: " in network_policy(without_cache(), every).reason
