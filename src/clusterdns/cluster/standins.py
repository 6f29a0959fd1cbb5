"""Containers that stand in for programs that could not be had, and say so in an annotation."""

from clusterdns.cluster.api import Cluster

ANNOTATION = "clusterdns.io/stand-in"


def stand_ins(cluster: Cluster, namespace: str = "kube-system") -> dict[str, str]:
    """Return what each pod (as "namespace/name") that stands in for something stands in for."""
    found = {}
    for pod in cluster.list("pods", namespace=namespace):
        metadata = pod["metadata"]
        if ANNOTATION in metadata.get("annotations", {}):
            found[f"{namespace}/{metadata['name']}"] = metadata["annotations"][ANNOTATION]
    return found
