"""API objects as small as facts can be read from."""

from collections.abc import Mapping
from typing import Any

from tests.unit.conftest import ApiServer

Object = dict[str, Any]

SYSTEM = "kube-system"
COREFILE = """\
cluster.local:53 {
    cache {
        denial 9984 5
    }
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
        expire 1s
    }
}
.:53 {
    cache 30
    forward . __PILLAR__UPSTREAM__SERVERS__
}
"""


def node(
    name: str, labels: Mapping[str, str] | None = None, *, cpu: str = "2", unschedulable: bool = False
) -> Object:
    """Return a node."""
    return {
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {"unschedulable": True} if unschedulable else {},
        "status": {"capacity": {"cpu": cpu}},
    }


def pod(
    name: str, owner: str, spec: Object, *, at: tuple[str, str], ready: bool = True, **labels: str
) -> Object:
    """Return a pod at (node, address)."""
    return {
        "metadata": {"name": name, "labels": labels, "ownerReferences": [{"name": owner}]},
        "spec": {**spec, "nodeName": at[0]},
        "status": {"podIP": at[1], "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def dnsmasq(*arguments: str, image: str = "registry.example/k8s-dns-dnsmasq-nanny:1.26.7") -> Object:
    """Return the specification of a kube-dns pod."""
    kubedns = {"name": "kubedns", "image": "k8s-dns-kube-dns:1.26.7", "args": ["--domain=cluster.local."]}
    front = {"name": "dnsmasq", "image": image, "args": list(arguments), "ports": [{"containerPort": 53}]}
    return {"containers": [kubedns, front]}


def coredns(image: str = "registry.example/coredns:v1.13.1") -> Object:
    """Return the specification of a CoreDNS pod."""
    container = {
        "name": "coredns",
        "image": image,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"containerPort": 53}],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    return {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": "coredns"}}]}


def node_cache(
    image: str = "registry.example/k8s-dns-node-cache:1.26.7", ips: str = "169.254.20.10"
) -> Object:
    """Return the specification of a NodeLocal DNSCache pod."""
    container = {
        "name": "node-cache",
        "image": image,
        "args": ["-localip", ips, "-conf", "/etc/Corefile", "-upstreamsvc", "kube-dns-upstream"],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    source = {"name": "node-local-dns", "items": [{"key": "Corefile", "path": "Corefile.base"}]}
    return {"containers": [container], "volumes": [{"name": "config", "configMap": source}]}


def service(name: str, address: str, namespace: str = SYSTEM, **selector: str) -> Object:
    """Return a Service that takes queries."""
    spec = {"clusterIP": address, "clusterIPs": [address], "selector": selector, "ports": [{"port": 53}]}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def endpoints(service_name: str, *pods: Object, port: int = 53) -> Object:
    """Return the EndpointSlice of a Service with these pods behind it."""
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service_name}},
        "ports": [{"port": port}],
        "endpoints": [
            {
                "addresses": [one["status"]["podIP"]],
                "conditions": {"ready": one["status"]["conditions"][0]["status"] == "True"},
                "nodeName": one["spec"]["nodeName"],
                "targetRef": {"name": one["metadata"]["name"]},
            }
            for one in pods
        ],
    }


def configmap(name: str, **data: str) -> Object:
    """Return a ConfigMap."""
    return {"metadata": {"name": name}, "data": data}


def workload(name: str, spec: Object, **labels: str) -> Object:
    """Return a Deployment or DaemonSet."""
    return {
        "metadata": {"name": name},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
    }


APIS = {
    **dict.fromkeys(("pods", "services", "configmaps", "nodes", "namespaces"), "/api/v1"),
    **dict.fromkeys(("deployments", "daemonsets"), "/apis/apps/v1"),
    "endpointslices": "/apis/discovery.k8s.io/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "ciliumlocalredirectpolicies": "/apis/cilium.io/v2",
}


def serve(api_server: ApiServer, namespace: str = SYSTEM, **objects: list[Object]) -> None:
    """Let the server list these objects of a namespace, by resource, and no others there; and the nodes."""
    for resource, api in APIS.items():
        listed = objects.get(resource, [])
        whole = f"GET {api}/{resource}"
        if resource != "nodes":
            for one in listed:
                if isinstance(one.get("metadata"), dict):
                    one["metadata"].setdefault("namespace", namespace)
            api_server.answers[f"GET {api}/namespaces/{namespace}/{resource}"] = _listing(listed)
            there = api_server.answers.get(whole, _listing([]))
            before = there[1].get("items", ()) if isinstance(there, tuple) else ()
            listed = [*(one for one in before if one["metadata"].get("namespace") != namespace), *listed]
        if resource != "nodes" or "nodes" in objects:
            api_server.answers[whole] = _listing(listed)
        for one in objects.get(resource, []):
            if isinstance(one.get("metadata"), dict) and resource != "nodes":
                path = f"GET {api}/namespaces/{namespace}/{resource}/{one['metadata'].get('name')}"
                api_server.answers[path] = 200, one


def _listing(objects: list[Object]) -> tuple[int, Any]:
    return 200, {"metadata": {}, "items": objects}
