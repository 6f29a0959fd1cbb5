"""Nodes that join a running lab and leave it, and kubelets that restart."""

from typing import TYPE_CHECKING

from lab import cgroups, controlplane, network
from lab.errors import LabError
from lab.node import Node
from lab.paths import INSIDE_STATE

if TYPE_CHECKING:
    from lab.fabric import Fabric

READY_SECONDS = 120.0
"""For nodes, or workloads, to become ready."""


def add_node(fabric: "Fabric") -> str:
    """Add a node, wait until it is ready and return its name; numbers are never used twice.

    Raises:
        LabError: it did not become ready in time.
    """
    node = fabric.node(fabric.last_index + 1)
    controlplane.make_kubelet_user(fabric.programs, INSIDE_STATE, node.name)
    fabric.last_index = node.index
    fabric.make_node(node)
    routes = network.pod_route_lines([node.index], dual_stack=fabric.dual_stack)
    for pid in (None, *(fabric.pids[other.name] for other in fabric.nodes)):
        network.ip_batch(routes, namespace_of=pid)
    fabric.nodes.append(node)
    fabric.create_nodes([node])
    fabric.start_agents(node)
    fabric.daemons.wait(f"{node.name} ready", fabric.nodes_ready, READY_SECONDS)
    return node.name


def remove_node(fabric: "Fabric", name: str) -> None:
    """Take a node away with all that runs on it: a machine switched off, and its object deleted.

    Raises:
        LabError: there is no such node, or something of it would not go away.
    """
    node = _named(fabric, name)
    for program in (f"kube-proxy-{name}", f"kubelet-{name}", f"containerd-{name}", name):
        fabric.daemons.end(program)
    left = cgroups.destroy(node.cgroups)
    if left:
        raise LabError(f"{name}: cannot remove the control groups {', '.join(map(str, left))}")
    fabric.nodes.remove(node)
    del fabric.pids[name]
    fabric.kubectl("delete", "node", name)


def restart_node(fabric: "Fabric", name: str) -> None:
    """Restart a node's kubelet and kube-proxy; its pods run on."""
    _named(fabric, name)
    for program in ("kubelet", "kube-proxy"):
        fabric.daemons.restart(f"{program}-{name}")


def _named(fabric: "Fabric", name: str) -> Node:
    for node in fabric.nodes:
        if node.name == name:
            return node
    raise LabError(f"no node named {name!r}; there are: {', '.join(fabric.pids)}")
