"""What clients feel under open-loop load, on every path to the cluster's DNS: latency.*."""

from collections.abc import Callable

import pytest

from clusterdns.model.load import DNS_POD
from clusterdns.model.outcome import Verdict
from clusterdns.settings import Settings
from clusterdns.verdicts import latency
from fixtures.loads import Loads, Step

Conclude = Callable[[Verdict], None]


@pytest.mark.check("latency.path")
def test_path(step: Step, destination: str, loads: Loads, settings: Settings, conclude: Conclude) -> None:
    """Latency and the share of lost queries are within their limits on every path."""
    conclude(latency.path(loads.run(step, destination), settings))


@pytest.mark.needs("dns-pod", "nodelocal")
@pytest.mark.check("latency.tail-ratio")
def test_tail_ratio(step: Step, loads: Loads, settings: Settings, conclude: Conclude) -> None:
    """The p99 through a node cache is not far above the p99 straight to a DNS pod."""
    through = [loads.run(step, there.name) for there in loads.present() if there.cached]
    conclude(latency.tail_ratio(loads.run(step, DNS_POD), through, settings))


@pytest.mark.check("latency.schedule")
def test_schedule(step: Step, loads: Loads, settings: Settings, conclude: Conclude) -> None:
    """The load generator keeps its plan."""
    conclude(latency.schedule([loads.run(step, there.name) for there in loads.present()], settings))
