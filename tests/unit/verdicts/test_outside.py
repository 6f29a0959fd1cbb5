"""What names outside the cluster say of it: wildcards, stub domains, slow upstreams."""

from dataclasses import replace

import pytest

from clusterdns.model import outside
from clusterdns.model.outcome import Outcome
from clusterdns.model.outside import Aim, OutsideAnswer, OutsideQuestion
from clusterdns.model.resolver import ResolvConf
from clusterdns.model.topology import Fact, Forward, Layer, LayerKind, Topology
from clusterdns.verdicts.outside import slow_upstream, stub_domains, wildcard

CONF = ResolvConf(("10.96.0.10",), ("ns.svc.cluster.local", "cluster.local", "corp.example"))
COREDNS = Layer(
    LayerKind.COREDNS,
    "kube-system/coredns",
    (Fact("10.96.0.10", "test"),),
    Fact("1.14", "test"),
    forwards=(
        Forward((".",), ("8.8.8.8",), "test"),
        Forward(("lan.example",), ("10.0.0.53",), "test"),
        Forward(("in-addr.arpa", "cluster.local", "deep.cluster.local"), ("10.0.0.1",), "test"),
    ),
)
TOPOLOGY = Topology(
    zone=Fact("cluster.local", "test"),
    nodes={"n1": ""},
    layers=(COREDNS,),
    stub_domains={"acme.example": ("10.0.0.54",)},
)


def answer(aim: Aim, about: str = "corp.example", **said: object) -> OutsideAnswer:
    asked = OutsideQuestion(aim, about, f"x.{about}", "A")
    default = OutsideAnswer("n1", "10.96.0.10", asked, "NXDOMAIN", (), 1.0)
    return replace(default, **said)  # type: ignore[arg-type]


def test_what_is_asked() -> None:
    asked = outside.questions(CONF, TOPOLOGY, "www.example.com", "label")
    names = {aim: [question.name for question in asked if question.aim is aim] for aim in Aim}
    assert names[Aim.WILDCARD] == ["label.corp.example"] * 2
    assert names[Aim.STUB_DOMAIN] == ["acme.example", "lan.example"]
    assert len(set(names[Aim.UPSTREAM])) == outside.LOOKUPS


def test_stub_domains_are_those_of_kube_dns_and_of_corefiles() -> None:
    assert outside.stub_domains(TOPOLOGY) == {"acme.example": ("10.0.0.54",), "lan.example": ("10.0.0.53",)}


def test_a_suffix_that_answers_for_any_name_has_a_wildcard() -> None:
    assert wildcard([answer(Aim.WILDCARD)]).outcome is Outcome.PASSED
    verdict = wildcard([answer(Aim.WILDCARD, rcode="NOERROR", data=("203.0.113.9",))])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("*.corp.example is 203.0.113.9")


@pytest.mark.parametrize(
    ("rcode", "outcome", "reason"),
    [
        ("NOERROR", Outcome.PASSED, ""),
        ("NXDOMAIN", Outcome.WARNED, "say that there is no such domain"),
        ("SERVFAIL", Outcome.FAILED, "lan.example (sent to 10.0.0.53): SERVFAIL on n1"),
        ("", Outcome.FAILED, "lan.example (sent to 10.0.0.53): no answer on n1"),
    ],
)
def test_servers_of_stub_domains(rcode: str, outcome: Outcome, reason: str) -> None:
    alive = answer(Aim.UPSTREAM)
    verdict = stub_domains([alive, answer(Aim.STUB_DOMAIN, "lan.example", rcode=rcode)], TOPOLOGY)
    assert verdict.outcome is outcome
    assert reason in verdict.reason


def times(*took_ms: float) -> list[OutsideAnswer]:
    return [answer(Aim.UPSTREAM, took_ms=took) for took in took_ms]


@pytest.mark.parametrize(
    ("took", "outcome"),
    [
        ((2.0,) * 10, Outcome.PASSED),
        ((2000.0,) * 2 + (2.0,) * 8, Outcome.PASSED),  # lost packets
        ((2000.0,) * 3 + (2.0,) * 7, Outcome.FAILED),
    ],
)
def test_an_upstream_that_slows_lookups(took: tuple[float, ...], outcome: Outcome) -> None:
    assert slow_upstream(times(*took), TOPOLOGY, 1000).outcome is outcome


def test_where_nothing_answers_no_upstream_is_to_blame() -> None:
    dead = [replace(one, rcode="") for one in times(*[5000.0] * 10)]
    assert slow_upstream(dead, TOPOLOGY, 1000).outcome is Outcome.PASSED
    assert slow_upstream([*dead, answer(Aim.WILDCARD)], TOPOLOGY, 1000).outcome is Outcome.FAILED
