"""API objects -> the NetworkPolicies on pods' way to their DNS.

Pods are read of namespaces whose policies say what may leave them, and everywhere only where a policy before
DNS pods tells sources by their labels; of other namespaces one pod stands for all.
"""

from collections.abc import Iterator

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.dns_pods import dns_pods
from clusterdns.cluster.objects import items, labels, mapping, name_of, number, part, text, texts
from clusterdns.model.labels import matches
from clusterdns.model.network_policies import Group, Peer, Place, Policies, Policy, Port, Rule, Ways
from clusterdns.model.topology import Topology
from clusterdns.parallel import in_parallel

_API = "networking.k8s.io/v1"
_ENDED = ("Succeeded", "Failed")


def read_network_policies(cluster: Cluster, topology: Topology) -> Ways:
    """Return the policies on the way to a cluster's DNS, and the pods that they are about.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: policies, pods or namespaces may not be listed.
    """
    policies = tuple(_policy(one) for one in cluster.list("networkpolicies", api=_API, missing_ok=True))
    if not policies:
        return Ways(Policies((), {}))
    namespaces = {name_of(one): labels(one, "metadata", "labels") for one in cluster.list("namespaces")}
    for name, of_namespace in namespaces.items():
        of_namespace.setdefault("kubernetes.io/metadata.name", name)
    places = {
        f"{pod.namespace}/{pod.name}": Place(pod.address, pod.namespace, pod.labels, pod.ports)
        for pod in dns_pods(cluster, topology.namespaces)
    }
    servers = {
        service.name: [
            (places.get(backend.pod, Place(backend.address)), backend.port) for backend in service.ready
        ]
        for service in topology.services
    }
    before = [
        policy
        for policy in policies
        if policy.ingress is not None and any(_is_for(policy, place) for place in places.values())
    ]
    leaving = {policy.namespace for policy in policies if policy.egress is not None}
    by_labels = any(peer.pods for policy in before for rule in policy.ingress or () for peer in rule.peers)
    read = sorted(namespaces if by_labels else leaving & set(namespaces))
    groups = [group for found in in_parallel(lambda name: _groups(cluster, name), read) for group in found]
    if before and not by_labels:
        groups += [Group(Place(namespace=name), 0, "") for name in sorted(set(namespaces) - leaving)]
    return Ways(Policies(policies, namespaces), groups, servers)


def _is_for(policy: Policy, place: Place) -> bool:
    return policy.namespace == place.namespace and matches(policy.pods, place.labels)


def _groups(cluster: Cluster, namespace: str) -> list[Group]:
    """Return the pods of a namespace that ask the cluster's DNS, by their labels."""
    found: dict[frozenset[tuple[str, str]], list[str]] = {}
    for pod in cluster.list("pods", namespace=namespace):
        asks = text(pod, "spec", "dnsPolicy") in ("", "ClusterFirst", "ClusterFirstWithHostNet")
        filtered = part(pod, "spec", "hostNetwork") is not True
        if asks and filtered and text(pod, "status", "phase") not in _ENDED:
            found.setdefault(frozenset(labels(pod, "metadata", "labels").items()), []).append(name_of(pod))
    return [
        Group(Place(namespace=namespace, labels=dict(of_pods)), len(names), names[0])
        for of_pods, names in found.items()
    ]


def _policy(one: Object) -> Policy:
    types = texts(one, "spec", "policyTypes")
    if not types:  # ingress always, egress where there are rules for it
        types = ["Ingress", *(["Egress"] if any(items(one, "spec", "egress")) else [])]
    return Policy(
        name_of(one),
        text(one, "metadata", "namespace"),
        mapping(one, "spec", "podSelector"),
        tuple(_rules(one, "ingress", "from")) if "Ingress" in types else None,
        tuple(_rules(one, "egress", "to")) if "Egress" in types else None,
    )


def _rules(one: Object, direction: str, peers: str) -> Iterator[Rule]:
    for rule in items(one, "spec", direction):
        yield Rule(tuple(map(_peer, items(rule, peers))), tuple(map(_port, items(rule, "ports"))))


def _peer(peer: Object) -> Peer:
    if "ipBlock" in peer:
        return Peer(network=text(peer, "ipBlock", "cidr"), without=tuple(texts(peer, "ipBlock", "except")))
    return Peer(
        mapping(peer, "namespaceSelector") if part(peer, "namespaceSelector") is not None else None,
        mapping(peer, "podSelector") if part(peer, "podSelector") is not None else None,
    )


def _port(port: Object) -> Port:
    named = number(port, "port")
    return Port(
        text(port, "protocol") or "TCP",
        named if named is not None else text(port, "port") or None,
        number(port, "endPort"),
    )
