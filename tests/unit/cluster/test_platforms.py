"""Clusters after public reports: what serves their DNS, on pods and on nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clusterdns.cluster.facts import read_topology
from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import LayerKind
from clusterdns.settings import Settings
from clusterdns.verdicts import tcp_paths, topology
from clusterdns.verdicts.topology import identify
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import COREFILE, NODE_COREFILE, nodes, together
from tests.unit.cluster.objects import configmap, serve

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.cluster.conftest import Read
    from tests.unit.conftest import ApiServer

SETTINGS = Settings.load({"cluster": "lab", "profile": "audit"}, {})
PASSED, WARNED, FAILED = Outcome.PASSED, Outcome.WARNED, Outcome.FAILED


def test_a_service_leads_to_pods_on_any_port(read: Read) -> None:
    """A vcluster's CoreDNS, and a Gardener shoot's, listen on a port of their own."""
    spec = clusters.coredns_spec(port=1053)
    found = read(clusters.coredns(COREFILE.replace(".:53", ".:1053"), spec, target=1053))
    (layer,) = found.layers
    assert (layer.kind, layer.port, layer.ready) == (LayerKind.COREDNS, 1053, 2)
    assert found.services[0].backends[0].port == 1053
    assert (found.port_of(found.services[0].backends[0].address), found.port_of("10.96.0.10")) == (1053, 53)
    assert identify(found).outcome is PASSED


def test_dns_is_found_in_another_namespace_under_another_name(read: Read) -> None:
    """OpenShift: namespace openshift-dns, container "dns", image by digest, port 5353."""
    one = clusters.container("dns", f"quay.example/art@sha256:{'1' * 64}", "-conf", "/etc/coredns/Corefile")
    one |= {"command": ["coredns"], "ports": [{"name": "dns", "containerPort": 5353, "protocol": "UDP"}]}
    spec = clusters.mounted(one, dns_default="/etc/coredns")
    pods = clusters.with_pods("daemonsets", "dns-default", spec, ("n1", "n2", "n3"), dns="default")
    found = read(
        pods,
        clusters.service("dns-default", "172.30.0.10", pods["pods"], target=5353, dns="default"),
        {"configmaps": [configmap("dns-default", Corefile=COREFILE.replace(".:53", ".:5353"))]},
        {"nodes": nodes("n1", "n2", "n3", labels={"node.openshift.io/os_id": "rhcos"})},
        namespace="openshift-dns",
    )
    (layer,) = found.layers
    assert (layer.kind, layer.name, layer.port) == (LayerKind.COREDNS, "openshift-dns/dns-default", 5353)
    assert layer.version.assumed
    assert (found.provider.name, found.namespaces) == ("OpenShift", ("openshift-dns",))
    assert identify(found).outcome is PASSED
    assert topology.redundancy(found).outcome is WARNED  # for want of a budget only


def test_nameservers_that_pods_are_told_lead_anywhere(
    read: Read, api_server: ApiServer, cluster: Cluster
) -> None:
    pods = clusters.with_pods("deployments", "names", clusters.coredns_spec(), ("n1", "n2"), a="b")
    serve(
        api_server,
        "platform",
        **together(pods, clusters.service("resolver", "10.96.5.5", pods["pods"], a="b")),
        configmaps=[configmap("coredns", Corefile=COREFILE)],
    )
    found = read({"nodes": nodes()}, nameservers={"10.96.5.5": "resolv.conf of probe pods"})
    assert [layer.name for layer in found.layers] == ["platform/names"]
    assert [str(fact) for fact in found.nameservers] == ["10.96.5.5 (resolv.conf of probe pods)"]
    kubelet = "clusterDNS: [10.96.5.5]\nclusterDomain: k8s.example."
    found = read({"configmaps": [configmap("kubelet-config", kubelet=kubelet)], "nodes": nodes()})
    assert [layer.name for layer in found.layers] == ["platform/names"]
    assert str(found.zone) == "k8s.example (ConfigMap kubelet-config, kubelet: clusterDomain)"
    assert read_topology(cluster, zone="said.example").zone.value == "said.example"


def test_a_nameserver_that_nothing_explains_is_named(read: Read) -> None:
    found = read(clusters.coredns(), nameservers={"10.1.2.3": "resolv.conf of probe pods"})
    verdict = identify(found)
    assert verdict.outcome is WARNED
    assert verdict.reason.startswith(
        "10.1.2.3 (resolv.conf of probe pods) is the address of none of 1 Services"
    )


def test_a_server_of_somebody_elses_is_not_the_clusters(read: Read, api_server: ApiServer) -> None:
    """A virtual cluster's DNS seen from its host, and a Service on port 53 that no pod is told of."""
    for namespace, label in (("team-a", {"vcluster.loft.sh/managed-by": "x"}), ("tools", {})):
        pods = clusters.with_pods("deployments", "dns", clusters.coredns_spec(), ("n1",), k="dns")
        others = together(pods, clusters.service("dns", f"10.96.9.{len(label)}", pods["pods"], k="dns"))
        others["services"][0]["metadata"]["labels"] = {"k8s-app": "kube-dns", **label}
        serve(api_server, namespace, **others)
    assert [layer.name for layer in read(clusters.coredns()).layers] == ["kube-system/coredns"]


def test_a_workload_without_a_pod_serves_nothing_where_others_do(read: Read) -> None:
    """KOps keeps kube-dns at no replicas, with the labels that CoreDNS has, too."""
    idle = clusters.with_pods("deployments", "kube-dns", clusters.kube_dns_spec(), (), app="dns")
    cache = clusters.node_cache("10.96.0.10", clusters.node_cache_spec("-upstreamsvc", "kube-dns"))
    found = read(clusters.coredns(), idle, cache)
    assert [layer.name for layer in found.layers] == ["kube-system/node-local-dns", "kube-system/coredns"]
    assert tcp_paths.no_tcp_into_dnsmasq(found).outcome is PASSED
    assert topology.redundancy(found).outcome is PASSED


def test_nodes_that_run_no_daemonset_and_pods_that_wait_do_not_count(read: Read) -> None:
    """EKS Fargate."""
    fargate = nodes("f1", "f2", labels={"eks.amazonaws.com/compute-type": "fargate"})
    found = read(
        clusters.kube_dns(),
        clusters.node_cache(on=("n1", "n2", "n3", "f1!", "f2!")),
        {"nodes": [*nodes(), *fargate]},
    )
    assert found.provider.name == "EKS"
    assert (set(found.nodes), found.total) == ({"n1", "n2", "n3"}, 5)
    assert set(found.left_out) == {"f1", "f2"}
    assert all(why.startswith("is EKS Fargate") for why in found.left_out.values())
    assert topology.nodelocal_coverage(found).outcome is PASSED
    capacity = tcp_paths.tcp_capacity(found, SETTINGS).measurements
    assert isinstance(capacity, tcp_paths.TcpCapacity)
    assert capacity.arithmetic.startswith("3 nodes ")


def test_dns_that_is_part_of_the_node_is_known_as_such(read: Read) -> None:
    """EKS Auto Mode, with and without the Service that some keep."""
    auto = {"nodes": nodes("i-1", "i-2", labels={"eks.amazonaws.com/compute-type": "auto"})}
    for parts in ((auto,), (clusters.service("kube-dns", "172.20.0.10", app="kube-dns"), auto)):
        found = read(*parts)
        assert [(layer.kind, layer.nodes) for layer in found.layers] == [(LayerKind.NODE_DNS, ("i-1", "i-2"))]
        assert identify(found).outcome is PASSED
        assert topology.redundancy(found).outcome is PASSED
    assert "172.20.0.10" in found.addresses()


def test_pods_that_ask_cloud_dns_do_so_although_kube_dns_runs_on(read: Read) -> None:
    gke = {"nodes": nodes(labels={"cloud.google.com/gke-nodepool": "p"})}
    asked = {"169.254.169.254": "resolv.conf of pods"}
    found = read(clusters.kube_dns(), gke, nameservers=asked)
    assert [layer.kind for layer in found.layers] == [LayerKind.CLOUD_DNS, LayerKind.KUBE_DNS]
    assert found.unexplained == ()
    assert [layer.kind for layer in read(clusters.kube_dns(), gke).layers] == [LayerKind.KUBE_DNS]


def test_localdns_of_aks_forwards_by_tcp_into_what_the_service_leads_to(read: Read) -> None:
    labels = {"kubernetes.azure.com/cluster": "c", "kubernetes.azure.com/localdns-state": "enabled"}
    aks = {"nodes": [*nodes("n1", "n2", labels=labels), *nodes("n3")]}
    found = read(clusters.coredns(), aks, nameservers={"169.254.10.11": "resolv.conf of probe pods"})
    daemon = found.layers[0]
    assert (daemon.name, daemon.nodes) == ("AKS LocalDNS", ("n1", "n2"))
    assert found.unexplained == ()
    by_tcp = tcp_paths.no_tcp_into_dnsmasq(found).measurements
    assert isinstance(by_tcp, tcp_paths.PathsByTcp)
    assert by_tcp.paths_by_tcp
    assert tcp_paths.no_tcp_into_dnsmasq(found).outcome is PASSED
    assert tcp_paths.forward_pool(found).outcome is PASSED
    behind = clusters.service("a-name-before-it", "10.96.0.53", app="names")
    into_dnsmasq = read(clusters.kube_dns(), behind, aks)
    assert tcp_paths.no_tcp_into_dnsmasq(into_dnsmasq).outcome is FAILED
    assert tcp_paths.forward_pool(into_dnsmasq).outcome is FAILED
    assert "AKS LocalDNS (version not known)" in tcp_paths.forward_pool(into_dnsmasq).reason
    assert tcp_paths.tcp_capacity(into_dnsmasq, SETTINGS).reason.startswith("2 nodes ")


def test_a_daemon_that_nothing_labels_is_known_by_its_address(read: Read) -> None:
    talos = {"nodes": nodes()}
    for one in talos["nodes"]:
        one["status"]["nodeInfo"] = {"osImage": "Talos (v1.11.0)"}
    text = COREFILE.replace("/etc/resolv.conf", "169.254.116.108")
    daemon = read(clusters.coredns(text), talos).layers[0]
    assert (daemon.name, daemon.nodes) == ("Talos' host DNS", ("n1", "n2", "n3"))


def test_a_redirect_policy_reaches_a_cache_whose_address_no_interface_has(
    read: Read, api_server: ApiServer, cluster: Cluster
) -> None:
    flags = ("-upstreamsvc", "kube-dns-upstream", "-setupinterface=false", "-setupiptables=false")
    spec = clusters.node_cache_spec(*flags, host=False)
    corefile = NODE_COREFILE.replace("bind 169.254.20.10 10.96.0.10", "bind 0.0.0.0")
    parts = (clusters.coredns(), clusters.node_cache(spec=spec, corefile=corefile))
    upstream = clusters.service("kube-dns-upstream", "10.96.0.77", parts[0]["pods"], app="dns")
    cache = read(*parts, upstream).layers[0]
    assert (cache.kind, cache.addresses) == (LayerKind.NODE_LOCAL, ())
    policy = {
        "metadata": {"name": "lrp"},
        "spec": {
            "redirectFrontend": {"serviceMatcher": {"serviceName": "kube-dns", "namespace": "kube-system"}},
            "redirectBackend": {"localEndpointSelector": {"matchLabels": {"app": "node-local-dns"}}},
        },
    }
    found = read(*parts, upstream, {"ciliumlocalredirectpolicies": [policy]})
    assert found.layers[0].redirect == "CiliumLocalRedirectPolicy kube-system/lrp"
    assert set(found.node_local_addresses()) == {"10.96.0.10"}
    refusal = {"message": "User cannot list resource"}
    api_server.answers["GET /apis/cilium.io/v2/ciliumlocalredirectpolicies"] = 403, refusal
    refused = read_topology(cluster)
    assert refused.not_read[0].startswith("redirects to node caches: not allowed to list")


def test_a_plain_coredns_on_an_address_of_the_node_is_a_node_cache(read: Read) -> None:
    """Deckhouse."""
    text = ".:53 {\n kubeforward {\n namespace kube-system\n service_name kube-dns\n force_tcp\n }\n"
    text += " cache\n bind 10.96.0.10 169.254.20.10\n}\n"
    image = f"registry.example/modules@sha256:{'c' * 64}"
    spec = clusters.mounted(clusters.container("coredns", image), node_local_dns="/etc/coredns")
    found = read(clusters.kube_dns(), clusters.node_cache(spec={**spec, "hostNetwork": True}, corefile=text))
    cache = found.layers[0]
    assert (cache.kind, cache.faults) == (LayerKind.NODE_LOCAL, ())
    assert set(found.node_local_addresses()) == {"169.254.20.10", "10.96.0.10"}
    assert topology.nodelocal_coverage(found).outcome is PASSED
    assert tcp_paths.no_tcp_into_dnsmasq(found).outcome is FAILED
