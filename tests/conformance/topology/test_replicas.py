"""What runs where, and whether it answers: topology.redundancy, nodelocal-coverage, tcp-reachable."""

from collections.abc import Callable

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.topology import Topology
from clusterdns.verdicts import topology as verdicts
from fixtures.reach import Reach

Conclude = Callable[[Verdict], None]


@pytest.mark.check("topology.redundancy")
def test_redundancy(topology: Topology, conclude: Conclude) -> None:
    """At least two DNS pods are ready, on distinct nodes, with a disruption budget."""
    conclude(verdicts.redundancy(topology))


@pytest.mark.check("topology.nodelocal-coverage")
@pytest.mark.needs("nodelocal")
def test_nodelocal_coverage(topology: Topology, conclude: Conclude) -> None:
    """A node cache is ready on every node, and its upstream Service has endpoints."""
    conclude(verdicts.nodelocal_coverage(topology))


@pytest.mark.check("topology.nodelocal-coverage")
@pytest.mark.profile("core")
@pytest.mark.needs("nodelocal")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_nodelocal_answers(reach: Reach, topology: Topology, transport: str, conclude: Conclude) -> None:
    """On every node a pod gets an answer from the node cache's addresses."""
    conclude(verdicts.nodelocal_answers(reach.ask(topology.node_local_addresses(), transport)))


@pytest.mark.check("topology.tcp-reachable")
def test_tcp_reachable(reach: Reach, topology: Topology, conclude: Conclude) -> None:
    """TCP port 53 works from every node to every DNS pod and Service."""
    conclude(verdicts.tcp_reachable(reach.ask(topology.serving_addresses(), "tcp")))
