"""The parts of a run that `metrics.*` judges."""

from collections.abc import Sequence

from clusterdns.cluster.prometheus import PrometheusServer
from clusterdns.cluster.selectors import read_monitoring
from clusterdns.measuring.counters import Counters
from clusterdns.measuring.metrics import read_metrics, read_sidecars
from clusterdns.measuring.part import part
from clusterdns.measuring.prometheus import ask_servers, find_servers
from clusterdns.measuring.run_core import CoreRun
from clusterdns.model.monitoring import Monitoring
from clusterdns.model.pods import DEFAULT
from clusterdns.model.scraping import Counted, Reading, Scraped, Sidecar


class MetricsRun(CoreRun):
    """DNS pods' metrics, and who scrapes them."""

    @part
    def monitoring(self) -> Monitoring:
        """The DNS pods, and every object that has a part in scraping them."""
        return read_monitoring(self.cluster, self.topology.namespaces)

    @part
    def readings(self) -> Sequence[Reading]:
        """What every metrics port of every DNS pod answers."""
        return read_metrics(self.cluster, self.monitoring.pods)

    @part
    def counted(self) -> Sequence[Counted]:
        """Queries sent to every DNS pod that counts them, and what its counters say."""
        senders = self.probes.of(DEFAULT)
        zone, timeout = self.topology.zone.value, self.settings.query_timeout
        counters = Counters(self.cluster, self.prober, senders, zone, timeout, self.topology.port_of)
        return counters.count(self.monitoring.pods)

    @part
    def sidecars(self) -> Sequence[Sidecar]:
        """Some Envoy sidecars, and how many series they have."""
        settings = self.settings
        selector, most, timeout = (
            settings.sidecar_selector,
            settings.sidecar_samples,
            settings.prometheus_timeout,
        )
        return read_sidecars(self.cluster, selector, most, timeout)

    @part
    def prometheus_servers(self) -> Sequence[PrometheusServer]:
        """Every Prometheus that can be asked."""
        return find_servers(self.cluster, self.settings)

    @part
    def scraped(self) -> Sequence[Scraped]:
        """What every Prometheus that answers scrapes of the DNS pods."""
        return ask_servers(self.prometheus_servers, self.monitoring.pods)
