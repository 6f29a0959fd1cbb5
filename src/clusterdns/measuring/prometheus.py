"""What every Prometheus that can be found scrapes of the DNS pods."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.prometheus import PrometheusServer, at_url, in_cluster
from clusterdns.errors import HarnessError
from clusterdns.model.scraping import DNSPod, Scraped, Target
from clusterdns.settings import Settings


def find_servers(cluster: Cluster, settings: Settings) -> list[PrometheusServer]:
    """Return the Prometheus that the user names, or every one that has a Service.

    Raises:
        ClusterError: the named Service is not there.
        UsageError: a file that goes with the URL cannot be read.
    """
    seconds = settings.prometheus_timeout
    if settings.prometheus_url is None:
        return in_cluster(cluster, seconds, settings.prometheus_service)
    url, auth_file, ca_file = settings.prometheus_url, settings.prometheus_auth_file, settings.prometheus_ca
    return [at_url(url, seconds, auth_file=auth_file, ca_file=ca_file)]


def ask_servers(servers: Sequence[PrometheusServer], pods: Sequence[DNSPod]) -> list[Scraped]:
    """Return what those that answer scrape of DNS pods.

    Args:
        servers: At least one.
        pods: The DNS pods.

    Raises:
        HarnessError: none answers; the first one's error.
    """
    answers: list[Scraped] = []
    errors: list[HarnessError] = []
    for server in servers:
        try:
            answers.append(_scraped(server, pods))
        except HarnessError as error:
            errors.append(error)
    if not answers:
        raise errors[0]
    return answers


def _scraped(server: PrometheusServer, pods: Sequence[DNSPod]) -> Scraped:
    ports = {(pod.address, port) for pod in pods for port in pod.metrics_ports}
    repeated = {port.repeated_at for pod in pods for port in pod.metrics} - {0}
    total, targets = 0, []
    for target in server.targets():  # 100,000 of them are not to be kept
        total += 1
        if (target.host, target.port) in ports:
            targets.append(target)
    if any(target.port in repeated for target in targets):
        targets = _with_kept(server, targets, repeated)
    return Scraped(server.name, tuple(targets), total)


def _with_kept(server: PrometheusServer, targets: Sequence[Target], ports: Collection[int]) -> list[Target]:
    """Return the targets, with how much is stored of those at some ports."""
    pattern = "|".join(map(str, sorted(ports)))
    stored = server.query(f'scrape_samples_post_metric_relabeling{{instance=~".*:({pattern})"}}')
    kept = {(labels.get("job"), labels.get("instance")): value for labels, value in stored}
    return [
        replace(target, kept=kept.get((target.labels.get("job"), target.labels.get("instance"))))
        if target.port in ports
        else target
        for target in targets
    ]
