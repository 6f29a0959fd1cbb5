"""Forwarding by TCP: topology.no-tcp-into-dnsmasq, tcp-capacity, autoscaler, forward-pool."""

from collections.abc import Callable

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import tcp_paths

Conclude = Callable[[Verdict], None]


@pytest.mark.check("topology.no-tcp-into-dnsmasq")
def test_no_tcp_into_dnsmasq(topology: Topology, conclude: Conclude) -> None:
    """No layer forwards queries by TCP into a Service with dnsmasq behind it, whatever dnsmasq's limit."""
    conclude(tcp_paths.no_tcp_into_dnsmasq(topology))


@pytest.mark.check("topology.tcp-capacity")
def test_tcp_capacity(topology: Topology, settings: Settings, conclude: Conclude) -> None:
    """Connections that nodes open into dnsmasq at their peak are no more than its replicas' TCP children."""
    conclude(tcp_paths.tcp_capacity(topology, settings))


@pytest.mark.check("topology.autoscaler")
@pytest.mark.needs("autoscaler")
def test_autoscaler(topology: Topology, settings: Settings, conclude: Conclude) -> None:
    """The autoscaler leaves no single point of failure, and replicas grow with what nodes ask by TCP."""
    conclude(tcp_paths.autoscaler(topology, settings))


@pytest.mark.check("topology.forward-pool")
def test_forward_pool(topology: Topology, conclude: Conclude) -> None:
    """Where queries are forwarded by TCP, the life of a connection is bounded."""
    conclude(tcp_paths.forward_pool(topology))
