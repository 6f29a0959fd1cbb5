"""What the core profile says on every topology, with the figures that are known."""

from collections.abc import Callable

import pytest

from lab import topology
from tests.proof.conftest import Lab, Result, on
from tests.proof.skips import skipped_on

# Queries per address family for an external name of two dots: one for each suffix, and the name itself.
LOOKUPS = {
    "aks-localdns-like": 5,
    "coredns": 4,
    "coredns-nodelocal": 4,
    "gardener-like": 4,
    "gke-1.36-like": 6,
    "lrp-like": 4,
    "openshift-like": 4,
}
GKE_LOOKUPS = 7
LAYERS = {
    "aks-localdns-like": ["DNS of the node unknown", "CoreDNS 1.13.1"],
    "coredns": ["CoreDNS 1.13.1"],
    "coredns-nodelocal": ["NodeLocal DNSCache 1.13.1", "CoreDNS 1.13.1"],
    "gardener-like": ["NodeLocal DNSCache 1.13.1", "CoreDNS 1.13.1"],
    "gke-1.36-like": ["NodeLocal DNSCache 1.13.1", "CoreDNS 1.13.1"],
    "gke-clouddns": ["Cloud DNS for GKE unversioned"],
    "gke-kubedns": ["kube-dns (dnsmasq) 2.90"],
    "gke-kubedns-nodelocal": ["NodeLocal DNSCache 1.13.1", "kube-dns (dnsmasq) 2.90"],
    "lrp-like": ["NodeLocal DNSCache 1.13.1", "CoreDNS 1.13.1"],
    "openshift-like": ["CoreDNS 1.13.1"],
}


# What does not pass.
FAILED = {"gke-kubedns-nodelocal": {"topology.no-tcp-into-dnsmasq", "topology.tcp-capacity"}}
CAUSES = {"gke-kubedns-nodelocal": {"tcp-into-dnsmasq"}}
WARNED = {"gke-kubedns": {"topology.negative-cache"}, "gke-kubedns-nodelocal": {"topology.autoscaler"}}


def assert_layers(result: Result, topology: str) -> None:
    """Assert that a topology's layers were found, with their versions."""
    for line, layer in zip(result.report["cluster"]["dns"], LAYERS[topology], strict=True):
        assert line.startswith(f"{layer} ("), line


@pytest.mark.parametrize("lab", topology.names(), indirect=True)
def test_core_profile(lab: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(lab))
    failed = FAILED.get(lab.topology, set())
    assert result.ids("failed") == failed, result.output
    assert result.ids("error") == set(), result.output
    assert result.causes() == CAUSES.get(lab.topology, set()), result.output
    assert {check for check in result.ids("warned") if check.startswith("topology.")} == WARNED.get(
        lab.topology, set()
    )
    assert result.ids("skipped") == skipped_on(lab.topology), result.output
    assert result.code == (1 if failed else 0)

    lookups = LOOKUPS.get(lab.topology, GKE_LOOKUPS)
    for libc in ("glibc", "musl"):
        for family, per_name in (("inet", 1), ("unspec", 2)):
            counted = result.case("resolver.lookup-count", f"external-{family}-{libc}")["measurements"]
            assert {len(queries) for queries in counted["queries"].values()} == {lookups * per_name}
            absolute = result.case("resolver.lookup-count", f"external-absolute-{family}-{libc}")[
                "measurements"
            ]
            assert {len(queries) for queries in absolute["queries"].values()} == {per_name}

    assert_layers(result, lab.topology)


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_a_users_kubeconfig_gives_the_same_and_is_left_alone(lab: Lab, suite: Callable[..., Result]) -> None:
    before = (lab.kubeconfig.read_bytes(), lab.kubeconfig.stat().st_mtime_ns)
    result = suite(
        "--cluster=kubeconfig",
        f"--kubeconfig={lab.kubeconfig}",
        f"--kube-context={lab.context}",
        "--probe-image=clusterdns.lab/probe:1",
    )
    assert result.code == 0, result.output
    assert {check["outcome"] for check in result.report["checks"]} == {"passed", "skipped"}
    assert result.ids("skipped") == skipped_on(lab.topology)
    assert (lab.kubeconfig.read_bytes(), lab.kubeconfig.stat().st_mtime_ns) == before
