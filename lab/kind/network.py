"""What a fresh kind cluster's network lacks: our nodes' plugins, kube-proxy's way to the API, an internet."""

import json
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

from lab import network
from lab.kind.docker import docker
from lab.kind.kubectl import NodeKubectl
from lab.paths import SOURCE
from lab.topology import Topology

_NAMESPACE = "internet"
_CONFIG = "/etc/internet"


def plug_pods(nodes: list[dict[str, Any]]) -> None:
    """Set up the CNI plugins of our own node image, and the routes between the nodes' pod networks."""

    def plug(node: dict[str, Any]) -> None:
        name = node["metadata"]["name"]
        config = json.dumps(network.cni_config(node["spec"]["podCIDRs"]))
        inside = ("exec", "--interactive", name)
        docker(*inside, "cp", "/dev/stdin", "/etc/cni/net.d/10-lab.conflist", stdin=config)
        routes = [
            f"route replace {cidr} via {via}"
            for other in nodes
            if other is not node
            for cidr, via in zip(other["spec"]["podCIDRs"], addresses(other), strict=True)
        ]
        docker(*inside, "ip", "-batch", "-", stdin="\n".join(routes) + "\n")

    with ThreadPoolExecutor() as pool:
        list(pool.map(plug, nodes))


def addresses(node: dict[str, Any]) -> list[str]:
    """Return a node's addresses in the order of its pod networks: by address family."""
    addresses = [
        address["address"] for address in node["status"]["addresses"] if address["type"] == "InternalIP"
    ]
    families = [ip_network(cidr).version for cidr in node["spec"]["podCIDRs"]]
    by_family = {ip_network(address).version: address for address in addresses}
    return [by_family[family] for family in families]


def repoint_kube_proxy(kubectl: NodeKubectl, cluster: str, nodes: list[dict[str, Any]]) -> None:
    """Let kube-proxy find the API server by address.

    kind has it ask Docker's DNS for the control plane's name, and a topology's resolv.conf
    leads elsewhere. Its pods, which do not find it, are made anew.
    """
    name = f"{cluster}-control-plane"
    control_plane = next(node for node in nodes if node["metadata"]["name"] == name)
    where = ("--namespace=kube-system", "configmap/kube-proxy")
    config = json.loads(kubectl("get", *where, "--output=json"))
    said = config["data"]["kubeconfig.conf"].replace(f"//{name}:", f"//{addresses(control_plane)[0]}:")
    kubectl("patch", *where, "--type=merge", f"--patch={json.dumps({'data': {'kubeconfig.conf': said}})}")
    pods = ("--namespace=kube-system", "--selector=k8s-app=kube-proxy")
    kubectl("delete", "pods", *pods, "--wait=false", "--now")


def internet(
    kubectl: NodeKubectl, nodes: list[dict[str, Any]], topology: Topology, dns_image: str, web_image: str
) -> None:
    """Give every node the lab's internet: its addresses, a DNS server for every name there is, a web.

    Args:
        kubectl: Of the cluster.
        nodes: All of the cluster's.
        topology: What the cluster is made as.
        dns_image: CoreDNS, as the nodes hold it.
        web_image: One with Python and openssl; "" for no web.
    """
    served = [address for address in network.INTERNET_ADDRESSES if address != topology.cluster_dns]
    lines = [f"address replace {address}/32 dev lo" for address in (*served, *network.WEB_ADDRESSES)]

    def add(node: dict[str, Any]) -> None:
        name = node["metadata"]["name"]
        docker("exec", "--interactive", name, "ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    with ThreadPoolExecutor() as pool:
        list(pool.map(add, nodes))
    kubectl.apply_objects(_internet(served, dns_image, web_image))


def _internet(served: list[str], dns_image: str, web_image: str) -> list[dict[str, Any]]:
    corefile = (SOURCE / "internet" / "Corefile").read_text()
    data = {
        "Corefile": corefile.replace(" ".join(network.INTERNET_ADDRESSES), " ".join(served)),
        "root.zone": (SOURCE / "internet" / "root.zone").read_text(),
        "web.py": (SOURCE / "web.py").read_text(),
    }
    labels = {"app": _NAMESPACE}
    common: dict[str, Any] = {
        "imagePullPolicy": "IfNotPresent",
        "volumeMounts": [{"name": "config", "mountPath": _CONFIG}],
    }
    dns: dict[str, Any] = {
        "name": "dns",
        "image": dns_image,
        "args": ["-conf", f"{_CONFIG}/Corefile"],
        "env": [{"name": "INTERNET", "value": _CONFIG}],
    }
    web: dict[str, Any] = {
        "name": "web",
        "image": web_image,
        "command": ["python3", f"{_CONFIG}/web.py", "/tmp", *network.WEB_ADDRESSES],  # noqa: S108 - the pod's own
        "securityContext": {"runAsUser": 0},
    }
    spec = {
        "hostNetwork": True,
        "dnsPolicy": "Default",
        "tolerations": [{"operator": "Exists"}],
        "containers": [{**container, **common} for container in ([dns, web] if web_image else [dns])],
        "volumes": [{"name": "config", "configMap": {"name": _NAMESPACE}}],
    }
    metadata = {"name": _NAMESPACE, "namespace": _NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata,
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
    ]
