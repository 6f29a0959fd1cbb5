"""Whether a run can do what its checks need, told before it does anything."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.objects import part
from clusterdns.cluster.permissions import Grant, Permission, verbs
from clusterdns.errors import ClusterError
from clusterdns.model.profiles import Profile
from clusterdns.parallel import in_parallel


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found out before anything was done.

    Attributes:
        version: The API server's, e.g. "v1.34.4".
        missing: Grant -> the permissions of it that the credentials lack, in words such as "create pods".
    """

    version: str
    missing: Mapping[Grant, Sequence[str]]


def preflight(cluster: Cluster, grants: Collection[Grant]) -> Preflight:
    """Make sure that the API server answers, and find out what it does not allow of what is needed.

    Args:
        cluster: Is asked.
        grants: What is needed.

    Raises:
        ClusterError: it cannot be reached, or does not know the credentials.
    """
    version = cluster.version()
    wanted = list(verbs(grants))
    allowed = in_parallel(lambda pair: _is_allowed(cluster, *pair), wanted)
    denied = {pair for pair, granted in zip(wanted, allowed, strict=True) if not granted}
    missing = {
        grant: [f"{verb} {permission}" for permission, verb in verbs([grant]) if (permission, verb) in denied]
        for grant in dict.fromkeys(grants)
    }
    return Preflight(version, {grant: lacking for grant, lacking in missing.items() if lacking})


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
    allowed = part(review, "status", "allowed")
    if not isinstance(allowed, bool):
        raise ClusterError(f"{cluster.host} does not tell whether {verb} {resource} is allowed")
    return allowed
