"""One query to each address, from every node."""

from collections.abc import Mapping
from typing import Any

from clusterdns.measuring.probes import Probes
from clusterdns.measuring.reachability import Reachability
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT
from clusterdns.model.reachability import Attempt
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.test_querying import PODS, answered, unanswered
from tests.unit.verdicts.topologies import topology

TARGETS = {"10.96.0.10": "Service kube-dns", "10.244.1.2": "pod kube-dns-a"}


def test_every_address_is_asked_from_every_node() -> None:
    def answer(pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        service, dns_pod = request["messages"]
        second = unanswered(1, "timeout") if pod.node == "node-2" else answered(dns_pod, 1)
        return [second, answered(service, 0)]  # in the order in which they ended

    prober = FakeProber({"send": answer})
    pods = {(node, DEFAULT): pod for node, pod in PODS.items()}
    pods["node-3", CLUSTER_FIRST] = ProbePod("ns", "p", "node-3", "10.0.0.9")
    reachability = Reachability(prober.as_prober(), Probes(pods, {}), topology(), 1.5)
    service, dns_pod = "Service kube-dns (10.96.0.10)", "pod kube-dns-a (10.244.1.2)"
    assert reachability.ask(TARGETS, "tcp") == [
        Attempt("node-1", dns_pod, "tcp", None),
        Attempt("node-1", service, "tcp", None),
        Attempt("node-2", dns_pod, "tcp", "timeout"),
        Attempt("node-2", service, "tcp", None),
    ]
    (_, _, request), _ = prober.requests
    assert request["timeout"] == 1.5
    assert [(message["address"], message["transport"]) for message in request["messages"]] == [
        ("10.96.0.10", "tcp"),
        ("10.244.1.2", "tcp"),
    ]


def test_an_address_of_some_nodes_is_asked_from_these_only() -> None:
    prober = FakeProber({"send": lambda _, request: [answered(request["messages"][0], 0)]})
    pods = {(node, DEFAULT): pod for node, pod in PODS.items()}
    reachability = Reachability(prober.as_prober(), Probes(pods, {}), topology(), 1.5)
    attempts = reachability.ask({"169.254.10.11": "AKS LocalDNS"}, "udp", nodes=("node-2", "node-9"))
    assert attempts == [Attempt("node-2", "AKS LocalDNS (169.254.10.11)", "udp", None)]
