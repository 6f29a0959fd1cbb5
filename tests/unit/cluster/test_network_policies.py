from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.facts import read_topology
from clusterdns.cluster.network_policies import read_network_policies
from clusterdns.errors import PermissionMissing
from clusterdns.model.network_policies import Peer, Port, Rule
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import nodes, together
from tests.unit.cluster.objects import serve

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}


def asking(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": spec,
        "status": {"phase": "Running"},
    }


def serve_all(api_server: ApiServer, *policies: dict[str, Any]) -> None:
    dns = together({"nodes": nodes()}, clusters.coredns(spec=clusters.coredns_spec(port=1053), target=1053))
    serve(api_server, "kube-system", **dns)
    pods = [
        asking("web-1"),
        asking("web-2", dnsPolicy="ClusterFirst"),
        asking("host", hostNetwork=True),
        asking("own", dnsPolicy="Default"),
        {**asking("done"), "status": {"phase": "Succeeded"}},
    ]
    serve(api_server, "shop", pods=pods, networkpolicies=list(policies))
    listed: list[Any] = [
        {"metadata": {"name": name, "labels": {}}} for name in ("kube-system", "shop", "quiet")
    ]
    api_server.answers["GET /api/v1/namespaces"] = 200, {"metadata": {}, "items": listed}


def test_policies_and_the_pods_that_they_are_about_are_read(api_server: ApiServer, cluster: Cluster) -> None:
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
    ports = [{"port": 53, "protocol": "UDP", "endPort": 54}, {"port": "dns"}, {}]
    rule = {"to": [{"ipBlock": block}, {"podSelector": {}}, {"namespaceSelector": {}}], "ports": ports}
    serve_all(api_server, policy("out", policyTypes=["Egress"], egress=[rule]), policy("in", ingress=[{}]))
    ways = read_network_policies(cluster, read_topology(cluster))
    out, into = ways.policies.policies
    peers = (Peer(network="10.0.0.0/8", without=("10.1.0.0/16",)), Peer(pods={}), Peer(namespaces={}))
    assert out.egress == (Rule(peers, (Port("UDP", 53, 54), Port("TCP", "dns"), Port())),)
    assert (out.ingress, into.ingress, into.egress) == (None, (Rule(),), None)
    assert [(group.place.namespace, group.count, group.example) for group in ways.groups] == [
        ("shop", 2, "web-1")
    ]
    ((place, port), _) = ways.servers["kube-system/kube-dns"]
    assert (place.labels, place.ports, port) == ({"app": "dns"}, {"dns": 1053}, 1053)
    assert ways.policies.namespaces["quiet"] == {"kubernetes.io/metadata.name": "quiet"}


def test_without_policies_no_other_pod_is_read(api_server: ApiServer, cluster: Cluster) -> None:
    serve_all(api_server)
    found = read_topology(cluster)
    api_server.requests.clear()
    assert read_network_policies(cluster, found).groups == ()
    assert [request for request, _ in api_server.requests] == [
        "GET /apis/networking.k8s.io/v1/networkpolicies"
    ]


def test_policies_that_may_not_be_listed_are_a_missing_permission(
    api_server: ApiServer, cluster: Cluster
) -> None:
    serve_all(api_server, policy("in", ingress=[{}]))
    found = read_topology(cluster)
    for path, resource in (
        ("/api/v1/namespaces", "namespaces"),
        ("/apis/networking.k8s.io/v1/networkpolicies", "networkpolicies"),
    ):
        api_server.answers[f"GET {path}"] = 403, {"message": "User cannot list resource"}
        with pytest.raises(PermissionMissing, match=f"not allowed to list {resource}"):
            read_network_policies(cluster, found)
