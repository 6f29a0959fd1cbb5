"""Whether a run can do what its profile needs, told before it does anything.

What a profile may do is listed here once; manifests/rbac/ grants exactly that, and a unit
test compares the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterdns.cluster.api import NAMESPACE, Cluster
from clusterdns.errors import PermissionMissing
from clusterdns.model.catalogue import INCLUDES, Profile
from clusterdns.parallel import in_parallel


@dataclass(frozen=True, slots=True)
class Permission:
    """To do `verbs` with a resource of an API group ("" is the core group)."""

    group: str
    resource: str  # "pods", or "pods/exec"
    verbs: tuple[str, ...]
    namespace: str = ""  # "" is every namespace


_READ = ("get", "list")

NEEDED: dict[Profile, tuple[Permission, ...]] = {
    Profile.AUDIT: (
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
    Profile.CORE: (
        Permission("", "configmaps", ("create",)),
        Permission("", "namespaces", ("get", "list", "create", "delete")),
        Permission("", "pods", ("create", "delete", "deletecollection")),
        # Over WebSockets the API server asks for "get", and from 1.35 for "create" too.
        Permission("", "pods/exec", ("get", "create")),
        # Metrics of DNS pods, and what their Prometheus says of its targets.
        Permission("", "pods/proxy", ("get",)),
        Permission("", "services/proxy", ("get",)),
        Permission("", "serviceaccounts", ("get",)),
        Permission("", "services", ("create", "patch")),
        Permission("", "endpoints", ("create",)),
        Permission("apps", "statefulsets", ("create",)),
        Permission("discovery.k8s.io", "endpointslices", ("create",)),
        *(
            Permission("monitoring.coreos.com", resource, ("list",))
            for resource in ("podmonitors", "prometheusagents", "prometheuses", "servicemonitors")
        ),
    ),
    Profile.SLOW: (
        Permission("", "endpoints", ("patch",)),
        Permission("", "services", ("delete",)),
        Permission("discovery.k8s.io", "endpointslices", ("patch",)),
    ),
    Profile.LOAD: (
        Permission("apps", "deployments", ("create", "delete"), NAMESPACE),
        Permission("", "services", ("delete",), NAMESPACE),
        Permission(
            "monitoring.coreos.com", "servicemonitors", ("get", "list", "create", "delete"), NAMESPACE
        ),
    ),
    Profile.DISRUPTIVE: (),
}


def needed(profile: Profile) -> Iterator[tuple[Permission, str]]:
    """Yield each permission and verb that a run of `profile` needs, what it includes too."""
    for included in Profile:
        if included in INCLUDES[profile]:
            for permission in NEEDED[included]:
                for verb in permission.verbs:
                    yield permission, verb


def preflight(cluster: Cluster, profile: Profile) -> str:
    """Make sure that the API server answers and allows all that `profile` needs; return its version.

    Raises:
        ClusterError: it cannot be reached, or does not know the credentials.
        PermissionMissing: the message lists all that is missing.
    """
    version = cluster.version()
    wanted = list(needed(profile))
    allowed = in_parallel(lambda pair: _allowed(cluster, *pair), wanted)
    missing = [
        f"{verb} {permission.resource}"
        for (permission, verb), granted in zip(wanted, allowed, strict=True)
        if not granted
    ]
    if missing:
        role = profile if NEEDED[profile] else Profile.CORE
        raise PermissionMissing(
            f"the credentials of context {cluster.context} may not {', '.join(missing)}: "
            f"apply manifests/rbac/{role}.yaml and bind it to them"
        )
    return version


def _allowed(cluster: Cluster, permission: Permission, verb: str) -> bool:
    resource, _, subresource = permission.resource.partition("/")
    attributes = {"group": permission.group, "resource": resource, "subresource": subresource, "verb": verb}
    if permission.namespace:
        attributes["namespace"] = permission.namespace
    review = cluster.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": attributes},
        }
    )
    return bool(review["status"]["allowed"])
