"""API objects -> what is to scrape the cluster's DNS pods."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.dns_pods import dns_namespaces, dns_pods
from clusterdns.model.monitoring import (
    Monitor,
    MonitorEndpoint,
    Monitoring,
    Prometheus,
    Service,
    ServicePort,
)

GROUP = "monitoring.coreos.com"
_API = f"{GROUP}/v1"
_AGENT_API = f"{GROUP}/v1alpha1"
_SERVICE_NAME = "kubernetes.io/service-name"
_KINDS = ("ServiceMonitor", "PodMonitor")


def read_monitoring(cluster: Cluster, namespaces: Iterable[str] | None = None) -> Monitoring:
    """Return the objects that have a part in scraping DNS pods; monitors where there is such a thing.

    Args:
        cluster: Whose.
        namespaces: With DNS; found where they are not given.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: something may not be listed.
    """
    where = tuple(dns_namespaces(cluster) if namespaces is None else namespaces)

    def listed(resource: str, api: str = "v1") -> list[Object]:
        return [one for name in where for one in cluster.list(resource, api=api, namespace=name)]

    with ThreadPoolExecutor() as pool:
        pods = pool.submit(dns_pods, cluster, where)
        services = pool.submit(listed, "services")
        slices = pool.submit(listed, "endpointslices", "discovery.k8s.io/v1")
        versions = cluster.served(GROUP)
        known = "v1" in versions
        monitors = [pool.submit(_monitors, cluster, kind) for kind in _KINDS if known]
        stores = (("prometheuses", _API), ("prometheusagents", _AGENT_API))
        prometheuses = [pool.submit(_prometheuses, cluster, *store) for store in stores if known]
        spaces = cluster.list("namespaces") if known else ()
        missing = f"serves {GROUP} as {', '.join(versions)} only" if versions else f"knows no {GROUP}"
        return Monitoring(
            pods=tuple(pods.result()),
            services=tuple(_services(services.result(), slices.result())),
            monitors=tuple(one for job in monitors for one in job.result()),
            prometheuses=tuple(one for job in prometheuses for one in job.result()),
            namespaces={one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in spaces},
            missing="" if known else f"the cluster {missing}: ServiceMonitors and PodMonitors are left out",
        )


def _listed(cluster: Cluster, resource: str, api: str) -> Iterator[Object]:
    """Yield the objects of a resource, none where the cluster does not know it."""
    return cluster.list(resource, api=api, missing_ok=True)


def _services(services: Iterable[Object], slices: Iterable[Object]) -> Iterator[Service]:
    endpoints: dict[tuple[str, str], dict[str, str]] = {}
    for one in slices:
        service = (one["metadata"].get("labels") or {}).get(_SERVICE_NAME, "")
        there = endpoints.setdefault((one["metadata"]["namespace"], service), {})
        for endpoint in one.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("terminating"):
                continue  # its pod is being deleted, and is not among those that are selected
            pod = (endpoint.get("targetRef") or {}).get("name", "")
            there.update(dict.fromkeys(endpoint["addresses"], pod))
    for one in services:
        metadata, spec = one["metadata"], one["spec"]
        yield Service(
            name=metadata["name"],
            namespace=metadata["namespace"],
            labels=metadata.get("labels") or {},
            selector=spec.get("selector") or {},
            ports=tuple(
                ServicePort(port.get("name", ""), port["port"], port.get("targetPort") or port["port"])
                for port in spec.get("ports") or ()
            ),
            endpoints=endpoints.get((metadata["namespace"], metadata["name"]), {}),
        )


def _monitors(cluster: Cluster, kind: str) -> list[Monitor]:
    return [_monitor(kind, one) for one in _listed(cluster, f"{kind.lower()}s", _API)]


def _monitor(kind: str, one: Object) -> Monitor:
    metadata, spec = one["metadata"], one["spec"]
    within = spec.get("namespaceSelector") or {}
    names = tuple(within.get("matchNames") or (metadata["namespace"],))
    endpoints = spec.get("endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints") or ()
    return Monitor(
        kind=kind,
        name=metadata["name"],
        namespace=metadata["namespace"],
        labels=metadata.get("labels") or {},
        selector=spec.get("selector") or {},
        namespaces=None if within.get("any") else names,
        endpoints=tuple(
            MonitorEndpoint(one.get("port", ""), one.get("portNumber") or one.get("targetPort"))
            for one in endpoints
        ),
    )


def _prometheuses(cluster: Cluster, resource: str, api: str) -> list[Prometheus]:
    return [_prometheus(one) for one in _listed(cluster, resource, api)]


def _prometheus(one: Object) -> Prometheus:
    metadata, spec = one["metadata"], one["spec"]

    def said(suffix: str) -> Mapping[str, Mapping[str, object] | None]:
        return {kind: spec.get(f"{kind[0].lower()}{kind[1:]}{suffix}") for kind in _KINDS}

    return Prometheus(metadata["name"], metadata["namespace"], said("Selector"), said("NamespaceSelector"))
