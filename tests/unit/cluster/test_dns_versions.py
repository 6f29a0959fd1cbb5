"""Versions after public reports: what they tell of a cluster's DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import TCP_LIMIT, LayerKind
from clusterdns.verdicts import tcp_paths
from tests.unit.cluster import clusters
from tests.unit.cluster.clusters import COREFILE

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Read

PASSED, WARNED, FAILED = Outcome.PASSED, Outcome.WARNED, Outcome.FAILED


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
