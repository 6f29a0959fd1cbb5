"""Whether a run can do what its checks need, told before it does anything."""

from collections.abc import Collection

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.permissions import Grant, Permission, verbs
from clusterdns.errors import PermissionMissing
from clusterdns.model.profiles import Profile
from clusterdns.parallel import in_parallel


def preflight(cluster: Cluster, grants: Collection[Grant], profile: Profile) -> str:
    """Make sure that the API server answers and allows all that is needed; return its version.

    Args:
        cluster: Is asked.
        grants: What is needed.
        profile: The run's, whose manifest in manifests/rbac/ grants it.

    Raises:
        ClusterError: it cannot be reached, or does not know the credentials.
        PermissionMissing: the message lists all that is missing.
    """
    version = cluster.version()
    wanted = list(verbs(grants))
    allowed = in_parallel(lambda pair: _is_allowed(cluster, *pair), wanted)
    missing = [
        f"{verb} {permission.resource}"
        for (permission, verb), granted in zip(wanted, allowed, strict=True)
        if not granted
    ]
    if missing:
        raise PermissionMissing(
            f"the credentials of context {cluster.context} may not {', '.join(missing)}: "
            f"apply {manifest(profile)} and bind it to them"
        )
    return version


def manifest(profile: Profile) -> str:
    """Return the file that grants what a profile's checks use."""
    return f"manifests/rbac/{profile}.yaml"


def _is_allowed(cluster: Cluster, permission: Permission, verb: str) -> bool:
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
