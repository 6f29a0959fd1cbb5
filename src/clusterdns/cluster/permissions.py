"""What the suite may do with the Kubernetes API, in groups that checks name.

manifests/rbac/ grants each profile exactly what its checks use; a unit test compares the two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterdns.cluster.api import NAMESPACE
from clusterdns.model.profiles import Profile


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

    def __str__(self) -> str:
        """The resource, and where."""
        return f"{self.resource} in {self.namespace}" if self.namespace else self.resource


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions that belong together.

    Attributes:
        purpose: What they are for, as it follows "to".
        permissions: Which.
        least: The least profile whose manifest has them: what may be left in a DNS pod, or read of one, is
            not for a run that is asked for no load.
        dispensable: Whether a check runs without them, and only shows less.
    """

    purpose: str
    permissions: tuple[Permission, ...]
    least: Profile = Profile.AUDIT
    dispensable: bool = False


_LIST = ("list",)
_MONITORING = "monitoring.coreos.com"

OBJECTS = Grant(
    "read what serves DNS",
    (
        Permission("", "configmaps", _LIST, NAMESPACE),
        Permission("", "nodes", _LIST),
        Permission("", "pods", _LIST),
        Permission("", "services", _LIST),
        Permission("apps", "daemonsets", _LIST),
        Permission("apps", "deployments", _LIST),
        Permission("discovery.k8s.io", "endpointslices", _LIST),
        Permission("policy", "poddisruptionbudgets", _LIST),
    ),
)
REDIRECTS = Grant(
    "read what Cilium redirects to node caches",
    (Permission("cilium.io", "ciliumlocalredirectpolicies", _LIST),),
    dispensable=True,
)
NETWORK_POLICIES = Grant(
    "read which policies lie on the way to DNS",
    (
        Permission("", "namespaces", _LIST),
        Permission("networking.k8s.io", "networkpolicies", _LIST),
    ),
)
PROBES = Grant(
    "make probe pods and run queries in them",
    (
        Permission("", "configmaps", ("create",)),
        Permission("", "events", _LIST),
        # "list" is for `clusterdns cleanup`.
        Permission("", "namespaces", ("get", "list", "create", "delete")),
        Permission("", "pods", ("create", "deletecollection")),
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
METRICS = Grant("read metrics of DNS pods", (Permission("", "pods/proxy", ("get",)),))
PROMETHEUS_PROXY = Grant(
    "read what a Prometheus says of its targets", (Permission("", "services/proxy", ("get",)),)
)
MONITORS = Grant(
    "read what the Prometheus operator is told",
    (
        Permission("", "namespaces", _LIST),
        *(
            Permission(_MONITORING, resource, _LIST)
            for resource in ("podmonitors", "prometheusagents", "prometheuses", "servicemonitors")
        ),
    ),
)
DEBUG_CONTAINERS = Grant(
    "watch dnsmasq from a debug container beside it",
    (
        Permission("", "pods", ("get",), NAMESPACE),
        Permission("", "pods/ephemeralcontainers", ("patch",), NAMESPACE),
    ),
    least=Profile.LOAD,
)
LOGS = Grant(
    "read the logs of DNS pods", (Permission("", "pods/log", ("get",), NAMESPACE),), least=Profile.LOAD
)
KUBELETS = Grant(
    "read cAdvisor's count of dnsmasq's processes",
    (Permission("", "nodes/proxy", ("get",)),),
    least=Profile.LOAD,
    dispensable=True,
)
CPU_PERIODS = Grant(
    "read how often the kernel holds DNS pods back at their CPU limit",
    (Permission("", "nodes/proxy", ("get",)),),
    least=Profile.LOAD,
)
DEBUG_COPY = Grant(
    "make and remove a copy of kube-dns that logs queries",
    (
        Permission("", "pods", ("get",), NAMESPACE),
        Permission("", "pods/log", ("get",), NAMESPACE),
        Permission("", "services", ("get", "create", "patch", "delete"), NAMESPACE),
        Permission("apps", "deployments", ("get", "create", "delete"), NAMESPACE),
        Permission(_MONITORING, "servicemonitors", ("get", "create", "delete"), NAMESPACE),
    ),
)

DISRUPTION = Grant(
    "evict DNS pods and delete node caches, which their controllers replace",
    (
        Permission("", "pods", ("delete",), NAMESPACE),
        Permission("", "pods/eviction", ("create",), NAMESPACE),
    ),
)
CORDONING = Grant(
    "cordon a node while its DNS pods are evicted",
    (Permission("", "nodes", ("patch",)),),
)
SOAKING = Grant(
    "put a prober on every node and follow its log while the cluster changes",
    (
        Permission("", "configmaps", ("create",)),
        Permission("", "namespaces", ("get", "list", "create", "delete")),
        Permission("", "pods", ("get", "deletecollection")),
        Permission("", "pods/log", ("get",)),
        Permission("", "serviceaccounts", ("get",)),
        Permission("", "services", ("create",)),
        Permission("apps", "daemonsets", ("get", "create")),
    ),
)
WATCHES = Grant(
    "tell what happens to nodes and DNS meanwhile",
    (
        Permission("", "configmaps", ("watch",), NAMESPACE),
        Permission("", "nodes", ("watch",)),
        Permission("", "pods", ("watch",), NAMESPACE),
        Permission("apps", "daemonsets", ("watch",), NAMESPACE),
        Permission("apps", "deployments", ("watch",), NAMESPACE),
        Permission("discovery.k8s.io", "endpointslices", ("watch",), NAMESPACE),
    ),
    dispensable=True,
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
