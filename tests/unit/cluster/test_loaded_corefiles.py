"""Corefiles after public reports: what CoreDNS and node-cache make of what is mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.verdicts import tcp_paths, topology
from clusterdns.verdicts.topology import identify
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import CLUSTER_DNS, COREFILE, NODE_COREFILE
from tests.unit.cluster.objects import configmap

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Read

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED


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
    verdict = identify(read(dns, {"configmaps": [configmap("coredns-custom", **custom)]}))
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
    verdict = identify(read(clusters.kube_dns(), clusters.node_cache("{$NOWHERE}")))
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
    assert f"has {wrong}, which is no address" in identify(found).reason


def test_a_placeholder_that_nothing_replaces_is_a_fault(read: Read) -> None:
    corefile = NODE_COREFILE.replace("cluster.local:53", "__PILLAR__DNS__DOMAIN__:53")
    verdict = identify(read(clusters.kube_dns(), clusters.node_cache(corefile=corefile)))
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
