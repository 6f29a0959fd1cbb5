"""Containers that stand in for programs that could not be had, and say so in an annotation."""

from collections.abc import Iterable

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.objects import labels, name_of

ANNOTATION = "clusterdns.io/stand-in"


def stand_ins(cluster: Cluster, namespaces: Iterable[str]) -> dict[str, str]:
    """Return what each pod (as "namespace/name") that stands in for something stands in for."""
    return {
        f"{namespace}/{name_of(pod)}": annotations[ANNOTATION]
        for namespace in namespaces
        for pod in cluster.list("pods", namespace=namespace)
        if ANNOTATION in (annotations := labels(pod, "metadata", "annotations"))
    }
