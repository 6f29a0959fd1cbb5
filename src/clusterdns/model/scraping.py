"""What of a cluster's DNS can be scraped, and what a Prometheus scrapes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

COREDNS_PORT = 9153
NODE_CACHE_PORT = 9253
NODE_CACHE_OWN_PORT = 9353
"""node-cache's own server: it answers with the same registry as the port of its CoreDNS."""
SIDECAR_PORT = 10054
KUBEDNS_PORT = 10055

COREDNS_FAMILIES = ("coredns_build_info", "coredns_panics_total", "coredns_plugin_enabled")
SIDECAR_FAMILIES = (
    "kubedns_dnsmasq_hits",
    "kubedns_dnsmasq_misses",
    "kubedns_dnsmasq_evictions",
    "kubedns_dnsmasq_insertions",
    "kubedns_dnsmasq_max_size",
    "kubedns_dnsmasq_errors",
)
KUBEDNS_FAMILIES = (
    "skydns_skydns_dns_request_count_total",
    "skydns_skydns_dns_request_duration_seconds_count",
    "skydns_skydns_dns_response_size_bytes_count",
)
"""Families that are there from the start, whatever has been asked: nothing is missing for want of traffic."""

REQUESTS = "coredns_dns_requests_total"

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class MetricsPort:
    """A port of a DNS pod that answers with metrics.

    Attributes:
        number: Of the port.
        container: Which serves it.
        families: Samples that it must have.
        repeated_at: Another port with the same series; 0 where there is none.
    """

    number: int
    container: str
    families: tuple[str, ...]
    repeated_at: int = 0


@dataclass(frozen=True, slots=True)
class DNSPod:
    """A running pod that serves DNS.

    Attributes:
        namespace: Of the pod.
        name: Of the pod.
        workload: The kind and name of what owns it, e.g. "DaemonSet node-local-dns".
        node: Its node.
        address: Its IP address.
        labels: Of the pod.
        annotations: Of the pod.
        ports: Container port name -> number.
        metrics: Where its metrics are.
        asks: Addresses that pods on its node reach it, and no other, at; only where CoreDNS counts queries.
        trouble: Why it is not ready; "" where it is.
    """

    namespace: str
    name: str
    workload: str
    node: str
    address: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    metrics: tuple[MetricsPort, ...] = ()
    asks: str = ""
    trouble: str = ""

    @property
    def full_name(self) -> str:
        """Its name as "namespace/name"."""
        return f"{self.namespace}/{self.name}"

    @property
    def metrics_ports(self) -> tuple[int, ...]:
        """Every port that answers with metrics."""
        numbers = (number for port in self.metrics for number in (port.number, port.repeated_at))
        return tuple(number for number in numbers if number)


@dataclass(frozen=True, slots=True)
class Target:
    """What a Prometheus scrapes, or tries to.

    Attributes:
        pool: The scrape pool: of prometheus-operator's making e.g. "serviceMonitor/NAMESPACE/NAME/0".
        host: The address that is scraped.
        port: The port that is scraped.
        healthy: Whether the last scrape succeeded; None where there was none yet.
        error: Why the last scrape failed.
        labels: The target's own.
        kept: Samples of its last scrape that were stored; None where it was not asked.
    """

    pool: str
    host: str
    port: int
    healthy: bool | None
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    kept: float | None = None


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one Prometheus scrapes of the DNS pods.

    Attributes:
        name: The Prometheus.
        targets: Those at a metrics port of a DNS pod.
        total: How many targets it has in all.
    """

    name: str
    targets: tuple[Target, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page of metrics.

    Attributes:
        samples: Sample name, as written, -> labels -> value. Histograms appear as their `_count`, `_sum` and
            `_bucket` samples.
        duplicates: Series that the page has more than once, as `name{label="value"}`: Prometheus drops them.
    """

    samples: Mapping[str, Mapping[Labels, float]]
    duplicates: tuple[str, ...] = ()

    @property
    def series(self) -> int:
        """How many series the page has."""
        return sum(map(len, self.samples.values()))

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a sample's series with these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(value for having, value in self.samples.get(name, {}).items() if wanted <= having)

    def largest(self, most: int) -> list[tuple[str, int]]:
        """Return the sample names with the most series, and how many."""
        counts = Counter({name: len(series) for name, series in self.samples.items()})
        return counts.most_common(most)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metrics port of a DNS pod answered.

    Attributes:
        pod: Which pod.
        port: Which of its ports.
        page: The answer; None where there was none that can be read.
        failure: Why there is none.
    """

    pod: DNSPod
    port: MetricsPort
    page: Page | None
    failure: str = ""

    @property
    def where(self) -> str:
        """The port in words."""
        return f"{self.pod.full_name}:{self.port.number} ({self.port.container})"


@dataclass(frozen=True, slots=True)
class Counted:
    """Queries that were sent to a pod, and what its own counter says of them.

    Attributes:
        pod: Which pod.
        answered: How many it answered, type by type.
        rises: How much its counter of that type rose meanwhile; None where it could not be read.
    """

    pod: DNSPod
    answered: tuple[int, ...]
    rises: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A pod with an Envoy, and how many series its page has.

    Attributes:
        pod: As "namespace/name".
        port: Where its page was read.
        series: How many.
        largest: Sample names with the most of them.
    """

    pod: str
    port: int
    series: int
    largest: tuple[tuple[str, int], ...]
