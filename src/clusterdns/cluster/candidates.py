"""Nodes as the API tells them -> what a choice of nodes depends on.

Source: kubernetes.io/docs/reference/labels-annotations-taints/; the pools' labels are GKE's, EKS', AKS' and
Karpenter's.
"""

from collections.abc import Collection

from clusterdns.cluster.api import Object
from clusterdns.cluster.platforms import NO_DAEMONSETS, marked
from clusterdns.model.node_choice import ARCHITECTURES, Candidate

CORDONED = "is cordoned"
"""What is wrong with a node whose pods run on."""

_ZONE = "topology.kubernetes.io/zone"
_POOLS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
)


def candidate(node: Object, serving: Collection[str], cached: Collection[str]) -> Candidate:
    """Return a node as a candidate.

    Args:
        node: As the API tells it.
        serving: Names of the nodes with a DNS pod.
        cached: Names of those with a node cache.
    """
    metadata, status = node["metadata"], node.get("status") or {}
    labels, information = metadata.get("labels") or {}, status.get("nodeInfo") or {}
    return Candidate(
        name=metadata["name"],
        trouble=trouble(node),
        traits={
            "zone": labels.get(_ZONE, ""),
            "pool": next((labels[label] for label in _POOLS if label in labels), ""),
            "OS image": information.get("osImage", ""),
            "kubelet": information.get("kubeletVersion", ""),
            "DNS pod": str(metadata["name"] in serving),
            "node cache": str(metadata["name"] in cached),
        },
    )


def trouble(node: Object) -> str:
    """Return why pods of ours would not run on a node, in words; "" where they would."""
    labels = node["metadata"].get("labels") or {}
    information = (node.get("status") or {}).get("nodeInfo") or {}
    system = labels.get("kubernetes.io/os") or information.get("operatingSystem") or "linux"
    architecture = labels.get("kubernetes.io/arch") or information.get("architecture") or ARCHITECTURES[0]
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = next((condition["status"] for condition in conditions if condition["type"] == "Ready"), "Unknown")
    unfit = marked(labels, NO_DAEMONSETS)  # nor do they take a pod that is bound to them, as probes are
    troubles = {
        f"runs {system}": system != "linux",
        unfit: bool(unfit),
        f"is of architecture {architecture}: probe images are for {' and '.join(ARCHITECTURES)}": (
            architecture not in ARCHITECTURES
        ),
        "is being deleted": "deletionTimestamp" in node["metadata"],
        "is not ready": ready != "True",
        CORDONED: bool((node.get("spec") or {}).get("unschedulable")),
    }
    return next((words for words, applies in troubles.items() if applies), "")
