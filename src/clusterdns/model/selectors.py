"""From a DNS pod to the Prometheus that should scrape it: every selector on the way, evaluated on paper.

pod <- Service and its EndpointSlices <- ServiceMonitor <- Prometheus
pod <- PodMonitor                                       <- Prometheus
pod <- its own annotations
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from clusterdns.model.labels import described, matches
from clusterdns.model.monitoring import Monitor, Monitoring, Prometheus, Service
from clusterdns.model.scraping import DNSPod

DNS_WORDS = re.compile(r"kube-?dns|core-?dns|node-?local-?dns|node-?cache|dnsmasq", re.IGNORECASE)
"""What names, labels or selectors say that mean DNS pods."""

ANNOTATION_SCRAPE, ANNOTATION_PORT = "prometheus.io/scrape", "prometheus.io/port"

# What ports for metrics are called.
_METRICS_NAME = re.compile(r"metric|prom", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Broken:
    """A link of a chain that does not hold: which, what was found, and the one line that mends it."""

    link: str
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What one object does for scraping DNS pods.

    Attributes:
        subject: The object, e.g. "ServiceMonitor monitoring/node-local-dns".
        reaches: (pod as "namespace/name", port), in the end.
        broken: The first link that does not hold; None where all do.
    """

    subject: str
    reaches: frozenset[tuple[str, int]] = frozenset()
    broken: Broken | None = None

    def __str__(self) -> str:
        if self.broken:
            return f"{self.subject}: {self.broken.link}: {self.broken.found}"
        ports = ", ".join(f"{pod}:{port}" for pod, port in sorted(self.reaches))
        return f"{self.subject}: reaches {ports}"


def evaluate(monitoring: Monitoring) -> list[Chain]:
    """Return a chain for each object that means to have DNS pods scraped."""
    return [*_annotated(monitoring), *_services(monitoring), *_monitors(monitoring)]


def _annotated(monitoring: Monitoring) -> Iterator[Chain]:
    """Yield what pods' own annotations say, once a workload."""
    workloads: dict[str, list[DNSPod]] = {}
    for pod in monitoring.pods:
        if pod.annotations.get(ANNOTATION_SCRAPE) == "true" and pod.annotations.get(ANNOTATION_PORT):
            workloads.setdefault(pod.workload, []).append(pod)
    for workload, pods in workloads.items():
        subject = f"annotations of {workload}"
        port = pods[0].annotations[ANNOTATION_PORT]
        broken = _wrong_port(pods, port, ANNOTATION_PORT, f'annotate its pods {ANNOTATION_PORT}: "{{}}"')
        reached = frozenset((pod.full_name, int(port)) for pod in pods) if broken is None else frozenset()
        yield Chain(subject, reached, broken)


def _services(monitoring: Monitoring) -> Iterator[Chain]:
    """Yield what Services for metrics do."""
    for service in monitoring.services:
        numbers = {number for pod in monitoring.pods for number in pod.metrics_ports}
        ports = [
            port
            for port in service.ports
            if _METRICS_NAME.search(port.name) or {port.number, port.target} & numbers
        ]
        selected = _selected(service.selector, service.namespace, monitoring.pods)
        if not ports or not (selected or DNS_WORDS.search(_said(service))):
            continue
        results = [_through(service, port.target, _target_fix(service), monitoring) for port in ports]
        yield _whole(service.full_name, results)


def _monitors(monitoring: Monitoring) -> Iterator[Chain]:
    """Yield what ServiceMonitors and PodMonitors do, up to the Prometheus that should take them."""
    for monitor in monitoring.monitors:
        results = list(_monitored(monitor, monitoring))
        said = f"{monitor.name} {monitor.labels} {monitor.selector} {monitor.endpoints}"
        if not DNS_WORDS.search(said) and not any(reached for reached, _ in results):
            continue
        chain = _whole(monitor.full_name, results)
        refusals = {
            prometheus.name: prometheus.refusal(monitor, monitoring.namespaces)
            for prometheus in monitoring.prometheuses
        }
        if chain.broken is None and refusals and all(refusals.values()):
            name, refusal = next(iter(refusals.items()))
            fix = _acceptance(monitor, monitoring.prometheuses[0])
            chain = Chain(monitor.full_name, broken=Broken("Prometheus", f"Prometheus {name} {refusal}", fix))
        yield chain


Result = tuple[frozenset[tuple[str, int]], Broken | None]


def _whole(subject: str, results: Sequence[Result]) -> Chain:
    """Return the chain of an object's ports: broken where one of them is."""
    reached = frozenset(pod for pods, _ in results for pod in pods)
    return Chain(subject, reached, next((broken for _, broken in results if broken), None))


def _monitored(monitor: Monitor, monitoring: Monitoring) -> Iterator[Result]:
    if monitor.kind == "PodMonitor":
        yield from _pods_monitored(monitor, monitoring)
        return
    fitting = [service for service in monitoring.services if matches(monitor.selector, service.labels)]
    services = [
        service
        for service in fitting
        if monitor.namespaces is None or service.namespace in monitor.namespaces
    ]
    if not services:
        yield frozenset(), _no_service(monitor, fitting, monitoring)
        return
    for endpoint in monitor.endpoints:
        if not endpoint.port and endpoint.target:
            # Prometheus discovers every container port of the pods behind a Service, its own or not.
            fix = f"targetPort: {{}} in endpoints of {monitor.full_name}"
            yield from (_through(service, endpoint.target, fix, monitoring) for service in services)
            continue
        offers = [
            (service, port) for service in services for port in service.ports if endpoint.port == port.name
        ]
        if not offers:
            yield frozenset(), _no_port(monitor, endpoint.port, services, monitoring)
        yield from (
            _through(service, port.target, _target_fix(service), monitoring) for service, port in offers
        )


def _no_port(monitor: Monitor, wanted: str, services: Sequence[Service], monitoring: Monitoring) -> Broken:
    """Return why a ServiceMonitor finds no port by its name: the Service has it by another, or not at all."""
    names = [port.name or str(port.number) for service in services for port in service.ports]
    what = f"no port {wanted!r} in {services[0].full_name}, which has {', '.join(names)}"
    pods = [
        pod for service in services for pod in _selected(service.selector, service.namespace, monitoring.pods)
    ]
    targets: set[int | str] = {number for pod in pods for number in pod.metrics_ports}
    targets |= {name for pod in pods for name, number in pod.ports.items() if number in targets}
    ports = [(service, port) for service in services for port in service.ports]
    fitting = [(service, port) for service, port in ports if port.target in targets or not pods]
    named = [port.name for _, port in fitting if port.name]
    if named:
        fix = f"set port: {_nearest(wanted, named)} in {monitor.full_name}"
    elif fitting:
        service, port = fitting[0]
        fix = f"name port {port.number} of {service.full_name} {wanted!r}: endpoints name ports, not numbers"
    elif pods:
        fix = f"set targetPort: {_metrics(pods[0])} instead of port in endpoints of {monitor.full_name}"
    else:
        fix = f"add a port {wanted!r} to {services[0].full_name}"
    return Broken("port", what, fix)


def _no_service(monitor: Monitor, fitting: Sequence[Service], monitoring: Monitoring) -> Broken:
    """Return why a ServiceMonitor selects no Service in the namespaces of DNS pods."""
    if fitting:
        where = ", ".join(monitor.namespaces or ())
        there = fitting[0].namespace
        return Broken(
            "namespaceSelector",
            f"looks into {where}, {fitting[0].full_name} is in {there}",
            f"set namespaceSelector.matchNames: [{there}] in {monitor.full_name}",
        )
    what = f"no Service is labelled {described(monitor.selector)}"
    return Broken(
        "selector", what, _label_fix(monitor, [service.labels for service in monitoring.services], "selector")
    )


def _pods_monitored(monitor: Monitor, monitoring: Monitoring) -> Iterator[Result]:
    fitting = [pod for pod in monitoring.pods if matches(monitor.selector, pod.labels)]
    pods = [pod for pod in fitting if monitor.namespaces is None or pod.namespace in monitor.namespaces]
    if fitting and not pods:
        fix = f"set namespaceSelector.matchNames: [{fitting[0].namespace}] in {monitor.full_name}"
        where = ", ".join(monitor.namespaces or ())
        what = f"looks into {where}, the pods are in {fitting[0].namespace}"
        yield frozenset(), Broken("namespaceSelector", what, fix)
    elif not pods:
        fix = _label_fix(monitor, [pod.labels for pod in monitoring.pods], "selector")
        yield (
            frozenset(),
            Broken("selector", f"no DNS pod is labelled {described(monitor.selector)}", fix),
        )
    else:
        for endpoint in monitor.endpoints:
            target = endpoint.port or endpoint.target or ""
            yield _resolved(pods, target, f"{{}} in podMetricsEndpoints of {monitor.full_name}")


def _target_fix(service: Service) -> str:
    return f"targetPort: {{}} in {service.full_name}"


def _through(service: Service, target: int | str, fix: str, monitoring: Monitoring) -> Result:
    """Return which pods are reached at a port of the containers behind a Service; `fix` as of `_resolved`."""
    if not service.selector:
        known = {pod.address: pod for pod in monitoring.pods}
        pods = [known[address] for address in service.endpoints if address in known]
    else:
        pods = _selected(service.selector, service.namespace, monitoring.pods)
    if not pods:
        what = f"{service.full_name} selects no pod: {_joined(service.selector)}"
        return frozenset(), Broken("Service", what, _selector_fix(service, monitoring.pods))
    reached, broken = _resolved(pods, target, fix)
    absent = [pod.name for pod in pods if pod.address not in service.endpoints]
    stale = sorted(_stale(service, pods))
    if broken is None and (absent or stale):
        what = f"lists no {absent[0]}" if absent else f"lists {stale[0]}, which is no pod's that it selects"
        broken = Broken(
            "EndpointSlice",
            f"of {service.full_name} {what}",
            f"delete the EndpointSlices of {service.full_name}: their controller makes them anew",
        )
    return (reached if broken is None else frozenset()), broken


def _stale(service: Service, pods: Sequence[DNSPod]) -> Iterator[str]:
    """Yield the addresses that a Service lists and that are none of these pods'.

    Of the pods' addresses only the first is known: of the other family, where there is one, the name counts.
    """
    addresses = {pod.name: pod.address for pod in pods}
    for address, name in service.endpoints.items():
        first = addresses.get(name)
        same_family = first is None or (":" in first) == (":" in address)
        if same_family and address not in addresses.values():
            yield address


def _resolved(pods: Sequence[DNSPod], target: int | str, fix: str) -> Result:
    """Return which metrics ports of pods a number or name stands for; `fix` has a place for the right one."""
    unnamed = [pod for pod in pods if isinstance(target, str) and target not in pod.ports]
    if unnamed:
        pod = unnamed[0]
        names = ", ".join(f"{name} ({number})" for name, number in pod.ports.items()) or "none"
        what = f"no container port of {pod.full_name} is called {target!r}: there are {names}"
        return frozenset(), Broken("port", what, f"set {fix.format(_metrics(pod))}")
    numbers = [(pod, pod.ports[target] if isinstance(target, str) else target) for pod in pods]
    for pod, number in numbers:
        if number not in pod.metrics_ports:
            return frozenset(), Broken("port", _no_metrics(pod, number), f"set {fix.format(_metrics(pod))}")
    return frozenset((pod.full_name, number) for pod, number in numbers), None


def _wrong_port(pods: Sequence[DNSPod], port: str, link: str, fix: str) -> Broken | None:
    for pod in pods:
        if not port.isdecimal() or int(port) not in pod.metrics_ports:
            return Broken(link, _no_metrics(pod, port), fix.format(_metrics(pod)))
    return None


def _no_metrics(pod: DNSPod, port: int | str) -> str:
    ports = " and ".join(f"{port.number} ({port.container})" for port in pod.metrics) or "no port"
    return f"port {port} of {pod.full_name} has no metrics: {ports} has them"


def _metrics(pod: DNSPod) -> int:
    return pod.metrics[0].number if pod.metrics else 0


def _selected(selector: Mapping[str, str], namespace: str, pods: Sequence[DNSPod]) -> list[DNSPod]:
    there = (pod for pod in pods if selector and pod.namespace == namespace)
    return [pod for pod in there if selector.items() <= pod.labels.items()]


def _label_fix(monitor: Monitor, there: Sequence[Mapping[str, str]], what: str) -> str:
    """Return the change of a selector that is nearest to labels that exist."""
    for name, value in (monitor.selector.get("matchLabels") or {}).items():
        values = [labels[name] for labels in there if name in labels and DNS_WORDS.search(labels[name])]
        if value not in values and values:
            return f"set {what}.matchLabels {name}: {_nearest(value, values)} in {monitor.full_name}"
    return f"make the {what} of {monitor.full_name} that of the labels that are there"


def _selector_fix(service: Service, pods: Sequence[DNSPod]) -> str:
    for name, value in service.selector.items():
        values = [pod.labels[name] for pod in pods if name in pod.labels]
        if values and value not in values:
            return f"set selector {name}: {_nearest(value, values)} in {service.full_name}"
    return f"make the selector of {service.full_name} that of its pods' labels"


def _acceptance(monitor: Monitor, prometheus: Prometheus) -> str:
    """Return what makes a Prometheus take a monitor."""
    selector = prometheus.selectors.get(monitor.kind)
    if selector is None:
        field_ = f"{monitor.kind[0].lower()}{monitor.kind[1:]}Selector"
        return f"set {field_}: {{}} in Prometheus {prometheus.namespace}/{prometheus.name}"
    if not matches(selector, monitor.labels):
        labels = _joined(selector.get("matchLabels") or {}) or described(selector)
        return f"label {monitor.full_name} {labels}"
    return f"let Prometheus {prometheus.namespace}/{prometheus.name} look into namespace {monitor.namespace}"


def _nearest(word: str, words: Sequence[str]) -> str:
    """Return the word of several that is most like a given one."""
    metrics = [word for word in words if _METRICS_NAME.search(word)]
    return (get_close_matches(word, words, n=1) or metrics or sorted(words) or ["?"])[0]


def _said(service: Service) -> str:
    return f"{service.name} {dict(service.labels)} {dict(service.selector)}"


def _joined(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())
