"""Clusters after public reports: what is known of them, and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.facts import read_topology
from clusterdns.model.autoscaling import Ladder
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.topology import TCP_LIMIT, LayerKind, Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import autoscaling, tcp_paths, topology, upstreams
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import CLUSTER_DNS, COREFILE, NODE_COREFILE, nodes, together
from tests.unit.cluster.objects import configmap, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

    Read = Callable[..., Topology]

SETTINGS = Settings.load({"cluster": "lab", "profile": "audit"}, {})
PASSED, WARNED, FAILED = Outcome.PASSED, Outcome.WARNED, Outcome.FAILED


@pytest.fixture
def read(api_server: ApiServer, cluster: Cluster) -> Read:
    """Serves objects of a namespace and reads the topology."""

    def read(
        *parts: dict[str, list[dict[str, Any]]], namespace: str = "kube-system", **told: Any
    ) -> Topology:
        if namespace != "kube-system":
            serve(api_server)
        serve(
            api_server, namespace, **together({"nodes": nodes()} if "nodes" not in parts[-1] else {}, *parts)
        )
        return read_topology(cluster, **told)

    return read


def identified(found: Topology) -> Verdict:
    return topology.identify(found)


# -- from the pod outwards


def test_a_service_leads_to_pods_on_any_port(read: Read) -> None:
    """A vcluster's CoreDNS, and a Gardener shoot's, listen on a port of their own."""
    spec = clusters.coredns_spec(port=1053)
    found = read(clusters.coredns(COREFILE.replace(".:53", ".:1053"), spec, target=1053))
    (layer,) = found.layers
    assert (layer.kind, layer.port, layer.ready) == (LayerKind.COREDNS, 1053, 2)
    assert found.services[0].backends[0].port == 1053
    assert (found.port_of(found.services[0].backends[0].address), found.port_of("10.96.0.10")) == (1053, 53)
    assert identified(found).outcome is PASSED


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
    assert identified(found).outcome is PASSED
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
    verdict = identified(found)
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


# -- DNS of the node, without a pod


def test_dns_that_is_part_of_the_node_is_known_as_such(read: Read) -> None:
    """EKS Auto Mode, with and without the Service that some keep."""
    auto = {"nodes": nodes("i-1", "i-2", labels={"eks.amazonaws.com/compute-type": "auto"})}
    for parts in ((auto,), (clusters.service("kube-dns", "172.20.0.10", app="kube-dns"), auto)):
        found = read(*parts)
        assert [(layer.kind, layer.nodes) for layer in found.layers] == [(LayerKind.NODE_DNS, ("i-1", "i-2"))]
        assert identified(found).outcome is PASSED
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


# -- the Corefile as CoreDNS loads it


@pytest.mark.parametrize(
    ("custom", "reason"),
    [
        ({"log.override": "log\n", "corp.server": "corp.example:53 {\n forward . 10.1.1.1\n}\n"}, ""),
        ({"test.server": ". {\n whoami\n}\n"}, "coredns, Corefile is refused by CoreDNS: line"),
        (
            {"a.override": "hosts a {\n}\n", "b.override": "hosts b {\n}\n"},
            "b.override is refused by CoreDNS: line 1",
        ),
        (
            {"x.server": "x.example {\n kubernetes {\n upstream\n }\n}\n"},
            "x.server is refused by CoreDNS: line 3",
        ),
    ],
)
def test_what_is_imported_from_another_configmap_is_loaded_too(
    read: Read, custom: dict[str, str], reason: str
) -> None:
    """AKS and k3s: ConfigMap coredns-custom."""
    text = COREFILE.replace("    loadbalance\n", "    loadbalance\n    import custom/*.override\n")
    spec = clusters.coredns_spec()
    spec["containers"][0]["volumeMounts"].append({"name": "custom", "mountPath": "/etc/coredns/custom"})
    spec["volumes"].append({"name": "custom", "configMap": {"name": "coredns-custom", "optional": True}})
    dns = clusters.coredns(text + "import custom/*.server\n", spec)
    verdict = identified(read(dns, {"configmaps": [configmap("coredns-custom", **custom)]}))
    assert verdict.outcome is (FAILED if reason else PASSED)
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("environment", "upstream", "outcome"),
    [
        ({"env": [{"name": "CLUSTER_DNS", "value": "10.96.0.77"}]}, "{$CLUSTER_DNS}", FAILED),
        ({"env": [{"name": "CLUSTER_DNS", "value": "$(BASE)77"}]}, "{$CLUSTER_DNS}", FAILED),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "dns"}}}]},
            "{$A}",
            FAILED,
        ),
        ({"envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings"}}]}, "{$P_dns}", FAILED),
        ({}, "{$KUBE_DNS_UPSTREAM_SERVICE_HOST}", FAILED),
        ({}, "{%KUBE_DNS_UPSTREAM_PORT_53_TCP_ADDR%}", FAILED),
        ({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}, "{$A}", FAILED),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, "{$ANY}", FAILED),
        ({"env": [{"name": "A", "value": "10.20.30.40"}]}, "{$A}", PASSED),
    ],
)
def test_an_upstream_in_a_variable_is_the_address_that_it_holds_or_the_worst(
    read: Read, environment: dict[str, Any], upstream: str, outcome: Outcome
) -> None:
    if "env" in environment:
        environment["env"] = [{"name": "BASE", "value": "10.96.0."}, *environment["env"]]
    spec = clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream", **environment)
    found = read(
        clusters.kube_dns(),
        clusters.node_cache(upstream, spec),
        {"configmaps": [configmap("settings", dns="10.96.0.77")]},
    )
    verdict = tcp_paths.no_tcp_into_dnsmasq(found)
    assert verdict.outcome is outcome
    secret = "secret" in str(environment)
    assert ("(assumed" in verdict.reason) is (secret and outcome is FAILED)


def test_a_variable_that_is_nowhere_is_empty_and_so_refused(read: Read) -> None:
    verdict = identified(read(clusters.kube_dns(), clusters.node_cache("{$NOWHERE}")))
    assert "is no upstream" in verdict.reason


@pytest.mark.parametrize(
    ("ips", "wrong"),
    [
        ("169.254.20.10,", "''"),
        ("169.254.20.10, 10.96.0.10", "' 10.96.0.10'"),
        ("__PILLAR__LOCAL__DNS__", "'__PILLAR__LOCAL__DNS__'"),
    ],
)
def test_addresses_that_node_cache_exits_at_are_a_fault(read: Read, ips: str, wrong: str) -> None:
    found = read(clusters.coredns(), clusters.node_cache("10.96.0.10", clusters.node_cache_spec(ips=ips)))
    assert "" not in found.node_local_addresses()
    assert f"has {wrong}, which is no address" in identified(found).reason


def test_a_placeholder_that_nothing_replaces_is_a_fault(read: Read) -> None:
    corefile = NODE_COREFILE.replace("cluster.local:53", "__PILLAR__DNS__DOMAIN__:53")
    verdict = identified(read(clusters.kube_dns(), clusters.node_cache(corefile=corefile)))
    assert (
        "line 1, column 1: the placeholder in __PILLAR__DNS__DOMAIN__:53 has not been replaced"
        in verdict.reason
    )


def test_the_corefile_that_counts_is_at_conf_where_nothing_is_copied_to_it(read: Read) -> None:
    """Kubespray."""
    spec = clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream")
    spec["containers"][0]["args"][3] = "/etc/coredns/Corefile"
    del spec["volumes"][0]["configMap"]["items"]
    corefile = NODE_COREFILE.replace("__PILLAR__UPSTREAM__SERVERS__", "/etc/resolv.conf")
    parts = (clusters.kube_dns(), clusters.node_cache("10.96.0.77", spec, corefile=corefile))
    cache = read(*parts).layers[0]
    assert (cache.forwards[0].upstreams, cache.forwards[0].assumed) == (("10.96.0.77",), False)


def test_a_file_that_cannot_be_seen_is_not_known_and_not_missing(read: Read) -> None:
    spec = clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream")
    spec["volumes"] = [{"name": "node-local-dns", "secret": {"secretName": "s"}}]
    found = read(clusters.kube_dns(), clusters.node_cache(spec=spec))
    cache = found.layers[0]
    assert cache.faults == ()
    assert cache.forwards[0].source.endswith("Corefile.base is not known: it is in a volume of kind secret")
    verdict = tcp_paths.no_tcp_into_dnsmasq(found)
    assert (verdict.outcome, "(assumed" in verdict.reason) == (FAILED, True)


def test_a_name_in_forward_is_resolved_through_the_clusters_services(read: Read) -> None:
    spec = clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream", tag="1.99.0")
    for name in ("kube-dns-upstream.kube-system.svc.cluster.local", "kube-dns-upstream.kube-system.svc."):
        found = read(clusters.kube_dns(), clusters.node_cache(name, spec))
        assert tcp_paths.no_tcp_into_dnsmasq(found).outcome is FAILED
    gone = read(clusters.kube_dns(), clusters.node_cache("gone.kube-system.svc.cluster.local", spec))
    assert "(assumed" in tcp_paths.no_tcp_into_dnsmasq(gone).reason
    outside = read(clusters.kube_dns(), clusters.node_cache("dns.example.org", spec))
    assert tcp_paths.no_tcp_into_dnsmasq(outside).outcome is PASSED


def test_a_literal_upstream_needs_no_service_of_the_arguments(read: Read) -> None:
    cache = clusters.node_cache("10.96.0.10", clusters.node_cache_spec("-upstreamsvc", "nowhere"))
    assert topology.nodelocal_coverage(read(clusters.coredns(), cache)).outcome is PASSED
    cache = clusters.node_cache(CLUSTER_DNS, clusters.node_cache_spec("-upstreamsvc", "nowhere"))
    verdict = topology.nodelocal_coverage(read(clusters.coredns(), cache))
    assert (
        "the upstream Service kube-system/nowhere of kube-system/node-local-dns is not there"
        in verdict.reason
    )


# -- versions


@pytest.mark.parametrize(
    ("tag", "coredns"),
    [
        ("1.15.13", "1.10.0 or older"),
        ("1.21.1-gke.0", "1.10.0 or older"),
        ("1.22.20-build20230607", "1.10.0"),
        ("1.22.28-build20240125", "1.10.0"),
        ("1.23.0-gke.9", "1.10.0"),
        ("1.23.1", "1.10.0"),
        ("1.24.0", "1.11.3"),
        ("1.26.4-eksbuild.1", "1.11.3"),
        ("1.26.5", "1.12.2"),
        ("1.26.6", "1.13.1"),
        ("1.26.7@sha256:abc", "1.13.1"),
        ("1.26.8", "1.13.2"),
        ("1.99.0", "unknown"),
    ],
)
def test_node_caches_of_every_tag_hold_the_coredns_of_their_release(
    read: Read, tag: str, coredns: str
) -> None:
    spec = clusters.node_cache_spec("-upstreamsvc", "kube-dns-upstream", tag=tag)
    found = read(clusters.kube_dns(), clusters.node_cache(spec=spec))
    assert found.layers[0].coredns is not None
    assert found.layers[0].coredns.value == coredns
    assert tcp_paths.forward_pool(found).outcome is (FAILED if coredns == "unknown" else PASSED)


@pytest.mark.parametrize(
    ("tag", "limit"),
    [
        ("1.22.0", "20 (compiled into dnsmasq 2.85)"),
        ("1.22.13", "20 (compiled into dnsmasq 2.87)"),
        ("1.22.20-gke.1", "20 (compiled into dnsmasq 2.88)"),
        ("1.26.7", "20 (compiled into dnsmasq 2.90)"),
        ("2.92", "20 (compiled into dnsmasq 2.92)"),
        ("2.93", "20 (assumed: dnsmasq 2.93 was not read, and no release has less)"),
        ("1.14.10", "20 (assumed: version not known, and no release has less)"),
    ],
)
def test_only_a_limit_that_is_assumed_is_called_so(read: Read, tag: str, limit: str) -> None:
    found = read(clusters.kube_dns(tag=tag), clusters.node_cache())
    assert str(found.of_kind(LayerKind.KUBE_DNS)[0].limits[TCP_LIMIT]) == limit
    assert "(assumed" not in tcp_paths.no_tcp_into_dnsmasq(found).reason


def test_where_max_age_is_not_there_yet_the_remedy_names_what_is(read: Read) -> None:
    """EKS 1.35 ships CoreDNS 1.14.2."""
    forward = "forward . /etc/resolv.conf {\n force_tcp\n}"
    spec = clusters.coredns_spec("eks/coredns:v1.14.2-eksbuild.4")
    verdict = tcp_paths.forward_pool(
        read(clusters.coredns(COREFILE.replace("forward . /etc/resolv.conf", forward), spec))
    )
    assert (verdict.outcome, "1.14.2 has no max_age: set max_idle_conns" in verdict.remedy) == (WARNED, True)
    capped = COREFILE.replace(
        "forward . /etc/resolv.conf", forward.replace("tcp\n", "tcp\n max_idle_conns 5\n")
    )
    assert tcp_paths.forward_pool(read(clusters.coredns(capped, spec))).outcome is PASSED


# -- what else programs read


@pytest.mark.parametrize(
    ("linear", "replicas"),
    [
        ('{"coresPerReplica":256,"nodesPerReplica":16,"includeUnschedulableNodes":true,"min":2}', 3),
        ('{"nodesPerReplica":16,"min":1,"max":1,"preventSinglePointFailure":true}', 2),
        ('{"NODESPERREPLICA":2.5}', 7),
        ('{"nodesPerReplica":16,"min":3,"max":2}', None),
        ('{"nodesPerReplica":16,"preventSinglePointFailure":"false"}', None),
        ('{"coresPerReplica":256.0,"nodesPerReplica":16.0,"min":"2"}', None),
        ('{"nodesPerReplica":16,"min":2.0}', None),
        ('{"min":2}', None),
        ("null", None),
        ('{"nodesPerReplica":NaN}', None),
        ('{"nodesPerReplica":16 "min":2}', None),
        ("[" * 100_000, None),
    ],
)
def test_the_autoscalers_parameters_are_read_as_it_reads_them(
    read: Read, linear: str, replicas: int | None
) -> None:
    cordoned = [
        {**one, "spec": {"unschedulable": True}} for one in nodes(*(f"c{index}" for index in range(16)))
    ]
    found = read(
        clusters.coredns(),
        {"configmaps": [configmap("coredns-autoscaler", linear=linear)]},
        {"nodes": [*nodes(*(f"n{index}" for index in range(17))), *cordoned]},
    )
    verdict = autoscaling.autoscaler(found, SETTINGS)
    assert getattr(verdict.measurements, "replicas_now", None) == replicas
    assert (verdict.outcome is FAILED) is (replicas is None)


def test_the_autoscaler_takes_one_key_and_a_ladders_first_two_figures(read: Read) -> None:
    both = configmap("dns-autoscaler", linear='{"nodesPerReplica":16}', ladder='{"nodesToReplicas":[[1,1]]}')
    found = read(clusters.coredns(), {"configmaps": [both]})
    assert found.autoscaler is not None
    assert (found.autoscaler.value, "takes one key only" in found.autoscaler.source) == (None, True)
    ladder = configmap("dns-autoscaler", ladder='{"nodesToReplicas":[[8,3,9],[1,2]]}')
    found = read(clusters.coredns(), {"configmaps": [ladder]})
    assert found.autoscaler is not None
    assert found.autoscaler.value == Ladder(nodes=((1.0, 2), (8.0, 3)))


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [({}, WARNED), ({"selector": None}, WARNED), ({"selector": {}}, PASSED), ({"selector": "x"}, WARNED)],
)
def test_a_budget_without_a_selector_covers_nothing(
    read: Read, spec: dict[str, Any], outcome: Outcome
) -> None:
    dns = clusters.coredns()
    dns["poddisruptionbudgets"] = clusters.budget(**spec)["poddisruptionbudgets"]
    assert topology.redundancy(read(dns)).outcome is outcome


@pytest.mark.parametrize(
    ("arguments", "configured", "asked", "caches"),
    [
        ((), '["8.8.8.8","8.8.4.4"]', ["8.8.8.8", "8.8.4.4"], False),
        (("-S", "8.8.8.8", "--server", "8.8.4.4", "-R", "-S/a/10.0.0.1"), "", ["8.8.8.8", "8.8.4.4"], False),
        (("-S8.8.8.8#53", "-NR"), "", ["8.8.8.8"], False),
        (("--server=10.0.0.1", "--no-resolv"), "", [], False),
        ((), "", ["/etc/resolv.conf of the nodes (assumed: it may name a public one)"], False),
        (
            ("-c", "0"),
            "not json",
            ["/etc/resolv.conf of the nodes (assumed: it may name a public one)"],
            False,
        ),
    ],
)
def test_what_kube_dns_asks_outside(
    read: Read,
    arguments: tuple[str, ...],
    configured: str,
    asked: list[str],
    caches: bool,  # noqa: FBT001
) -> None:
    found = read(
        clusters.kube_dns(*arguments),
        {"configmaps": [configmap("kube-dns", upstreamNameservers=configured)]},
        {"nodes": nodes(*(f"n{index}" for index in range(40)))},
    )
    verdict = upstreams.upstream_quota(found, SETTINGS)
    assert isinstance(verdict.measurements, upstreams.UpstreamQuota)
    assert verdict.measurements.resolvers == asked
    assert verdict.outcome is (WARNED if asked else PASSED)
    assert found.layers[0].caches_denials.value is caches


def test_a_single_server_is_warned_of_at_most(read: Read) -> None:
    """K3s."""
    found = read(clusters.coredns(on=("server",)), {"nodes": nodes("server")})
    assert topology.redundancy(found).outcome is WARNED


@pytest.mark.parametrize(
    ("labels", "version", "name"),
    [
        ({"cloud.google.com/gke-nodepool": "p"}, "v1.34.0-gke.5", "GKE"),
        ({}, "v1.33.4-eks-abc", "EKS"),
        ({"kubernetes.azure.com/cluster": "c"}, "v1.33.4", "AKS"),
        ({}, "v1.33.4+rke2r1", "RKE2"),
        ({}, "v1.33.4+k3s1", "k3s"),
        ({"worker.gardener.cloud/pool": "p"}, "v1.33.4", "Gardener"),
        ({"kops.k8s.io/instancegroup": "p"}, "v1.33.4", "kOps"),
        ({"vcluster.loft.sh/fake-node": "true"}, "v1.33.4", "vcluster"),
        ({"unheard.of/platform": "x"}, "v1.33.4", ""),
    ],
)
def test_platforms_are_told_by_labels_and_versions(
    read: Read, api_server: ApiServer, labels: dict[str, str], version: str, name: str
) -> None:
    api_server.answers["GET /version"] = 200, {"gitVersion": version}
    provider = read(clusters.coredns(), {"nodes": nodes("n1", "n2", labels=labels)}).provider
    assert provider.name == name
    assert bool(provider.documentation) is bool(name)


def test_nothing_that_serves_is_told_with_what_was_looked_at(read: Read) -> None:
    verdict = identified(read({"nodes": nodes()}))
    assert verdict.outcome is FAILED
    assert "looked at no Service and nothing that is told to kubelets" in verdict.reason
    assert "deploy" not in verdict.remedy
