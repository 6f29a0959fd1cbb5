"""A topology -> the configuration that `kind create cluster` reads. Pure.

Source: kind.sigs.k8s.io/docs/user/configuration/ (v1alpha4).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab import network
from lab.topology import Topology

RESOLV_CONF = "/etc/clusterdns/resolv.conf"  # on every node


def cluster_config(  # noqa: PLR0913 - what a cluster is made of
    name: str,
    topology: Topology,
    *,
    nodes: int,
    image: str,
    resolv_conf: Path,
    ours: Mapping[str, Path] | None,
    dual_stack: bool = False,
    port: int = 0,
) -> dict[str, Any]:
    """Return the configuration of a cluster with one control plane.

    Args:
        name: The cluster's name.
        topology: Says what the nodes are set to.
        nodes: How many, the control plane among them.
        image: Of every node. kind takes its `--image` only without a configuration.
        resolv_conf: The nodes' own, here.
        ours: For a node image of ours, what it shares with the host: path in the node -> path here.
        dual_stack: IPv4 and IPv6.
        port: of the API server on 127.0.0.1; 0 lets kind choose.
    """
    mounts = [{"hostPath": str(resolv_conf), "containerPath": RESOLV_CONF, "readOnly": True}]
    for inside, here in (ours or {}).items():
        mounts.append({"hostPath": str(here), "containerPath": inside, "readOnly": True})
    node = {"image": image, "labels": topology.node_labels, "extraMounts": mounts}
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        "networking": {
            "apiServerPort": port,
            "serviceSubnet": network.SERVICE_CIDR + (",fd00:10:96::/112" if dual_stack else ""),
            "podSubnet": network.POD_CIDR + (",fd00:10:244::/56" if dual_stack else ""),
            "ipFamily": "dual" if dual_stack else "ipv4",
            # A node image of ours has no network plugin that sets itself up: `lab.kind.cluster` does it.
            "disableDefaultCNI": ours is not None,
        },
        "kubeadmConfigPatches": [
            yaml.safe_dump(document) for document in _kubeadm(topology, cgroupfs=ours is not None)
        ],
        "nodes": [{"role": role, **node} for role in ["control-plane"] + ["worker"] * (nodes - 1)],
    }


def _kubeadm(topology: Topology, *, cgroupfs: bool) -> list[dict[str, Any]]:
    """Return the changes to kind's own configuration of kubeadm."""
    kubelet: dict[str, Any] = {
        "kind": "KubeletConfiguration",
        "resolvConf": RESOLV_CONF,
        "clusterDNS": [topology.cluster_dns],
    }
    if cgroupfs:  # there is no systemd in a node image of ours
        kubelet |= {"cgroupDriver": "cgroupfs", "localStorageCapacityIsolation": False}
    return [
        kubelet,
        # The topology brings the cluster's DNS.
        {"kind": "InitConfiguration", "skipPhases": ["preflight", "addon/coredns"]},
        # These time-outs cannot be set in every network namespace.
        {
            "kind": "KubeProxyConfiguration",
            "conntrack": {"tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        },
    ]
