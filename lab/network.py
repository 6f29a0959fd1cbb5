"""Addresses and links of a lab, all inside its own network namespace: nothing here is seen by the host.

    internet (8.8.8.8, 8.8.4.4, 169.254.169.254,
              web 192.0.2.10, 192.0.2.80) ─────┐
    control plane ─────────── bridge 10.89.0.1 ───┼─ node-1 10.89.0.11 ── pods 10.244.1.0/24
                                                  └─ node-2 10.89.0.12 ── pods 10.244.2.0/24

With --dual-stack, also fd00:10:89::/64 for bridge and nodes and fd00:10:244:N::/64 for pods of node N.
The fabric has no default route, so nothing in a lab reaches the outside.
"""

import subprocess
from collections.abc import Iterable, Sequence

from lab.errors import LabError

BRIDGE = "10.89.0.1"
INTERNET = "10.89.0.2"
PREFIX = 24
SERVICE_CIDR = "10.96.0.0/16"
CLUSTER_DNS = "10.96.0.10"
POD_CIDR = "10.244.0.0/16"
WEB_ADDRESSES = ("192.0.2.10", "192.0.2.80")
"""example.com and www.example.com, as internet/root.zone says."""

INTERNET_ADDRESSES = ("8.8.8.8", "8.8.4.4", "169.254.169.254")
MAX_NODES = 200

BRIDGE6 = "fd00:10:89::1"
PREFIX6 = 64
SERVICE_CIDR6 = "fd00:10:96::/112"
POD_CIDR6 = "fd00:10:244::/48"
ROUTER_LINES6 = (
    # Duplicate address detection costs each sandbox 1.8 s, and here nobody else gives addresses.
    "echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad",
    "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad",
    "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
)


def both(ipv4: str, ipv6: str, *, dual_stack: bool) -> str:
    """Return an address or a network as flags of Kubernetes take it, of both families where there are."""
    return f"{ipv4},{ipv6}" if dual_stack else ipv4


def node_address(index: int) -> str:
    """Return the address of node `index` (from 1)."""
    return f"10.89.0.{10 + index}"


def pod_cidr(index: int) -> str:
    """Return the pod network of node `index` (from 1)."""
    return f"10.244.{index}.0/24"


def node_address6(index: int) -> str:
    """Return the IPv6 address of node `index` (from 1)."""
    return f"fd00:10:89::{10 + index:x}"


def pod_cidr6(index: int) -> str:
    """Return the IPv6 pod network of node `index` (from 1)."""
    return f"fd00:10:244:{index:x}::/{PREFIX6}"


def ip_batch(lines: list[str], *, namespace_of: int | None = None) -> None:
    """Run `ip -batch` on the lines, in the network namespace of a process if one is given.

    Raises:
        LabError: ip refused a line; carries its message.
    """
    enter = ["nsenter", "--target", str(namespace_of), "--net"] if namespace_of else []
    done = subprocess.run(
        [*enter, "ip", "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LabError(f"network set-up failed: {done.stderr.strip()}")


def cni_config(pod_cidrs: Sequence[str]) -> dict[str, object]:
    """Return the configuration of a node's CNI plugins: addresses of its pod networks, a veth pair each."""
    routes = [{"dst": "::/0" if ":" in cidr else "0.0.0.0/0"} for cidr in pod_cidrs]
    ranges = [[{"subnet": cidr}] for cidr in pod_cidrs]
    ipam = {"type": "host-local", "ranges": ranges, "routes": routes}
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [{"type": "ptp", "mtu": 1500, "ipam": ipam}]}


def bridge_lines(*, dual_stack: bool = False) -> list[str]:
    """Return the batch that makes the fabric's bridge."""
    return [
        "link set lo up",
        "link add fabric type bridge",
        f"addr add {BRIDGE}/{PREFIX} dev fabric",
        *([f"addr add {BRIDGE6}/{PREFIX6} dev fabric nodad"] if dual_stack else []),
        "link set fabric up",
        *(f"route add {address} via {INTERNET}" for address in (*INTERNET_ADDRESSES, *WEB_ADDRESSES)),
    ]


def port_lines(name: str, pid: int) -> list[str]:
    """Return the batch that plugs the network namespace of process `pid` into the bridge as eth0."""
    return [
        f"link add {name} type veth peer name eth0 netns {pid}",
        f"link set {name} master fabric up",
    ]


def host_lines(address: str, address6: str | None = None) -> list[str]:
    """Return the batch, for inside a namespace on the bridge, that brings its eth0 up."""
    ipv6 = [f"addr add {address6}/{PREFIX6} dev eth0 nodad"] if address6 else []
    return [
        "link set lo up",
        f"addr add {address}/{PREFIX} dev eth0",
        *ipv6,
        "link set eth0 up",
        f"route add default via {BRIDGE}",
        *([f"route add ::/0 via {BRIDGE6}"] if address6 else []),
    ]


def pod_route_lines(nodes: Iterable[int], *, dual_stack: bool = False) -> list[str]:
    """Return the batch of routes to the pod networks of nodes, given by their index."""
    nodes = list(nodes)
    lines = [f"route add {pod_cidr(index)} via {node_address(index)}" for index in nodes]
    if dual_stack:
        lines += [f"route add {pod_cidr6(index)} via {node_address6(index)}" for index in nodes]
    return lines
