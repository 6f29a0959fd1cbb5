from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.facts import read_topology
from clusterdns.model.autoscaling import Ladder, Linear
from clusterdns.model.topology import FORWARD_LIMIT, TCP_LIMIT, LayerKind, Topology
from tests.unit.cluster.objects import (
    COREFILE,
    configmap,
    coredns,
    dnsmasq,
    endpoints,
    node,
    node_cache,
    pod,
    serve,
    service,
    workload,
)

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

GKE = {"cloud.google.com/gke-nodepool": "p", "topology.kubernetes.io/zone": "z"}
STOCK = ("-k", "--no-negcache", "--server=/cluster.local/127.0.0.1#10053", "--server=8.8.8.8", "--no-resolv")


def incident(**changed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Two nodes of GKE with a node cache each, in front of two kube-dns pods."""
    labels: Any = {"k8s-app": "kube-dns", "pod-template-hash": "abc"}
    behind = [
        pod(
            f"kube-dns-abc-{index}",
            "kube-dns-abc",
            dnsmasq(*STOCK),
            at=(f"n{index}", f"10.0.0.{index}"),
            **labels,
        )
        for index in (1, 2)
    ]
    caches = [
        pod(f"cache-{index}", "node-local-dns", node_cache(), at=(f"n{index}", f"10.1.0.{index}"), a="cache")
        for index in (1, 2)
    ]
    return {
        "nodes": [node("n1", GKE), node("n2", GKE)],
        "pods": [*behind, *caches],
        "daemonsets": [workload("node-local-dns", node_cache(), a="cache")],
        "deployments": [workload("kube-dns", dnsmasq(*STOCK), **{"k8s-app": "kube-dns"})],
        "services": [
            service("kube-dns", "10.96.0.10", **{"k8s-app": "kube-dns"}),
            service("kube-dns-upstream", "10.96.0.20", **{"k8s-app": "kube-dns"}),
        ],
        "endpointslices": [endpoints("kube-dns", *behind), endpoints("kube-dns-upstream", *behind)],
        "configmaps": [
            configmap("node-local-dns", Corefile=COREFILE),
            configmap("kube-dns", stubDomains='{"corp.example": ["10.9.9.9"]}'),
            configmap(
                "kube-dns-autoscaler",
                linear='{"coresPerReplica":256,"nodesPerReplica":16,"preventSinglePointFailure":true}',
            ),
        ],
        **changed,
    }


@pytest.fixture
def read(api_server: ApiServer, cluster: Cluster) -> Any:
    """Serves objects of kube-system and reads the topology."""

    def read(**objects: list[dict[str, Any]]) -> Topology:
        serve(api_server, "kube-system", **objects)
        return read_topology(cluster)

    return read


def test_the_incident_is_read_as_it_stands(read: Any) -> None:
    found: Topology = read(**incident())
    cache, behind = found.layers
    assert (cache.kind, cache.name) == (LayerKind.NODE_LOCAL, "kube-system/node-local-dns")
    assert (str(cache.coredns), cache.upstream) == (
        "1.13.1 (release 1.26.7 of node-cache)",
        "kube-system/kube-dns-upstream",
    )
    by_tcp, rest = cache.forwards
    assert (by_tcp.zones, by_tcp.upstreams, by_tcp.force_tcp, by_tcp.expire) == (
        ("cluster.local",),
        ("10.96.0.20",),
        True,
        1.0,
    )
    assert by_tcp.source == "ConfigMap node-local-dns, Corefile, line 5"
    assert (rest.upstreams, rest.force_tcp) == (("/etc/resolv.conf",), False)
    assert cache.caches_denials.value
    assert cache.faults == ()

    assert (behind.kind, behind.name, behind.ready, behind.nodes) == (
        LayerKind.KUBE_DNS,
        "kube-system/kube-dns",
        2,
        ("n1", "n2"),
    )
    assert str(behind.limits[TCP_LIMIT]) == "20 (compiled into dnsmasq 2.90)"
    assert str(behind.limits[FORWARD_LIMIT]) == "150 (dnsmasq's default)"
    assert not behind.caches_denials.value
    assert behind.forwards[0].upstreams == ("8.8.8.8",)
    assert behind.budget is None

    upstream = found.behind("10.96.0.20:53")
    assert upstream is not None
    assert [backend.layer for backend in upstream.ready] == ["kube-system/kube-dns"] * 2
    one_pod = found.behind("10.0.0.1")
    assert one_pod is not None
    assert one_pod.name == "kube-system/kube-dns-abc-1"
    assert (found.zone.value, found.zone.assumed) == ("cluster.local", False)
    assert (found.schedulable, found.cores) == (2, 4.0)
    assert found.autoscaler is not None
    assert found.autoscaler.value == Linear(256, 16, prevent_single_point_failure=True)
    assert found.stub_domains == {"corp.example": ("10.9.9.9",)}
    assert found.provider.name == "GKE"
    assert found.nodes == {"n1": "z", "n2": "z"}


def test_a_corefile_that_cannot_be_parsed_is_a_fault_and_the_worst_is_assumed(read: Any) -> None:
    maps = [configmap("node-local-dns", Corefile="cluster.local:53 {\n    forward . x {\n")]
    cache = read(**incident(configmaps=maps)).layers[0]
    (fault,) = cache.faults
    assert fault.startswith("ConfigMap node-local-dns, Corefile is refused by CoreDNS: line 2, column 17: ")
    (assumed,) = cache.forwards
    assert (assumed.assumed, assumed.force_tcp, assumed.upstreams) == (True, True, ("10.96.0.20",))
    assert cache.caches_denials.assumed


def test_a_missing_configmap_is_a_fault_unless_it_is_optional(read: Any) -> None:
    cache = read(**incident(configmaps=[])).layers[0]
    assert cache.faults == ("ConfigMap node-local-dns is missing: no new pod can start",)
    assert cache.forwards[0].assumed


def test_force_tcp_is_found_in_files_that_are_imported(read: Any) -> None:
    corefile = "cluster.local:53 {\n forward . 10.96.0.20 {\n  import coredns/tcp.conf\n }\n}"
    objects = incident(
        configmaps=[configmap("node-local-dns", **{"Corefile": corefile, "tcp.conf": "force_tcp"})]
    )
    for one in objects["pods"]:
        if one["metadata"]["name"].startswith("cache"):
            one["spec"]["volumes"][0]["configMap"]["items"].append({"key": "tcp.conf", "path": "tcp.conf"})
    assert read(**objects).layers[0].forwards[0].force_tcp


def test_nodes_that_run_no_linux_pods_are_left_out(read: Any) -> None:
    nodes = [
        node("n1", cpu="3920m"),
        node("windows", {"kubernetes.io/os": "windows"}),
        node("virtual", {"type": "virtual-kubelet"}),
        node("cordoned", unschedulable=True),
    ]
    found = read(**incident(nodes=nodes))
    assert set(found.nodes) == {"n1", "cordoned"}
    assert set(found.left_out) == {"windows", "virtual"}
    assert (found.schedulable, found.cores) == (3, pytest.approx(7.92))


def test_kube_dns_scaled_to_zero_is_still_there(read: Any) -> None:
    objects = incident(endpointslices=[], nodes=[node("n1")])
    objects["pods"] = [one for one in objects["pods"] if one["metadata"]["name"].startswith("cache")]
    found = read(**objects)
    behind = found.of_kind(LayerKind.KUBE_DNS)[0]
    assert (behind.replicas, behind.ready) == (0, 0)
    service_ = found.behind("10.96.0.20")
    assert service_.selects == ("kube-system/kube-dns",)
    assert service_.ready == ()


def test_cloud_dns_serves_where_gke_runs_nothing_else(read: Any) -> None:
    found = read(nodes=[node("n1", GKE)])
    assert [layer.kind for layer in found.layers] == [LayerKind.CLOUD_DNS]
    assert (found.zone.value, found.zone.assumed) == ("cluster.local", True)


def test_several_daemonsets_are_layers_of_their_own(read: Any) -> None:
    objects = incident()
    arm = node_cache(image="node-cache:9.9", ips="169.254.20.11")
    objects["daemonsets"].append(workload("cache-arm", arm, a="arm"))
    objects["pods"].append(pod("other-1", "cache-arm", arm, at=("n1", "10.1.0.9"), a="arm"))
    caches = read(**objects).of_kind(LayerKind.NODE_LOCAL)
    assert [layer.name for layer in caches] == ["kube-system/cache-arm", "kube-system/node-local-dns"]
    assert caches[0].coredns is not None
    assert caches[0].coredns.assumed


def test_what_is_forwarded_to_in_another_namespace_is_followed(read: Any, api_server: ApiServer) -> None:
    corefile = "cluster.local:53 {\n forward . 10.96.7.7 {\n force_tcp\n }\n}"
    elsewhere = pod(
        "dns-0",
        "dns",
        dnsmasq("--max-tcp-connections", "200", "-0", "1500"),
        at=("n1", "10.0.7.7"),
        app="dns",
    )
    dns = service("names", "10.96.7.7", "other", app="dns")
    serve(
        api_server, "other", pods=[elsewhere], services=[dns], endpointslices=[endpoints("names", elsewhere)]
    )
    found = read(**incident(configmaps=[configmap("node-local-dns", Corefile=corefile)]))
    behind = found.behind("10.96.7.7")
    assert behind.name == "other/names"
    assert (
        str(found.layer("other/dns").limits[TCP_LIMIT]) == "200 (argument --max-tcp-connections of dnsmasq)"
    )
    assert (
        str(found.layer("other/dns").limits[FORWARD_LIMIT]) == "1500 (argument --dns-forward-max of dnsmasq)"
    )


def test_coredns_is_told_by_its_image_and_its_corefile(read: Any) -> None:
    text = ".:53 {\n kubernetes k8s.example\n forward . 9.9.9.9\n cache\n}"
    spec = coredns()
    found = read(
        nodes=[node("n1")],
        pods=[pod("a", "coredns", spec, at=("n1", "10.0.0.1"), app="dns")],
        services=[service("kube-dns", "10.96.0.10", app="dns")],
        configmaps=[
            configmap("coredns", Corefile=text),
            configmap("dns-autoscaler", ladder='{"nodesToReplicas":[[1,1],[3,2]]}'),
        ],
        poddisruptionbudgets=[
            {"metadata": {"name": "other"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}},
            {
                "metadata": {"name": "dns"},
                "spec": {
                    "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["dns"]}]}
                },
            },
        ],
    )
    (layer,) = found.layers
    assert (layer.kind, layer.version.value, layer.budget) == (LayerKind.COREDNS, "1.13.1", "dns")
    assert (found.zone.value, layer.caches_denials.value) == ("k8s.example", True)
    assert found.autoscaler.value == Ladder(nodes=((1, 1), (3, 2)))


def test_parameters_that_cannot_be_read_are_told(read: Any) -> None:
    found = read(nodes=[node("n1")], configmaps=[configmap("kube-dns-autoscaler", linear="{")])
    assert found.autoscaler.value is None
    assert "ConfigMap kube-dns-autoscaler, linear cannot be read" in found.autoscaler.source
