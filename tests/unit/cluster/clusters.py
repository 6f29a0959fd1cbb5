"""Clusters as platforms make them, small: their objects, with pods and EndpointSlices for every workload."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.unit.cluster.objects import configmap, node

Object = dict[str, Any]

COREFILE = """\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
"""

NODE_COREFILE = """\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . UPSTREAM {
        force_tcp
    }
    prometheus :9253
}
.:53 {
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . __PILLAR__UPSTREAM__SERVERS__
}
"""
CLUSTER_DNS = "__PILLAR__CLUSTER__DNS__"


def nodes(*names: str, labels: Mapping[str, str] | None = None) -> list[Object]:
    """Return nodes; n1, n2 and n3 where none is named."""
    return [node(name, labels) for name in names or ("n1", "n2", "n3")]


def container(name: str, image: str, *args: str, port: int = 53, **fields: Any) -> Object:
    """Return a container that takes queries on a port."""
    ports = [{"name": "dns", "containerPort": port, "protocol": "UDP"}]
    return {"name": name, "image": image, "args": list(args), "ports": ports, **fields}


def mounted(one: Object, **mounts: str) -> Object:
    """Return a specification of one container with ConfigMaps (name, "_" for "-") at paths."""
    names = {key: key.replace("_", "-") for key in mounts}
    one["volumeMounts"] = [{"name": names[key], "mountPath": path} for key, path in mounts.items()]
    volumes = [{"name": name, "configMap": {"name": name}} for name in names.values()]
    return {"containers": [one], "volumes": volumes}


def coredns_spec(image: str = "coredns/coredns:1.11.3", port: int = 53, **fields: Any) -> Object:
    """Return the specification of a CoreDNS pod that reads ConfigMap coredns."""
    one = container("coredns", image, "-conf", "/etc/coredns/Corefile", port=port, **fields)
    return mounted(one, coredns="/etc/coredns")


def kube_dns_spec(*dnsmasq: str, tag: str = "1.26.7") -> Object:
    """Return the specification of a kube-dns pod."""
    kubedns = {"name": "kubedns", "image": f"k8s-dns-kube-dns:{tag}", "args": ["--domain=cluster.local."]}
    arguments = ("-v=2", "--", "-k", "--no-negcache", *dnsmasq)
    return {"containers": [kubedns, container("dnsmasq", f"k8s-dns-dnsmasq-nanny:{tag}", *arguments)]}


def node_cache_spec(
    *args: str, ips: str = "169.254.20.10,10.96.0.10", tag: str = "1.22.28", host: bool = True, **fields: Any
) -> Object:
    """Return the specification of a NodeLocal DNSCache pod that reads ConfigMap node-local-dns."""
    arguments = ("-localip", ips, "-conf", "/etc/Corefile", *args)
    one = container("node-cache", f"registry.example/dns/k8s-dns-node-cache:{tag}", *arguments, **fields)
    spec = mounted(one, node_local_dns="/etc/coredns")
    spec["volumes"][0]["configMap"]["items"] = [{"key": "Corefile", "path": "Corefile.base"}]
    return {**spec, "hostNetwork": host}


def with_pods(
    kind: str, name: str, spec: Object, on: Sequence[str], **labels: str
) -> dict[str, list[Object]]:
    """Return a workload and its pods; a node with "!" has a pod that waits for it."""
    template = {"metadata": {"labels": labels}, "spec": spec}
    selector = {"matchLabels": labels}
    pods = []
    for index, where in enumerate(on):
        ready = not where.endswith("!")
        pods.append(
            {
                "metadata": {
                    "name": f"{name}-{index}",
                    "labels": labels,
                    "ownerReferences": [{"name": name}],
                },
                "spec": {**spec, **({"nodeName": where} if ready else {})},
                "status": {
                    "podIP": f"10.{len(name)}.0.{index}" if ready else "",
                    "conditions": [{"type": "Ready", "status": str(ready)}],
                },
            }
        )
    workload = {"metadata": {"name": name}, "spec": {"selector": selector, "template": template}}
    return {kind: [workload], "pods": pods}


def service(
    name: str, address: str, pods: Sequence[Object] = (), *, target: int = 53, **selector: str
) -> dict[str, list[Object]]:
    """Return a Service on port 53 and its EndpointSlice with those of the pods that it selects."""
    spec = {
        "clusterIP": address,
        "clusterIPs": [address],
        "selector": selector,
        "ports": [{"name": "dns", "port": 53, "targetPort": target}],
    }
    behind = [pod for pod in pods if selector and selector.items() <= pod["metadata"]["labels"].items()]
    endpoints = [
        {
            "addresses": [pod["status"]["podIP"]],
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
        }
        for pod in behind
        if pod["status"]["podIP"]
    ]
    slice_ = {
        "metadata": {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "dns", "port": target}],
        "endpoints": endpoints,
    }
    return {"services": [{"metadata": {"name": name}, "spec": spec}], "endpointslices": [slice_]}


def together(*parts: Mapping[str, list[Object]]) -> dict[str, list[Object]]:
    """Return the objects of several parts, by resource."""
    found: dict[str, list[Object]] = {}
    for part in parts:
        for resource, objects in part.items():
            found.setdefault(resource, []).extend(objects)
    return found


def budget(name: str = "dns", **spec: Any) -> dict[str, list[Object]]:
    """Return a PodDisruptionBudget."""
    return {"poddisruptionbudgets": [{"metadata": {"name": name}, "spec": {"minAvailable": 1, **spec}}]}


def coredns(
    corefile: str = COREFILE,
    spec: Object | None = None,
    *,
    on: Sequence[str] = ("n1", "n2"),
    target: int = 53,
    **maps: str,
) -> dict[str, list[Object]]:
    """Return CoreDNS behind Service kube-dns, with a budget."""
    workload = with_pods("deployments", "coredns", spec or coredns_spec(), on, app="dns")
    return together(
        workload,
        service("kube-dns", "10.96.0.10", workload["pods"], target=target, app="dns"),
        budget(selector={"matchLabels": {"app": "dns"}}),
        {"configmaps": [configmap("coredns", Corefile=corefile, **maps)]},
    )


def kube_dns(*dnsmasq: str, on: Sequence[str] = ("n1", "n2"), tag: str = "1.26.7") -> dict[str, list[Object]]:
    """Return kube-dns behind Services kube-dns and kube-dns-upstream, with a budget."""
    workload = with_pods("deployments", "kube-dns", kube_dns_spec(*dnsmasq, tag=tag), on, app="dns")
    return together(
        workload,
        service("kube-dns", "10.96.0.10", workload["pods"], app="dns"),
        service("kube-dns-upstream", "10.96.0.77", workload["pods"], app="dns"),
        budget(selector={"matchLabels": {"app": "dns"}}),
    )


def node_cache(
    upstream: str = CLUSTER_DNS,
    spec: Object | None = None,
    *,
    corefile: str = NODE_COREFILE,
    on: Sequence[str] = ("n1", "n2", "n3"),
) -> dict[str, list[Object]]:
    """Return NodeLocal DNSCache that asks an upstream, by TCP where names are the cluster's."""
    own = spec or node_cache_spec("-upstreamsvc", "kube-dns-upstream")
    return together(
        with_pods("daemonsets", "node-local-dns", own, on, app="node-local-dns"),
        {
            "configmaps": [
                configmap(
                    "node-local-dns", Corefile=corefile.replace("forward . UPSTREAM", f"forward . {upstream}")
                )
            ]
        },
    )
