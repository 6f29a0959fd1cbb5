from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.selectors import read_monitoring
from clusterdns.model.monitoring import MonitorEndpoint
from clusterdns.model.selectors import evaluate
from tests.unit.cluster.objects import node_cache, pod, workload

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

SYSTEM = "/api/v1/namespaces/kube-system"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
GROUP = "/apis/monitoring.coreos.com"
LABELS = {"k8s-app": "node-local-dns"}


def serve(api_server: ApiServer, path: str, *objects: dict[str, Any]) -> None:
    api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": list(objects)}


def running(name: str, address: str) -> dict[str, Any]:
    made = pod(name, "node-local-dns", node_cache(), at=("node-1", address))
    made["metadata"] |= {"namespace": "kube-system", "labels": LABELS}
    made["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet"
    return made


@pytest.fixture
def dns(api_server: ApiServer) -> None:
    """A node cache behind a Service."""
    serve(api_server, f"{SYSTEM}/pods", running("cache-a", "10.0.0.1"))
    service = {
        "metadata": {"name": "node-local-dns", "namespace": "kube-system", "labels": LABELS},
        "spec": {"selector": LABELS, "ports": [{"name": "metrics", "port": 9253}]},
    }
    serve(api_server, f"{SYSTEM}/services", service)
    endpoint = {"addresses": ["10.0.0.1"], "targetRef": {"name": "cache-a"}}
    of = {"labels": {"kubernetes.io/service-name": "node-local-dns"}, "namespace": "kube-system"}
    serve(api_server, SLICES, {"metadata": of, "endpoints": [endpoint]})
    serve(api_server, "/api/v1/services", service)
    daemonset = workload("node-local-dns", node_cache(), **LABELS)
    daemonset["metadata"]["namespace"] = "kube-system"
    serve(api_server, "/apis/apps/v1/daemonsets", daemonset)


def monitor(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "dns", "namespace": "monitoring"}, "spec": spec}


@pytest.mark.usefixtures("dns")
@pytest.mark.parametrize(
    ("versions", "why"),
    [(None, "knows no monitoring.coreos.com"), (["v2"], "serves monitoring.coreos.com as v2 only")],
)
def test_without_its_resources_services_are_judged_all_the_same(
    api_server: ApiServer, cluster: Cluster, versions: list[str] | None, why: str
) -> None:
    if versions:
        api_server.answers[f"GET {GROUP}"] = 200, {"versions": [{"version": one} for one in versions]}
    found = read_monitoring(cluster)
    assert found.missing == f"the cluster {why}: ServiceMonitors and PodMonitors are left out"
    assert [str(chain) for chain in evaluate(found)] == [
        "Service kube-system/node-local-dns: reaches kube-system/cache-a:9253"
    ]


@pytest.mark.usefixtures("dns")
def test_monitors_and_prometheuses_of_all_namespaces_are_read(
    api_server: ApiServer, cluster: Cluster
) -> None:
    api_server.answers[f"GET {GROUP}"] = 200, {"versions": [{"version": "v1"}, {"version": "v1alpha1"}]}
    serve(
        api_server,
        f"{GROUP}/v1/servicemonitors",
        monitor(
            selector={"matchLabels": LABELS},
            namespaceSelector={"matchNames": ["kube-system"]},
            endpoints=[{"port": "metrics"}, {"targetPort": 9253}],
        ),
    )
    serve(
        api_server,
        f"{GROUP}/v1/podmonitors",
        monitor(namespaceSelector={"any": True}, podMetricsEndpoints=None),
    )
    serve(api_server, f"{GROUP}/v1/prometheuses", monitor(serviceMonitorSelector={}, podMonitorSelector=None))
    serve(api_server, "/api/v1/namespaces", {"metadata": {"name": "monitoring", "labels": {"a": "b"}}})
    found = read_monitoring(cluster)  # there are no PrometheusAgents in this cluster
    service_monitor, pod_monitor = found.monitors
    assert service_monitor.namespaces == ("kube-system",)
    assert service_monitor.endpoints == (MonitorEndpoint("metrics", None), MonitorEndpoint("", 9253))
    assert (pod_monitor.namespaces, pod_monitor.endpoints) == (None, ())
    assert found.prometheuses[0].selectors == {"ServiceMonitor": {}, "PodMonitor": None}
    assert found.namespaces == {"monitoring": {"a": "b"}}
    assert not any(chain.broken for chain in evaluate(found))


@pytest.mark.usefixtures("dns")
def test_a_dns_pod_is_described(cluster: Cluster) -> None:
    (found,) = read_monitoring(cluster).pods
    assert (found.workload, found.node, found.asks) == ("DaemonSet node-local-dns", "node-1", "169.254.20.10")
    assert found.metrics_ports == (9253, 9353)
