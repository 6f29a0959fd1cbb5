"""NetworkPolicies: which pods may send what to whom.

A policy is evaluated at pods' own addresses, after a Service has been left behind; an address of a node is
no pod's, so that only an ipBlock, or a rule without peers, lets it through.
Source: kubernetes.io/docs/concepts/services-networking/network-policies; k8s.io/api networking/v1.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterdns.model.labels import matches

Selector = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a rule.

    Attributes:
        protocol: "TCP", "UDP" or "SCTP".
        port: A number, or the name of a container's port; None is any.
        last: The end of a range that begins with the number; None without one.
    """

    protocol: str = "TCP"
    port: int | str | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer of a rule: pods, or a network.

    Attributes:
        namespaces: Of these; None is the policy's own.
        pods: These of them; None is all.
        network: A CIDR; "" where pods are meant.
        without: CIDRs that are left out of it.
    """

    namespaces: Selector | None = None
    pods: Selector | None = None
    network: str = ""
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: to or from any of the peers (none: everybody), on any of the ports (none: all)."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy.

    Attributes:
        name, namespace: Of the object.
        pods: Of its namespace that it is for.
        ingress: Who may reach them; None where it says nothing of that.
        egress: Whom they may reach; None where it says nothing of that.
    """

    name: str
    namespace: str
    pods: Selector
    ingress: tuple[Rule, ...] | None = None
    egress: tuple[Rule, ...] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a connection.

    Attributes:
        address: Its IP address, "" where it does not matter.
        namespace: Of the pod; "" where it is on no network of pods: a node, or a pod on that one's network.
        labels: Of the pod.
        ports: Of the pod: name -> number.
    """

    address: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policies:
    """Every NetworkPolicy of a cluster.

    Attributes:
        policies: All of them.
        namespaces: Name -> labels.
    """

    policies: tuple[Policy, ...]
    namespaces: Mapping[str, Mapping[str, str]]

    def refusing(self, source: Place, target: Place, protocol: str, port: int) -> tuple[str, ...]:
        """Return the policies that keep a source from a target; none where it gets through."""
        leaving = [
            policy for policy in self.policies if policy.egress is not None and self._is_for(policy, source)
        ]
        arriving = [
            policy for policy in self.policies if policy.ingress is not None and self._is_for(policy, target)
        ]
        let_out = not leaving or any(
            self._lets(policy, rule, target, target, protocol, port)
            for policy in leaving
            for rule in policy.egress or ()
        )
        let_in = not arriving or any(
            self._lets(policy, rule, source, target, protocol, port)
            for policy in arriving
            for rule in policy.ingress or ()
        )
        refusing = [*([] if let_out else leaving), *([] if let_in else arriving)]
        return tuple(f"{policy.namespace}/{policy.name}" for policy in refusing)

    def _is_for(self, policy: Policy, place: Place) -> bool:
        return place.namespace == policy.namespace and matches(policy.pods, place.labels)

    def _lets(  # noqa: PLR0913, PLR0917 - all that a rule is about
        self, policy: Policy, rule: Rule, peer: Place, target: Place, protocol: str, port: int
    ) -> bool:
        if rule.ports and not any(_is_port(wanted, target, protocol, port) for wanted in rule.ports):
            return False
        return not rule.peers or any(self._is_peer(policy, wanted, peer) for wanted in rule.peers)

    def _is_peer(self, policy: Policy, wanted: Peer, place: Place) -> bool:
        if wanted.network:
            return _within(place.address, wanted.network) and not any(
                _within(place.address, left_out) for left_out in wanted.without
            )
        if not place.namespace:
            return False
        if wanted.namespaces is None:
            of_namespace = place.namespace == policy.namespace
        else:
            of_namespace = matches(wanted.namespaces, self.namespaces.get(place.namespace, {}))
        return of_namespace and (wanted.pods is None or matches(wanted.pods, place.labels))


def _is_port(wanted: Port, target: Place, protocol: str, port: int) -> bool:
    if wanted.protocol != protocol:
        return False
    if wanted.port is None:
        return True
    if isinstance(wanted.port, str):
        return target.ports.get(wanted.port) == port
    return wanted.port <= port <= (wanted.last or wanted.port)


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Group:
    """Pods of a namespace with the same labels.

    Attributes:
        place: One of them.
        count: How many there are.
        example: The name of one, "" where they were not read: it then stands for every pod of the namespace.
    """

    place: Place
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Ways:
    """What pods need to reach for DNS, and the policies on the way.

    Attributes:
        policies: Of the cluster.
        groups: The pods that ask, by namespace and labels.
        servers: Service -> the pods behind it, as they are sent queries, each with its port.
    """

    policies: Policies
    groups: Sequence[Group] = ()
    servers: Mapping[str, Sequence[tuple[Place, int]]] = field(default_factory=dict)
