"""Where the nameservers of nodes lead."""

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.pods import DEFAULT, NodeView
from clusterdns.model.resolver import ResolvConf
from clusterdns.model.topology import Fact, Layer, LayerKind
from clusterdns.verdicts.node_resolvers import addresses_of_pods, loop
from tests.unit.verdicts.topologies import cache, server, topology

NODE_DAEMON = Layer(LayerKind.NODE_DNS, "LocalDNS", (Fact("169.254.10.10", "test"),), Fact("1", "test"))
CLUSTER = {"10.96.0.10": "CoreDNS, Service kube-dns"}


@pytest.mark.parametrize(
    ("nameserver", "uses_nodes", "outcome", "reason"),
    [
        ("8.8.8.8", True, Outcome.PASSED, ""),
        ("10.96.0.10", True, Outcome.FAILED, "back to itself"),
        ("10.96.0.10", False, Outcome.PASSED, ""),  # what DNS pods ask does not depend on it
        ("127.0.0.53", False, Outcome.FAILED, "nobody answers there"),
        ("::1", True, Outcome.FAILED, "nobody answers there"),
        ("fe80::1%eth0", True, Outcome.PASSED, ""),
    ],
)
def test_where_a_nodes_nameserver_leads(
    nameserver: str, *, uses_nodes: bool, outcome: Outcome, reason: str
) -> None:
    view = NodeView("n1", "", {}, {DEFAULT: ResolvConf((nameserver,))})
    verdict = loop([view], CLUSTER, uses_nodes=uses_nodes)
    assert verdict.outcome is outcome
    assert reason in verdict.reason


def test_a_daemon_of_the_node_does_not_lead_back() -> None:
    assert set(addresses_of_pods(topology(cache(), server(), NODE_DAEMON))) == {"169.254.20.10", "10.96.0.10"}
