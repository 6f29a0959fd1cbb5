"""What the suite may do with the Kubernetes API, in groups that checks name.

manifests/rbac/ grants each profile exactly what its checks use; a unit test compares the two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterdns.cluster.api import NAMESPACE


@dataclass(frozen=True, slots=True)
class Permission:
    """To do something with a resource.

    Attributes:
        group: The API group; "" is the core group.
        resource: For example "pods", or "pods/exec".
        verbs: What is done.
        namespace: Where; "" is every namespace.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions that belong together.

    Attributes:
        purpose: What they are for, as it follows "to".
        permissions: Which.
    """

    purpose: str
    permissions: tuple[Permission, ...]


_READ = ("get", "list")
_MONITORING = "monitoring.coreos.com"

OBJECTS = Grant(
    "read what serves DNS",
    (
        Permission("", "configmaps", _READ),
        Permission("", "events", _READ),
        Permission("", "nodes", _READ),
        Permission("", "pods", _READ),
        Permission("", "services", _READ),
        Permission("apps", "daemonsets", _READ),
        Permission("apps", "deployments", _READ),
        Permission("discovery.k8s.io", "endpointslices", _READ),
        Permission("policy", "poddisruptionbudgets", _READ),
    ),
)
PROBES = Grant(
    "make probe pods and run queries in them",
    (
        Permission("", "configmaps", ("create",)),
        Permission("", "namespaces", ("get", "list", "create", "delete")),
        Permission("", "pods", ("create", "delete", "deletecollection")),
        # Over WebSockets the API server asks for "get", and from 1.35 for "create" too.
        Permission("", "pods/exec", ("get", "create")),
        Permission("", "serviceaccounts", ("get",)),
        Permission("", "services", ("create",)),
    ),
)
RECORD_OBJECTS = Grant(
    "make the Services whose records are asked for",
    (
        Permission("", "services", ("create", "patch")),
        Permission("", "endpoints", ("create",)),
        Permission("apps", "statefulsets", ("create",)),
        Permission("discovery.k8s.io", "endpointslices", ("create",)),
    ),
)
RECORD_CHANGES = Grant(
    "change and delete Services while their names are asked for",
    (
        Permission("", "endpoints", ("patch",)),
        Permission("", "services", ("delete",)),
        Permission("discovery.k8s.io", "endpointslices", ("patch",)),
    ),
)
METRICS = Grant(
    "read metrics of DNS pods, and what a Prometheus says of its targets",
    (
        Permission("", "pods/proxy", ("get",)),
        Permission("", "services/proxy", ("get",)),
    ),
)
MONITORS = Grant(
    "read what the Prometheus operator is told",
    (
        Permission("", "namespaces", ("list",)),
        *(
            Permission(_MONITORING, resource, ("list",))
            for resource in ("podmonitors", "prometheusagents", "prometheuses", "servicemonitors")
        ),
    ),
)
DEBUG_COPY = Grant(
    "make and remove a copy of kube-dns that logs queries",
    (
        Permission("apps", "deployments", ("create", "delete"), NAMESPACE),
        Permission("", "services", ("delete",), NAMESPACE),
        Permission(_MONITORING, "servicemonitors", ("get", "list", "create", "delete"), NAMESPACE),
    ),
)

DISRUPTION = Grant(
    "evict DNS pods and delete node caches, which their controllers replace",
    (
        Permission("", "pods", ("delete",), NAMESPACE),
        Permission("", "pods/eviction", ("create",), NAMESPACE),
    ),
)


def verbs(grants: Iterable[Grant]) -> Iterator[tuple[Permission, str]]:
    """Yield each permission and verb of the grants once."""
    return iter(
        dict.fromkeys(
            (permission, verb)
            for grant in grants
            for permission in grant.permissions
            for verb in permission.verbs
        )
    )
