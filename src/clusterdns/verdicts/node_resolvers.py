"""Where the resolvers of nodes lead, which DNS pods and pods of policy Default ask: resolver.loop."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.pods import DEFAULT, NodeView
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import Topology


@dataclass(frozen=True, slots=True)
class NodeNameservers:
    """Measurements of resolver.loop.

    Attributes:
        nameservers: Node -> those that its pods of policy Default are given: its own, as a rule.
        uses_nodes: Whether the cluster's DNS asks its nodes' nameservers.
    """

    nameservers: Mapping[str, Sequence[str]]
    uses_nodes: bool


def loop(views: Sequence[NodeView], cluster: Mapping[str, str], *, uses_nodes: bool) -> Verdict:
    """Judge where the nameservers of nodes lead.

    Args:
        views: One per node.
        cluster: Address of the cluster's DNS pods -> what it belongs to.
        uses_nodes: Whether the cluster's DNS sends what it does not know to its node's nameservers.
    """
    faults = []
    for view in views:
        for address in view.seen[DEFAULT].nameservers:
            told = f"the resolv.conf of {view.node} names {address}"
            if address in cluster and uses_nodes:
                faults.append(
                    f"{told} ({cluster[address]}): a DNS pod there sends what it does not know back to itself"
                )
            elif _is_loopback(address):
                faults.append(f"{told}, which in a pod is the pod itself: nobody answers there")
    nameservers = {view.node: view.seen[DEFAULT].nameservers for view in views}
    return judged(faults, NodeNameservers(nameservers, uses_nodes))


LOOP = Check(
    id="resolver.loop",
    profile=Profile.CORE,
    requirement="A node's resolv.conf leads neither back to the cluster's DNS nor to the pod that reads it.",
    source="coredns.io/plugins/loop; kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/",
    remedy="set the kubelet's resolvConf to a file with the network's own resolvers "
    "(systemd-resolved: /run/systemd/resolve/resolv.conf)",
    grants=(OBJECTS, PROBES),
    measures=(Run.views,),
    cases=only(
        lambda run: loop(run.views, addresses_of_pods(run.topology), uses_nodes=run.topology.uses_nodes)
    ),
)

CHECKS = (LOOP,)


def addresses_of_pods(topology: Topology) -> dict[str, str]:
    """Return the addresses of DNS pods: what a daemon of the node does not know, it asks outside."""
    return {
        fact.value: f"{layer.kind}, {fact.source}"
        for layer in topology.layers
        if layer.namespace
        for fact in layer.addresses
    }


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # not an address, or one with a scope
        return False
