from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterdns.model.monitoring import Monitor, MonitorEndpoint, Monitoring, Prometheus, Service, ServicePort
from clusterdns.model.scraping import DNSPod, MetricsPort
from clusterdns.model.selectors import Chain, evaluate

SYSTEM = "kube-system"
RELEASE = {"matchLabels": {"release": "stack"}}
NODE_CACHE = {"k8s-app": "node-local-dns"}
_ANEW = "delete the EndpointSlices of Service kube-system/node-local-dns: their controller makes them anew"


def pod(name: str, address: str, **more: Any) -> DNSPod:
    given: dict[str, Any] = {
        "labels": NODE_CACHE,
        "ports": {"dns": 53, "metrics": 9253},
        "metrics": (MetricsPort(9253, "node-cache", (), repeated_at=9353),),
    }
    return DNSPod(SYSTEM, name, "DaemonSet node-local-dns", "node-1", address, **(given | more))


PODS = (pod("cache-a", "10.0.0.1"), pod("cache-b", "10.0.0.2"))
SERVICE = Service(
    name="node-local-dns",
    namespace=SYSTEM,
    labels=NODE_CACHE,
    selector=NODE_CACHE,
    ports=(ServicePort("metrics", 9253, 9253),),
    endpoints={"10.0.0.1": "cache-a", "10.0.0.2": "cache-b"},
)
MONITOR = Monitor(
    kind="ServiceMonitor",
    name="node-local-dns",
    namespace="monitoring",
    labels={"release": "stack"},
    selector={"matchLabels": NODE_CACHE},
    namespaces=(SYSTEM,),
    endpoints=(MonitorEndpoint("metrics", None),),
)
PROMETHEUS = Prometheus(
    "lab",
    "monitoring",
    {"ServiceMonitor": RELEASE, "PodMonitor": RELEASE},
    {"ServiceMonitor": {}, "PodMonitor": {}},
)
WHOLE = Monitoring(PODS, (SERVICE,), (MONITOR,), (PROMETHEUS,), {"monitoring": {}, SYSTEM: {}})
REACHED = frozenset({("kube-system/cache-a", 9253), ("kube-system/cache-b", 9253)})


def chains(found: Monitoring) -> dict[str, Chain]:
    return {chain.subject: chain for chain in evaluate(found)}


def of_monitor(monitor: Monitor, **more: Any) -> Chain:
    return chains(replace(WHOLE, monitors=(monitor,), **more))[monitor.full_name]


def test_a_chain_that_holds_reaches_every_pod() -> None:
    for subject in ("Service kube-system/node-local-dns", "ServiceMonitor monitoring/node-local-dns"):
        assert chains(WHOLE)[subject] == Chain(subject, REACHED)


@pytest.mark.parametrize(
    ("change", "link", "found", "fix"),
    [
        (
            {"selector": {"matchLabels": {"k8s-app": "nodelocaldns"}}},
            "selector",
            "no Service is labelled k8s-app=nodelocaldns",
            "set selector.matchLabels k8s-app: node-local-dns in ServiceMonitor monitoring/node-local-dns",
        ),
        (
            {"namespaces": ("monitoring",)},
            "namespaceSelector",
            "looks into monitoring, Service kube-system/node-local-dns is in kube-system",
            "set namespaceSelector.matchNames: [kube-system] in ServiceMonitor monitoring/node-local-dns",
        ),
        (
            {"endpoints": (MonitorEndpoint("http-metrics", None),)},
            "port",
            "no port 'http-metrics' in Service kube-system/node-local-dns, which has metrics",
            "set port: metrics in ServiceMonitor monitoring/node-local-dns",
        ),
        (
            {"labels": {}},
            "Prometheus",
            "Prometheus lab selects ServiceMonitors labelled release=stack",
            "label ServiceMonitor monitoring/node-local-dns release=stack",
        ),
    ],
)
def test_the_first_link_that_breaks_is_named_with_its_fix(
    change: dict[str, Any], link: str, found: str, fix: str
) -> None:
    chain = of_monitor(replace(MONITOR, **change))
    assert chain.broken is not None
    assert (chain.broken.link, chain.broken.found, chain.broken.fix) == (link, found, fix)
    assert not chain.reaches or link == "Prometheus"


@pytest.mark.parametrize(
    ("selectors", "within", "found"),
    [
        (None, {}, "selects no ServiceMonitors at all"),
        ({}, None, "looks into namespace other only"),
        ({}, {"matchLabels": {"team": "dns"}}, "looks into namespaces labelled team=dns"),
    ],
)
def test_a_prometheus_may_look_past_a_monitor(selectors: Any, within: Any, found: str) -> None:
    prometheus = Prometheus("p", "other", {"ServiceMonitor": selectors}, {"ServiceMonitor": within})
    chain = of_monitor(MONITOR, prometheuses=(prometheus,))
    assert chain.broken is not None
    assert chain.broken.found == f"Prometheus p {found}"
    assert of_monitor(MONITOR, prometheuses=(prometheus, PROMETHEUS)).broken is None
    assert of_monitor(MONITOR, prometheuses=()).broken is None  # something else reads them


@pytest.mark.parametrize(
    ("change", "found", "fix"),
    [
        (
            {"selector": {"k8s-app": "node-local-dn"}},
            "Service kube-system/node-local-dns selects no pod: k8s-app=node-local-dn",
            "set selector k8s-app: node-local-dns in Service kube-system/node-local-dns",
        ),
        (
            {"ports": (ServicePort("metrics", 9253, "prom"),)},
            "no container port of kube-system/cache-a is called 'prom': there are dns (53), metrics (9253)",
            "set targetPort: 9253 in Service kube-system/node-local-dns",
        ),
        (
            {"ports": (ServicePort("metrics", 9153, 9153),)},
            "port 9153 of kube-system/cache-a has no metrics: 9253 (node-cache) has them",
            "set targetPort: 9253 in Service kube-system/node-local-dns",
        ),
        (
            {"endpoints": {"10.0.0.1": "cache-a"}},
            "of Service kube-system/node-local-dns lists no cache-b",
            _ANEW,
        ),
        (
            {"endpoints": {**SERVICE.endpoints, "10.0.0.9": ""}},
            "of Service kube-system/node-local-dns lists 10.0.0.9, which is no pod's that it selects",
            _ANEW,
        ),
    ],
)
def test_a_broken_service_breaks_its_monitor_too(change: dict[str, Any], found: str, fix: str) -> None:
    evaluated = evaluate(replace(WHOLE, services=(replace(SERVICE, **change),)))
    assert [chain.subject.split()[0] for chain in evaluated] == ["Service", "ServiceMonitor"]
    for chain in evaluated:
        assert chain.broken is not None
        assert (chain.broken.found, chain.broken.fix) == (found, fix)


@pytest.mark.parametrize("target", ["metrics", 9253])
def test_a_target_port_need_not_be_the_services(target: int | str) -> None:
    """Prometheus discovers every container port of the pods that a Service lists."""
    dns = replace(SERVICE, ports=(ServicePort("dns", 53, 53),))
    monitor = replace(MONITOR, endpoints=(MonitorEndpoint("", target),))
    assert of_monitor(monitor, services=(dns,)) == Chain(monitor.full_name, REACHED)


@pytest.mark.parametrize(
    ("endpoint", "found", "fix"),
    [
        (
            MonitorEndpoint("", "http"),
            "no container port of kube-system/cache-a is called 'http': there are dns (53), metrics (9253)",
            "set targetPort: 9253 in endpoints of ServiceMonitor monitoring/node-local-dns",
        ),
        (
            MonitorEndpoint("", 9153),
            "port 9153 of kube-system/cache-a has no metrics: 9253 (node-cache) has them",
            "set targetPort: 9253 in endpoints of ServiceMonitor monitoring/node-local-dns",
        ),
        (
            MonitorEndpoint("metrics", None),
            "no port 'metrics' in Service kube-system/node-local-dns, which has dns",
            "set targetPort: 9253 instead of port in endpoints of ServiceMonitor monitoring/node-local-dns",
        ),
    ],
)
def test_a_port_of_a_monitor_that_reaches_nothing(endpoint: MonitorEndpoint, found: str, fix: str) -> None:
    dns = replace(SERVICE, ports=(ServicePort("dns", 53, 53),))
    broken = of_monitor(replace(MONITOR, endpoints=(endpoint,)), services=(dns,)).broken
    assert broken is not None
    assert (broken.found, broken.fix) == (found, fix)


def test_a_port_without_a_name_is_given_one() -> None:
    unnamed = replace(SERVICE, ports=(ServicePort("", 9253, 9253),))
    broken = of_monitor(MONITOR, services=(unnamed,)).broken
    assert broken is not None
    assert broken.fix.startswith("name port 9253 of Service kube-system/node-local-dns 'metrics'")


def test_a_pod_has_an_address_of_the_other_family_too() -> None:
    both = {**SERVICE.endpoints, "fd00::1": "cache-a", "fd00::2": "cache-b"}
    assert of_monitor(MONITOR, services=(replace(SERVICE, endpoints=both),)).reaches == REACHED
    stray = {**SERVICE.endpoints, "fd00::9": "somebody"}
    broken = of_monitor(MONITOR, services=(replace(SERVICE, endpoints=stray),)).broken
    assert broken is not None
    assert "lists fd00::9" in broken.found


def test_a_pod_monitor_needs_no_service() -> None:
    monitor = replace(MONITOR, kind="PodMonitor")
    assert of_monitor(monitor, services=()).reaches == REACHED
    nowhere = of_monitor(replace(monitor, selector={"matchLabels": {"k8s-app": "kube-dns"}}))
    assert nowhere.broken is not None
    assert nowhere.broken.fix.startswith("set selector.matchLabels k8s-app: node-local-dns")
    elsewhere = of_monitor(replace(monitor, namespaces=("monitoring",)))
    assert elsewhere.broken is not None
    assert elsewhere.broken.link == "namespaceSelector"


def test_annotations_name_a_port_that_has_metrics() -> None:
    def annotated(port: str) -> Chain:
        said = {"prometheus.io/scrape": "true", "prometheus.io/port": port}
        return chains(Monitoring((replace(PODS[0], annotations=said),)))[
            "annotations of DaemonSet node-local-dns"
        ]

    assert annotated("9253").reaches == {("kube-system/cache-a", 9253)}
    assert annotated("9353").broken is None
    for wrong in ("9153", "metrics"):
        broken = annotated(wrong).broken
        assert broken is not None
        assert broken.fix == 'annotate its pods prometheus.io/port: "9253"'


def test_what_means_something_else_is_left_alone() -> None:
    other = replace(MONITOR, name="api", selector={"matchLabels": {"app": "api"}})
    dns = replace(SERVICE, name="kube-dns", ports=(ServicePort("dns", 53, 53),))
    found = replace(WHOLE, services=(dns,), monitors=(other,))
    assert evaluate(found) == []
