"""What DNS pods, nodes and node caches go through, at rest and under bursts: saturation.*."""

from collections.abc import Callable

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.saturation import Episode
from clusterdns.settings import Settings
from clusterdns.verdicts import saturation

Conclude = Callable[[Verdict], None]

# The case's name is what is done meanwhile; see fixtures/episodes.py.
pytestmark = pytest.mark.parametrize(
    "episode",
    [
        pytest.param("rest", marks=pytest.mark.profile("core")),
        pytest.param("bursts-direct", marks=pytest.mark.profile("load")),
        # Last: what it saturates stays so for a while after the load has ended.
        pytest.param("bursts", marks=pytest.mark.profile("load")),
    ],
    indirect=True,
)

dnsmasq = pytest.mark.needs("dnsmasq", "privileged")
node_cache = pytest.mark.needs("node-cache", "privileged")


@dnsmasq
@pytest.mark.check("saturation.tcp-workers")
def test_tcp_workers(episode: Episode, tcp_limits: dict[str, int], conclude: Conclude) -> None:
    """The TCP children of dnsmasq stay below its effective limit."""
    conclude(saturation.tcp_workers(episode, tcp_limits))


@dnsmasq
@pytest.mark.check("saturation.listen-queue")
def test_listen_queue(episode: Episode, settings: Settings, conclude: Conclude) -> None:
    """No connections wait on the :53 listener of dnsmasq for long (a single sample is normal)."""
    conclude(saturation.listen_queue(episode, settings.listen_queue_limit))


@dnsmasq
@pytest.mark.check("saturation.listen-overflow")
def test_listen_overflow(episode: Episode, conclude: Conclude) -> None:
    """No connection finds the listen queue of a DNS pod full."""
    conclude(saturation.listen_overflow(episode))


@node_cache
@pytest.mark.check("saturation.node-timeouts")
def test_node_timeouts(episode: Episode, conclude: Conclude) -> None:
    """Node caches do not run into i/o timeouts by TCP to the cluster's DNS."""
    conclude(saturation.node_timeouts(episode))


@node_cache
@pytest.mark.check("saturation.health-checks")
def test_health_checks(episode: Episode, conclude: Conclude) -> None:
    """The forward health checks of node caches do not fail."""
    conclude(saturation.health_checks(episode))


@node_cache
@pytest.mark.check("saturation.connection-churn")
def test_connection_churn(episode: Episode, settings: Settings, conclude: Conclude) -> None:
    """Node caches open fewer new upstream connections per second than the limit."""
    conclude(saturation.connection_churn(episode, settings.connection_churn_limit))


@pytest.mark.needs("privileged")
@pytest.mark.check("saturation.conntrack")
def test_conntrack(episode: Episode, conclude: Conclude) -> None:
    """Conntrack neither fails to insert nor drops while pods resolve A and AAAA at once."""
    conclude(saturation.conntrack(episode))
