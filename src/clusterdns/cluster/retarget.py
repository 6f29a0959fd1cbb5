"""Sends a Service's traffic to other pods for a while.

What is needed to put the Service back is written on it, so that it can be put back after a crash too.
"""

import json
from collections.abc import Mapping

from clusterdns.cluster.api import Cluster, Object

_LABEL = "clusterdns.io/retargeted"
_BEFORE = "clusterdns.io/selector-before"


def retarget(cluster: Cluster, service: Object, selector: Mapping[str, str]) -> None:
    """Let a Service, as read from the API, select other pods.

    Raises:
        PermissionMissing: it may not be changed.
    """
    before = json.dumps(service["spec"]["selector"])
    change = {
        "metadata": {"labels": {_LABEL: "true"}, "annotations": {_BEFORE: before}},
        "spec": {"selector": {"$patch": "replace", **selector}},
    }
    metadata = service["metadata"]
    cluster.patch("services", metadata["name"], change, metadata["namespace"])


def retargeted(cluster: Cluster) -> list[Object]:
    """Return the Services that are not as they were."""
    return list(cluster.list("services", labels=_LABEL))


def restore(cluster: Cluster, service: Object) -> None:
    """Put a Service back as it was before `retarget`."""
    metadata = service["metadata"]
    before = json.loads(metadata["annotations"][_BEFORE])
    change = {
        "metadata": {"labels": {_LABEL: None}, "annotations": {_BEFORE: None}},
        "spec": {"selector": {"$patch": "replace", **before}},
    }
    cluster.patch("services", metadata["name"], change, metadata["namespace"])
