"""DNS pods' metrics: there, true, affordable: metrics.exposed, truth, cardinality."""

from collections.abc import Callable, Sequence

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.scraping import Counted, Reading, Sidecar
from clusterdns.settings import Settings
from clusterdns.verdicts import metrics

Conclude = Callable[[Verdict], None]


@pytest.mark.check("metrics.exposed")
@pytest.mark.needs("dns-pods")
def test_exposed(readings: Sequence[Reading], conclude: Conclude) -> None:
    """Every metrics port of every DNS pod answers with the families it must have."""
    conclude(metrics.exposed(readings))


@pytest.mark.check("metrics.truth")
@pytest.mark.needs("dns-pods", "counters")
def test_truth(counted: Sequence[Counted], conclude: Conclude) -> None:
    """The counters of CoreDNS and node caches rise by at least the queries they answered."""
    conclude(metrics.truth(counted))


@pytest.mark.check("metrics.cardinality")
@pytest.mark.parametrize("of", [pytest.param("dns", marks=pytest.mark.needs("dns-pods"))])
def test_cardinality_of_dns(
    of: str, readings: Sequence[Reading], settings: Settings, conclude: Conclude
) -> None:
    """No DNS pod has more series than its budget."""
    del of
    conclude(metrics.series_of_dns(readings, settings.dns_series_budget))


@pytest.mark.check("metrics.cardinality")
@pytest.mark.parametrize("of", [pytest.param("sidecars", marks=pytest.mark.needs("sidecars"))])
def test_cardinality_of_sidecars(
    of: str, sidecars: Sequence[Sidecar], settings: Settings, conclude: Conclude
) -> None:
    """No Envoy sidecar has more series than its budget."""
    del of
    conclude(metrics.series_of_sidecars(sidecars, settings.sidecar_series_budget))
