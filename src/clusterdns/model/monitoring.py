"""The objects that have a part in scraping DNS pods: Services, monitors of prometheus-operator, Prometheus.

Sources: prometheus-operator Documentation/api-reference/api.md (ServiceMonitorSpec, PodMonitorSpec,
PrometheusSpec); k8s.io/api core/v1 ServiceSpec.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clusterdns.model.labels import described, matches
from clusterdns.model.scraping import DNSPod


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a Service."""

    name: str
    number: int
    target: int | str  # of the pod, or a name that each pod resolves


@dataclass(frozen=True, slots=True)
class Service:
    """A Service, and the addresses that its EndpointSlices list.

    Attributes:
        name, namespace: Of the Service.
        labels: Of the Service.
        annotations: Of the Service.
        selector: Label -> value; empty where the Service has none.
        ports: Of the Service.
        endpoints: Address -> the pod's name, "" where it is no pod's.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    endpoints: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Its kind and its name as "namespace/name"."""
        return f"Service {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class MonitorEndpoint:
    """An entry of a monitor's endpoints: a port by its name, or by the number or name in the pod."""

    port: str
    target: int | str | None


@dataclass(frozen=True, slots=True)
class Monitor:
    """A ServiceMonitor or a PodMonitor.

    Attributes:
        kind: Which.
        name, namespace: Of the object.
        labels: Of the object.
        selector: Of Services, or of pods.
        namespaces: Where it looks; None is everywhere.
        endpoints: What it scrapes of them.
    """

    kind: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    selector: Mapping[str, Any]
    namespaces: tuple[str, ...] | None
    endpoints: tuple[MonitorEndpoint, ...]

    @property
    def full_name(self) -> str:
        """Its kind and its name as "namespace/name"."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus object.

    Attributes:
        name, namespace: Of the object.
        selectors: Kind of monitor -> which of them it takes; None is none.
        namespace_selectors: Kind of monitor -> from which namespaces; None is its own.
    """

    name: str
    namespace: str
    selectors: Mapping[str, Mapping[str, Any] | None]
    namespace_selectors: Mapping[str, Mapping[str, Any] | None]

    def refusal(self, monitor: Monitor, namespaces: Mapping[str, Mapping[str, str]]) -> str:
        """Return why it does not take a monitor; "" where it does."""
        selector = self.selectors.get(monitor.kind)
        if selector is None:
            return f"selects no {monitor.kind}s at all"
        if not matches(selector, monitor.labels):
            return f"selects {monitor.kind}s labelled {described(selector)}"
        within = self.namespace_selectors.get(monitor.kind)
        if within is None:
            return (
                "" if monitor.namespace == self.namespace else f"looks into namespace {self.namespace} only"
            )
        if matches(within, namespaces.get(monitor.namespace, {})):
            return ""
        return f"looks into namespaces labelled {described(within)}"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Every object that can have a part in scraping the cluster's DNS.

    Attributes:
        pods: The DNS pods.
        services: Of their namespaces.
        monitors: Of all namespaces.
        prometheuses: Prometheus and PrometheusAgent objects.
        namespaces: Name -> labels.
        missing: Why monitors are left out; "" where they are not.
    """

    pods: tuple[DNSPod, ...]
    services: tuple[Service, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    prometheuses: tuple[Prometheus, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: str = ""
