"""Services and their endpoints -> the records that DNS must have for them.

Source: Kubernetes DNS-Based Service Discovery 1.1.0 (kubernetes/dns, docs/specification.md);
the numbers in this module are its clauses.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = "1.1.0"
FAMILIES = {4: "A", 6: "AAAA"}
_FAMILY_NAMES = {"IPv4": "A", "IPv6": "AAAA"}

_SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a Service, or of an EndpointSlice.

    Attributes:
        name: "" for an unnamed one.
        protocol: In lower case.
        number: The Service's own port, or the endpoints'.
    """

    name: str
    protocol: str
    number: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a Service.

    Attributes:
        address: In canonical form.
        hostname: "" where it has none of its own.
        ready: Whether it counts.
        ports: Of its slice.
    """

    address: str
    hostname: str
    ready: bool
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A Service with its endpoints.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        ports: Its ports.
        addresses: Its cluster IPs; none for a headless one.
        external: The name that it stands for, "" unless it is of type ExternalName.
        endpoints: Those of all its EndpointSlices.
        family: The type of its first family's addresses, "A" or "AAAA"; "" where none is known.
    """

    name: str
    namespace: str
    ports: tuple[Port, ...] = ()
    addresses: tuple[str, ...] = ()
    external: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    family: str = ""

    @property
    def headless(self) -> bool:
        """Whether its endpoints are what its name stands for."""
        return not self.addresses and not self.external

    @property
    def ready(self) -> tuple[Endpoint, ...]:
        """The endpoints that count."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.ready)


@dataclass(frozen=True, slots=True)
class Generated:
    """Data with a name that the implementation makes up for an endpoint without a hostname (2.1).

    Attributes:
        service: The domain that it must be directly below.
        address: The one address that it must stand for.
        port: In front of it in an SRV record; None in a PTR.
    """

    service: str
    address: str
    port: int | None = None

    def __str__(self) -> str:
        port = "" if self.port is None else f"{self.port} "
        return f"{port}<any>.{self.service} (with address {self.address})"


Data = str | Generated
"""A record's data as `Record.comparable` has it, or what it must be like."""

Records = Mapping[tuple[str, str], frozenset[Data]]
"""(owner, type) -> data; owners are absolute and in lower case."""


@dataclass(frozen=True, slots=True)
class Zone:
    """The cluster domain, e.g. "cluster.local", and its names."""

    name: str

    @property
    def apex(self) -> str:
        """The domain itself, absolute."""
        return f"{self.name.lower()}."

    def service(self, service: Service) -> str:
        """Return the name of a Service."""
        return f"{service.name}.{service.namespace}.svc.{self.apex}".lower()

    def hostname(self, service: Service, hostname: str) -> str:
        """Return the name of an endpoint."""
        return f"{hostname}.{self.service(service)}".lower()

    def port(self, service: Service, port: Port) -> str:
        """Return the owner of the SRV records of a named port."""
        return f"_{port.name}._{port.protocol}.{self.service(service)}".lower()

    def pod(self, namespace: str, address: str) -> str:
        """Return the name of a pod's address (2.6)."""
        return f"{address.replace('.', '-').replace(':', '-')}.{namespace}.pod.{self.apex}".lower()

    def version(self) -> str:
        """Return the owner of the record of the schema's version (2.2)."""
        return f"dns-version.{self.apex}"


def read_services(
    services: Iterable[Mapping[str, Any]], slices: Iterable[Mapping[str, Any]]
) -> tuple[Service, ...]:
    """Return Services from API objects (v1 Service, discovery.k8s.io/v1 EndpointSlice)."""
    behind: dict[tuple[str, str], list[Endpoint]] = {}
    for one in slices:
        metadata = one["metadata"]
        name = (metadata.get("labels") or {}).get(_SERVICE_LABEL)
        if name and one.get("addressType") in ("IPv4", "IPv6"):
            behind.setdefault((metadata["namespace"], name), []).extend(_endpoints(one))
    return tuple(
        _service(one, behind.get((one["metadata"]["namespace"], one["metadata"]["name"]), ()))
        for one in services
    )


def records_of(service: Service, zone: Zone) -> Records:
    """Return every record that a Service must have."""
    found: dict[tuple[str, str], set[Data]] = {}
    for owner, rtype, data in _records(service, zone):
        found.setdefault((owner, rtype), set()).add(data)
    return {key: frozenset(data) for key, data in found.items()}


def merged(all_records: Iterable[Records]) -> Records:
    """Return the records of many Services; an address that several share has a PTR record for each."""
    found: dict[tuple[str, str], frozenset[Data]] = {}
    for records in all_records:
        for key, data in records.items():
            found[key] = found.get(key, frozenset()) | data
    return found


def reverse(address: str) -> str:
    """Return the name that an address has in in-addr.arpa or ip6.arpa, absolute."""
    return f"{ipaddress.ip_address(address).reverse_pointer}."


def address_type(address: str) -> str:
    """Return the type of record that holds an address: "A" or "AAAA"."""
    return FAMILIES[ipaddress.ip_address(address).version]


def _records(service: Service, zone: Zone) -> Iterator[tuple[str, str, Data]]:
    owner = zone.service(service)
    if service.external:  # 2.5
        yield owner, "CNAME", f"{service.external.lower().rstrip('.')}."
        return
    for address in service.addresses:
        yield owner, address_type(address), address  # 2.3.1
        yield reverse(address), "PTR", owner  # 2.3.3
        for port in service.ports:
            if port.name:
                yield zone.port(service, port), "SRV", f"{port.number} {owner}"  # 2.3.2
    if service.headless:
        for endpoint in service.ready:
            yield from _of_endpoint(service, endpoint, zone)


def _of_endpoint(service: Service, endpoint: Endpoint, zone: Zone) -> Iterator[tuple[str, str, Data]]:
    owner, rtype = zone.service(service), address_type(endpoint.address)
    name = zone.hostname(service, endpoint.hostname) if endpoint.hostname else None
    yield owner, rtype, endpoint.address  # 2.4.1
    if name:
        yield name, rtype, endpoint.address  # 2.4.1
    yield reverse(endpoint.address), "PTR", name or Generated(owner, endpoint.address)  # 2.4.3
    for port in endpoint.ports:
        if port.name:  # 2.4.2
            target = f"{port.number} {name}" if name else Generated(owner, endpoint.address, port.number)
            yield zone.port(service, port), "SRV", target


def _service(one: Mapping[str, Any], endpoints: Iterable[Endpoint]) -> Service:
    spec = one["spec"]
    external = spec.get("type") == "ExternalName"
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return Service(
        name=one["metadata"]["name"],
        namespace=one["metadata"]["namespace"],
        ports=tuple(_ports(spec.get("ports"))),
        addresses=()
        if external
        else tuple(_canonical(ip) for ip in addresses if ip and ip.lower() != "none"),
        external=spec.get("externalName", "") if external else "",
        endpoints=tuple(endpoints),
        family=_FAMILY_NAMES.get(next(iter(spec.get("ipFamilies") or ()), ""), ""),
    )


def _endpoints(one: Mapping[str, Any]) -> Iterator[Endpoint]:
    ports = tuple(_ports(one.get("ports")))
    for endpoint in one.get("endpoints") or ():
        # "nil should be interpreted as true" (k8s.io/api/discovery/v1).
        ready = (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]:
            yield Endpoint(_canonical(address), endpoint.get("hostname") or "", ready, ports)


def _ports(ports: Iterable[Mapping[str, Any]] | None) -> Iterator[Port]:
    for port in ports or ():
        if port.get("port") is not None:
            yield Port(port.get("name") or "", (port.get("protocol") or "TCP").lower(), port["port"])


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))
