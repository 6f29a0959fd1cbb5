"""Headless Services of the run that are created, changed and deleted while their names are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.templates import as_endpoints
from clusterdns.cluster.workload import Workload
from clusterdns.measuring.record_objects import SLICES, RecordObjects
from clusterdns.parallel import in_parallel


@dataclass(frozen=True)
class ServiceChanges:
    """Makes headless Services with endpoints out of the run's network, and changes them.

    Attributes:
        cluster: Where.
        workload: Owns what is made.
        objects: The Services that are asked for; those made here are newer, and in the same namespace.
        zone: The cluster domain.
        network: The addresses of endpoints, as they begin.
        reads_endpoints: As of `DNSProfile`.
    """

    cluster: Cluster
    workload: Workload
    objects: RecordObjects
    zone: str
    network: str
    reads_endpoints: bool

    def create(self, service: str, hostnames: Sequence[str], address: str) -> None:
        """Create a Service whose endpoints all have the same address."""
        manifests = _manifests(service, [(hostname, address) for hostname in hostnames])
        if self.reads_endpoints:
            manifests += as_endpoints(manifests[1:])
        in_parallel(
            lambda manifest: self.cluster.create(self.workload.owned(manifest, self.objects.namespace)),
            manifests,
        )

    def move(self, service: str, hostname: str, address: str) -> None:
        """Give a Service another endpoint."""
        (slice_,) = _manifests(service, [(hostname, address)])[1:]
        patches = [("endpointslices", slice_["metadata"]["name"], {"endpoints": slice_["endpoints"]}, SLICES)]
        if self.reads_endpoints:
            patches += [
                ("endpoints", service, {"subsets": endpoints["subsets"]}, "v1")
                for endpoints in as_endpoints([slice_])
            ]
        for resource, name, patch, api in patches:
            self.cluster.patch(resource, name, patch, self.objects.namespace, api=api)

    def delete(self, service: str) -> None:
        """Delete a Service."""
        manifest = _manifests(service, [])[0]
        self.cluster.delete(self.workload.owned(manifest, self.objects.namespace))

    def name(self, hostname: str, service: str) -> str:
        """Return the name of an endpoint."""
        return f"{hostname}.{service}.{self.objects.namespace}.svc.{self.zone}."

    def address(self, number: int) -> str:
        """Return an address of the run's network."""
        return f"{self.network}.{number}"


def _manifests(name: str, endpoints: Sequence[tuple[str, str]]) -> list[Object]:
    """Return a headless Service and its slice of endpoints (hostname, address)."""
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"clusterIP": "None", "ports": ports},
        },
        {
            "apiVersion": SLICES,
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [address], "hostname": hostname} for hostname, address in endpoints],
        },
    ]
