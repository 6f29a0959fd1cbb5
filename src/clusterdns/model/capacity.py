"""How many queries by TCP a cluster's dnsmasq replicas can serve, against what its nodes ask."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from clusterdns.model.autoscaling import Autoscaler

LARGEST_CLUSTER = 5000
"""Nodes. Source: kubernetes.io/docs/setup/best-practices/cluster-large/."""


@dataclass(frozen=True, slots=True)
class Demand:
    """TCP connections that nodes want, against those that dnsmasq can serve.

    Attributes:
        nodes: That forward by TCP.
        per_node: Connections that a node opens at its peak: one for each query in flight.
        replicas: dnsmasq pods that are ready.
        children: TCP connections they serve at once, in all.
        share: Part of the connections that meets dnsmasq, 0 to 1: other pods may be behind the Service.
    """

    nodes: int
    per_node: int
    replicas: int
    children: int
    share: float = 1.0

    @property
    def wanted(self) -> int:
        """Connections that want a child at the peak."""
        return ceil(self.nodes * self.per_node * self.share)

    @property
    def headroom(self) -> int:
        """Children left at the peak; negative where some lack."""
        return self.children - self.wanted

    @property
    def saturates_at(self) -> int:
        """The least number of concurrent queries on every node that wants more children than there are."""
        return int(self.children // (self.nodes * self.share)) + 1 if self.nodes and self.share else 0


def at_sizes(
    autoscaler: Autoscaler,
    sizes: Iterable[int],
    cores_per_node: float,
    per_node: int,
    limit: int,
) -> Iterator[Demand]:
    """Yield the demand on a cluster of each size.

    Args:
        autoscaler: Sets the replicas.
        sizes: Numbers of nodes.
        cores_per_node: Of every node.
        per_node: Concurrent queries of a node at its peak.
        limit: TCP connections that one replica serves.
    """
    for nodes in sizes:
        replicas = autoscaler.replicas(nodes, nodes * cores_per_node)
        yield Demand(nodes, per_node, replicas, replicas * limit)


def first_short(autoscaler: Autoscaler, cores_per_node: float, per_node: int, limit: int) -> Demand | None:
    """Return the demand on the smallest cluster whose children do not suffice; None where none is short."""
    sizes = range(1, LARGEST_CLUSTER + 1)
    return next(
        (one for one in at_sizes(autoscaler, sizes, cores_per_node, per_node, limit) if one.headroom < 0),
        None,
    )
