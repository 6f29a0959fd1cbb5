"""kube-dns-debug: a copy of the live kube-dns Deployment, with a dnsmasq that logs every query.

The live one is never changed. The copy stands beside it, in its namespace, where its service account is.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.dns_pods import DNSMASQ, dns_namespaces
from clusterdns.errors import ClusterError

NAME = "kube-dns-debug"
OWN_LABELS = {"k8s-app": NAME, "reason": "debug"}
SHARED_LABELS = {"k8s-app": "kube-dns", "reason": "debug"}
"""With these the kube-dns Service sends the copy its share of the cluster's queries."""

QUERY_LOG = ("--log-queries=extra", "--log-debug", "--log-async=25")

# What the add-on manager knows its objects by, here and on GKE: it would reset the copy, or remove it.
_ADDON_MARKS = ("addonmanager.kubernetes.io/", "kubernetes.io/cluster-service", "components.gke.io/")
# What the API server or a controller writes, or kubectl.
_NOT_OURS = ("deployment.kubernetes.io/", "kubectl.kubernetes.io/")


def live_deployment(cluster: Cluster, namespaces: Iterable[str] | None = None) -> Object | None:
    """Return the Deployment of kube-dns, None where no Deployment has dnsmasq in it.

    Args:
        cluster: Whose.
        namespaces: With DNS; found where they are not given.
    """
    for namespace in dns_namespaces(cluster) if namespaces is None else namespaces:
        for deployment in cluster.list("deployments", api="apps/v1", namespace=namespace):
            if deployment["metadata"]["name"] != NAME and _dnsmasq(deployment):
                return {"apiVersion": "apps/v1", "kind": "Deployment", **deployment}
    return None


def debug_copy(live: Object, labels: Mapping[str, str]) -> Object:
    """Return the manifest of the copy: one replica, told apart by `labels`.

    Raises:
        ClusterError: there is no dnsmasq in it.
    """
    made = copy.deepcopy(live)
    template = made["spec"]["template"]
    container = _dnsmasq(made)
    if container is None:
        raise ClusterError(f"Deployment {made['metadata']['name']} has no container {DNSMASQ}")
    container["args"] = with_query_log(container.get("args", ()), nanny="nanny" in container["image"])
    template["metadata"] = {
        "labels": {**_kept(template["metadata"].get("labels")), **labels},
        "annotations": _kept(template["metadata"].get("annotations")),
    }
    spec = {**made["spec"], "replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": template}
    metadata = {
        "name": NAME,
        "namespace": made["metadata"]["namespace"],
        "labels": {**_kept(made["metadata"].get("labels")), **labels},
        "annotations": _kept(made["metadata"].get("annotations")),
    }
    return {"apiVersion": made["apiVersion"], "kind": made["kind"], "metadata": metadata, "spec": spec}


def with_query_log(arguments: Sequence[str], *, nanny: bool) -> list[str]:
    """Return the arguments of a dnsmasq container with those that log queries behind its own.

    Args:
        arguments: Of dnsmasq, or of kube-dns' nanny: what is behind "--" is dnsmasq's.
        nanny: Whether they are a nanny's, which may leave dnsmasq's out.
    """
    separated = [*arguments] if "--" in arguments or not nanny else [*arguments, "--", "-k"]
    mine = {flag.partition("=")[0] for flag in QUERY_LOG}
    return [*(one for one in separated if one.partition("=")[0] not in mine), *QUERY_LOG]


def _dnsmasq(deployment: Object) -> Object | None:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return next((one for one in containers if one["name"] == DNSMASQ), None)


def _kept(marks: Mapping[str, str] | None) -> dict[str, str]:
    """Return labels or annotations without those that say whose the live one is."""
    return {
        name: value
        for name, value in (marks or {}).items()
        if not name.startswith((*_ADDON_MARKS, *_NOT_OURS))
    }
