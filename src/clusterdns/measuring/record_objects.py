"""The Services that records are asked for: created, and read back as the cluster has them."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.templates import as_endpoints, fill_in
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.cluster.workload import Workload
from clusterdns.errors import ClusterError
from clusterdns.model.records import Endpoint, Service, read_services
from clusterdns.parallel import in_parallel
from clusterdns.suite import MANIFESTS

SLICES = "discovery.k8s.io/v1"

_CHANGED = "changed"
_BECOMES = {"spec": {"type": "ClusterIP", "externalName": None, "ports": [{"name": "http", "port": 80}]}}
# Services whose endpoints a controller makes out of pods -> how many are ready, and how many are not.
_OF_PODS = {"web": (2, 0), "published": (1, 0), "unpublished": (0, 1)}
_NEAR = 32  # addresses next to a Service's among which an unused one is looked for


@dataclass(frozen=True, slots=True)
class RecordObjects:
    """What is asked for.

    Attributes:
        namespace: Ours.
        services: Ours, and the API server's own, which every cluster has.
        unused: An address among the Services' that none has; "" where none is known.
        pod: The address of a pod in our namespace.
    """

    namespace: str
    services: Sequence[Service]
    unused: str
    pod: str


def create_record_objects(  # noqa: PLR0913 - all that manifests are filled in with
    cluster: Cluster,
    workload: Workload,
    *,
    networks: Mapping[str, str],
    zone: str,
    external_name: str,
    image: str,
    reads_endpoints: bool,
    timeout: float,
) -> RecordObjects:
    """Create the Services of manifests/records/ with their endpoints, and wait for those of pods.

    Args:
        cluster: To create them in.
        workload: Owns them.
        networks: Of the endpoints' addresses (`templates.network`).
        zone: The cluster domain.
        external_name: A name outside the cluster.
        image: Of the pods behind Services; it holds `sleep`.
        reads_endpoints: As of `DNSProfile`: then endpoints are given as Endpoints, too.
        timeout: Seconds until the pods' endpoints are there.

    Raises:
        ClusterError: an object is refused.
        DeadlineExceeded: the pods' endpoints did not come in time.
    """
    values = {**networks, "namespace": workload.namespace, "zone": zone, "external": external_name}
    files = sorted((MANIFESTS / "records").glob("*.yaml"))
    manifests = [manifest for path in files for manifest in fill_in(path, values)]
    if reads_endpoints:
        manifests += as_endpoints(manifest for manifest in manifests if manifest["kind"] == "EndpointSlice")
    for manifest in manifests:
        for container in _pod_spec(manifest).get("containers", ()):
            container["image"] = image
    in_parallel(lambda manifest: cluster.create(workload.owned(manifest, workload.namespace)), manifests)
    cluster.patch("services", _CHANGED, _BECOMES, workload.namespace)
    return wait_until(
        lambda: _read(cluster, workload.namespace), what="endpoints of the pods for records", timeout=timeout
    )


def check_unchanged(cluster: Cluster, objects: RecordObjects) -> None:
    """Make sure that what was asked for is what it was before.

    Raises:
        ClusterError: something of it was changed or deleted by somebody meanwhile.
    """
    now = _contents(read_services(*_list(cluster, objects.namespace)))
    for name, content in _contents(objects.services).items():
        if content != now.get(name):
            how = "changed" if name in now else "deleted"
            raise ClusterError(f"Service {name} was {how} by somebody while it was asked for: run again")


def _read(cluster: Cluster, namespace: str) -> RecordObjects:
    """Return what there is.

    Raises:
        NotYet: a controller has not made the endpoints of its pods.
    """
    manifests, slices = _list(cluster, namespace)
    services = read_services(manifests, slices)
    families = {
        manifest["metadata"]["name"]: len(manifest["spec"].get("ipFamilies") or ["IPv4"])
        for manifest in manifests
    }
    by_name = {service.name: service for service in services}
    for name, counts in _OF_PODS.items():
        ready, endpoints = len(by_name[name].ready), len(by_name[name].endpoints)
        required = tuple(count * families[name] for count in counts)
        if (ready, endpoints - ready) != required:
            raise NotYet(
                f"endpoints of {name} (ready, not ready): {(ready, endpoints - ready)}, to be {required}"
            )
    return RecordObjects(
        namespace=namespace,
        services=services,
        unused=_unused(cluster, by_name["plain"].addresses[0]),
        pod=by_name["web"].ready[0].address,
    )


def _list(cluster: Cluster, namespace: str) -> tuple[list[Object], list[Object]]:
    """Return Services and EndpointSlices of ours, and the API server's."""
    queries: list[tuple[str, dict[str, Any]]] = [
        ("services", {"namespace": namespace}),
        ("endpointslices", {"namespace": namespace, "api": SLICES}),
        ("services", {"namespace": "default", "fields": "metadata.name=kubernetes"}),
        (
            "endpointslices",
            {"namespace": "default", "api": SLICES, "labels": "kubernetes.io/service-name=kubernetes"},
        ),
    ]
    services, slices, servers_service, servers_slices = in_parallel(
        lambda query: list(cluster.list(query[0], **query[1])), queries
    )
    return services + servers_service, slices + servers_slices


def _contents(services: Iterable[Service]) -> dict[str, tuple[Service, frozenset[Endpoint]]]:
    """Return each Service by name, and its endpoints in no order."""
    return {
        f"{service.namespace}/{service.name}": (replace(service, endpoints=()), frozenset(service.endpoints))
        for service in services
    }


def _unused(cluster: Cluster, near: str) -> str:
    """Return an address close to a Service's that no Service has."""
    used = {
        address for service in cluster.list("services") for address in service["spec"].get("clusterIPs") or ()
    }
    start = ipaddress.ip_address(near)
    return next((str(start + step) for step in range(1, _NEAR) if str(start + step) not in used), "")


def _pod_spec(manifest: Object) -> Object:
    if manifest["kind"] == "Pod":
        return dict(manifest["spec"])
    return dict(manifest["spec"]["template"]["spec"]) if manifest["kind"] == "StatefulSet" else {}
