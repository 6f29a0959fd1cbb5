"""A Service as an implementation knows it that leaves out endpoints, by documented deviations."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from clusterdns.model.dns_profiles import Deviation, DNSProfile
from clusterdns.model.records import Endpoint, Service, address_type


def as_served(service: Service, profile: DNSProfile) -> Iterator[tuple[Service, Deviation]]:
    """Yield a headless Service with the endpoints that are known of it, and why others are not."""
    if not service.headless:
        return
    known = of_first_family(service, profile)
    if profile.one_family and known != service:
        yield known, profile.one_family
    if profile.one_of_a_hostname:
        by_hostname: dict[str, list[Endpoint]] = {}
        for endpoint in known.ready:
            by_hostname.setdefault(endpoint.hostname or endpoint.address, []).append(endpoint)
        for endpoints in product(*by_hostname.values()):
            if len(endpoints) < len(known.ready):
                yield replace(known, endpoints=endpoints), profile.one_of_a_hostname


def of_first_family(service: Service, profile: DNSProfile) -> Service:
    """Return a Service without the endpoints of its other family, where the implementation knows none."""
    if not (profile.one_family and service.family):
        return service
    of_family = (
        endpoint for endpoint in service.endpoints if address_type(endpoint.address) == service.family
    )
    return replace(service, endpoints=tuple(of_family))
