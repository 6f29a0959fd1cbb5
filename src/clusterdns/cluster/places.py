"""Where a cluster's DNS is: which Services and which workloads pods' queries go to, in any namespace.

Pods are told nameservers. What kubelets are told stands in a ConfigMap where kubeadm made the cluster; what
probe pods were given, a run knows. Where neither is there, a Service that takes queries is looked for: where
the platforms have theirs, then by the labels that such Services carry, then by what runs behind it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from clusterdns.cluster.api import NAMESPACE, Cluster, Object
from clusterdns.cluster.inventory import addresses_of, serves_dns, takes_queries
from clusterdns.cluster.objects import labels, mapping, name_of, text, texts
from clusterdns.cluster.platforms import PLATFORMS
from clusterdns.cluster.programs import is_node_cache
from clusterdns.model.topology import Fact
from clusterdns.parallel import in_parallel

_PLACES = frozenset(place for platform in PLATFORMS for place in platform.services)
_LABELS = {("k8s-app", "kube-dns"), ("k8s-app", "coredns"), ("kubernetes.io/name", "CoreDNS")}
_LABELS |= {("kubernetes.io/name", "KubeDNS"), ("app.kubernetes.io/name", "coredns")}
_OF_ANOTHER_CLUSTER = "vcluster.loft.sh/managed-by"  # a virtual cluster's DNS, seen from its host
_FIRST = 20  # Services whose pods are looked at where nothing else tells


@dataclass(frozen=True, slots=True)
class Told:
    """What kubelets are told.

    Attributes:
        nameservers: That they give to pods.
        zone: The cluster domain; None where nothing tells.
    """

    nameservers: tuple[Fact[str], ...] = ()
    zone: Fact[str] | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where DNS is.

    Attributes:
        services: Namespace -> every Service there, of the namespaces with DNS.
        leading: (namespace, name) of the Services that pods' queries go to.
        daemonsets: Namespace -> DaemonSets with a DNS server.
        elsewhere: Address -> namespace of its Service, of all other Services.
        looked_at: How many Services take queries.
    """

    services: Mapping[str, Sequence[Object]]
    leading: frozenset[tuple[str, str]]
    daemonsets: Mapping[str, Sequence[Object]]
    elsewhere: Mapping[str, str]
    looked_at: int

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces with DNS, sorted."""
        return tuple(sorted({namespace for namespace, _ in self.leading} | set(self.daemonsets)))


def kubelets_told(configmaps: Mapping[str, Object]) -> Told:
    """Return what kubelets are told, as kubeadm keeps it in a ConfigMap of kube-system."""
    for name in sorted(configmaps):
        if not name.startswith("kubelet-config"):
            continue
        try:
            document = yaml.safe_load(text(configmaps[name], "data", "kubelet"))
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        source = f"ConfigMap {name}, kubelet"
        zone = text(document, "clusterDomain").strip(".")
        return Told(
            tuple(Fact(address, f"{source}: clusterDNS") for address in texts(document, "clusterDNS")),
            Fact(zone, f"{source}: clusterDomain") if zone else None,
        )
    return Told()


def find_places(cluster: Cluster, nameservers: Iterable[str]) -> Places:
    """Return where DNS is.

    Args:
        cluster: Whose.
        nameservers: Addresses that pods are told.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: Services or DaemonSets may not be listed.
    """
    services: dict[str, list[Object]] = {}
    daemonsets: dict[str, list[Object]] = {}

    def read_services() -> None:
        for service in cluster.list("services"):
            services.setdefault(_namespace(service), []).append(service)

    def read_daemonsets() -> None:
        for one in cluster.list("daemonsets", api="apps/v1"):
            if serves_dns(mapping(one, "spec", "template")):
                daemonsets.setdefault(_namespace(one), []).append(one)

    in_parallel(lambda job: job(), (read_services, read_daemonsets))
    every = [service for group in services.values() for service in group]
    asked = [service for service in every if takes_queries(service)]
    told = set(nameservers)
    leading = {_key(service) for service in every if told & set(addresses_of(service))}
    leading |= {_key(service) for service in asked if _conventional(service)}
    leading = leading or {_key(service) for service in asked if _labelled(service)}
    leading = leading or set(_by_pods(cluster, asked))
    in_use = {namespace for namespace, _ in leading}
    caches = {
        namespace: [
            one
            for one in group
            if namespace in in_use or is_node_cache(mapping(one, "spec", "template", "spec"))
        ]
        for namespace, group in daemonsets.items()
    }
    caches = {namespace: group for namespace, group in caches.items() if group}
    here = in_use | set(caches)
    return Places(
        services={namespace: services.get(namespace, []) for namespace in here},
        leading=frozenset(leading),
        daemonsets=caches,
        elsewhere={address: _namespace(one) for one in every for address in addresses_of(one)},
        looked_at=len(asked),
    )


def _conventional(service: Object) -> bool:
    """Return whether a Service is where a platform has its DNS, or in the namespace of the system."""
    return _key(service) in _PLACES or _namespace(service) == NAMESPACE


def _labelled(service: Object) -> bool:
    of_service = labels(service, "metadata", "labels")
    return _OF_ANOTHER_CLUSTER not in of_service and bool(_LABELS & set(of_service.items()))


def _by_pods(cluster: Cluster, services: Sequence[Object]) -> Iterator[tuple[str, str]]:
    """Yield the Services with pods behind them that are a cluster's DNS server."""
    for service in services[:_FIRST]:
        selector = labels(service, "spec", "selector")
        of_another = _OF_ANOTHER_CLUSTER in labels(service, "metadata", "labels")
        if not selector or of_another:
            continue
        query = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
        if any(map(serves_dns, cluster.list("pods", namespace=_namespace(service), labels=query))):
            yield _key(service)


def _key(service: Object) -> tuple[str, str]:
    return _namespace(service), name_of(service)


def _namespace(thing: Object) -> str:
    return text(thing, "metadata", "namespace")
