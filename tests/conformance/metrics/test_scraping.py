"""Who scrapes DNS pods, on paper and in fact: metrics.selectors, scraped."""

from collections.abc import Callable

import pytest

from clusterdns.model.monitoring import Monitoring
from clusterdns.model.outcome import Verdict
from clusterdns.model.selectors import evaluate
from clusterdns.verdicts import scraping
from fixtures.metrics import Servers

Conclude = Callable[[Verdict], None]


@pytest.mark.check("metrics.selectors")
@pytest.mark.needs("dns-pods")
def test_selectors(monitoring: Monitoring, conclude: Conclude) -> None:
    """Each Service, ServiceMonitor and PodMonitor that means to select DNS pods does."""
    conclude(scraping.selectors(evaluate(monitoring), monitoring.missing))


@pytest.mark.check("metrics.scraped")
@pytest.mark.needs("dns-pods", "prometheus")
def test_scraped(monitoring: Monitoring, servers: Servers, conclude: Conclude) -> None:
    """A Prometheus in the cluster has every DNS pod as a healthy target, once."""
    conclude(scraping.scraped(monitoring.pods, servers.scraped(monitoring.pods), evaluate(monitoring)))
