"""Cilium's local redirect policies: they send queries to a node cache although no interface has the address.

Source: docs.cilium.io, Local Redirect Policy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.inventory import addresses_of
from clusterdns.cluster.objects import mapping, name_of, text
from clusterdns.model.labels import matches

_API = "cilium.io/v2"


@dataclass(frozen=True, slots=True)
class Redirect:
    """A policy.

    Attributes:
        name: Its kind and its name as "namespace/name".
        namespace: Of the policy, and of the pods that it redirects to.
        selector: Of these pods.
        address: That is redirected; "" where a Service's addresses are.
        service: (namespace, name) of that Service; ("", "") where an address is.
    """

    name: str
    namespace: str
    selector: dict[str, Any]
    address: str
    service: tuple[str, str]

    def addresses(self, services: Sequence[Object]) -> list[str]:
        """Return the addresses that are redirected, given the Services of the Service's namespace."""
        if self.address:
            return [self.address]
        found = (
            addresses_of(one)
            for one in services
            if (text(one, "metadata", "namespace"), name_of(one)) == self.service
        )
        return next(found, [])

    def takes(self, namespace: str, labels: dict[str, str]) -> bool:
        """Return whether it redirects to pods with these labels."""
        return namespace == self.namespace and bool(self.selector) and matches(self.selector, labels)


def read_redirects(cluster: Cluster) -> list[Redirect]:
    """Return the policies of a cluster; none where it knows no such kind.

    Raises:
        PermissionMissing: they may not be listed.
    """
    return list(_redirects(cluster))


def _redirects(cluster: Cluster) -> Iterator[Redirect]:
    for one in cluster.list("ciliumlocalredirectpolicies", api=_API, missing_ok=True):
        namespace = text(one, "metadata", "namespace")
        frontend = mapping(one, "spec", "redirectFrontend")
        service = mapping(frontend, "serviceMatcher")
        yield Redirect(
            f"CiliumLocalRedirectPolicy {namespace}/{name_of(one)}",
            namespace,
            mapping(one, "spec", "redirectBackend", "localEndpointSelector"),
            text(frontend, "addressMatcher", "ip"),
            (text(service, "namespace") or namespace, text(service, "serviceName")) if service else ("", ""),
        )
