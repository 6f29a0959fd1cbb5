"""ConfigMaps of cluster-proportional-autoscaler -> what sets the replicas of the cluster's DNS."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from clusterdns.cluster.api import Object
from clusterdns.model.autoscaling import Autoscaler, Ladder, Linear
from clusterdns.model.topology import Fact


def autoscaler(configmaps: Iterable[Object]) -> Fact[Autoscaler | None] | None:
    """Return the parameters of the DNS autoscaler; None where there is none.

    The value is None where they cannot be read. They are in a ConfigMap with a key `linear` or
    `ladder`, called kube-dns-autoscaler (GKE), dns-autoscaler (kubernetes.io's task) or the like.
    """
    for configmap in configmaps:
        name, data = configmap["metadata"]["name"], configmap.get("data") or {}
        for mode, read in (("ladder", _ladder), ("linear", _linear)):
            if "dns" in name and mode in data:
                source = f"ConfigMap {name}, {mode}"
                try:
                    return Fact(read(json.loads(data[mode])), source)
                except (ValueError, TypeError, AttributeError) as error:
                    return Fact(None, f"{source} cannot be read: {error}")
    return None


def _linear(parameters: Mapping[str, Any]) -> Linear:
    most = parameters.get("max")
    return Linear(
        cores_per_replica=float(parameters.get("coresPerReplica") or 0),
        nodes_per_replica=float(parameters.get("nodesPerReplica") or 0),
        at_least=int(parameters.get("min") or 1),
        at_most=int(most) if most else None,
        prevent_single_point_failure=bool(parameters.get("preventSinglePointFailure")),
    )


def _ladder(parameters: Mapping[str, Any]) -> Ladder:
    cores, nodes = (
        tuple(sorted((float(at), int(count)) for at, count in parameters.get(key) or ()))
        for key in ("coresToReplicas", "nodesToReplicas")
    )
    return Ladder(cores, nodes)
