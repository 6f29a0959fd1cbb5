"""Where upstreams lead, and where DNS is."""

from dataclasses import replace

import pytest

from clusterdns.model.autoscaling import Ladder, Linear
from clusterdns.model.tcp_paths import tcp_paths
from clusterdns.model.topology import Backend, Forward, Service, host
from tests.unit.verdicts.topologies import BY_TCP, TWO, UPSTREAM, cache, server, topology, upstream


@pytest.mark.parametrize(
    ("written", "inside"),
    [
        (UPSTREAM, True),
        (f"{UPSTREAM}:53", True),
        ("upstream.kube-system.svc", True),
        ("Upstream.Kube-System.svc.cluster.local.", True),
        ("upstream.kube-system.svc.other.zone", False),
        ("upstream.other.svc.cluster.local", False),
        ("8.8.8.8", False),
    ],
)
def test_an_upstream_is_a_services_address_or_its_name(written: str, inside: bool) -> None:  # noqa: FBT001
    assert (topology().behind(written) is not None) is inside


@pytest.mark.parametrize(
    ("forward", "guessed"),
    [
        (replace(BY_TCP, upstreams=("$DNS",), unknown=("$DNS",)), True),
        (replace(BY_TCP, upstreams=("gone.kube-system.svc",)), True),
        (replace(BY_TCP, upstreams=("gone.kube-system.svc.cluster.local",)), True),
        (replace(BY_TCP, upstreams=("dns.example.org",)), False),
        (replace(BY_TCP, upstreams=("10.9.9.9",)), False),
    ],
)
def test_what_may_be_inside_is_taken_to_be_dnsmasq(forward: Forward, guessed: bool) -> None:  # noqa: FBT001
    paths = tcp_paths(topology(cache(forward), server()))
    assert [path.assumed for path in paths] == [True] * guessed
    assert all(path.into_dnsmasq for path in paths)


def test_where_dns_is_can_be_asked() -> None:
    backend = Backend("openshift-dns/dns-1", "n1", "10.0.0.9", ready=True, layer=None, port=5353)
    found = topology(services=(Service("openshift-dns/dns-default", ("172.30.0.10",), (backend,)),))
    assert found.namespaces == ("kube-system", "openshift-dns")
    assert [found.port_of(address) for address in ("10.0.0.9", "172.30.0.10", "1.1.1.1")] == [5353, 53, 53]
    assert server().namespace == "kube-system"
    assert replace(server(), name="Cloud DNS").namespace == ""


def test_the_guard_of_the_autoscaler_comes_last_and_each_mode_counts_from_one() -> None:
    assert Linear(0, 16, at_most=1, prevent_single_point_failure=True).replicas(17, 0) == 2
    assert Linear(0, 16, at_most=1).replicas(17, 0) == 1
    assert Linear(256, 0).replicas(1, 0) == 1
    assert Ladder(nodes=((1, 2),)).replicas(1, 9) == 2
    assert Ladder().replicas(5, 5) == 1


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:5353", "10.0.0.1"),
        ("tls://10.0.0.1:853", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]:53", "fd00::1"),
        ("tls://[fd00::1]:853", "fd00::1"),
    ],
)
def test_the_host_of_an_upstream(written: str, address: str) -> None:
    assert host(written) == address


def test_an_upstream_is_a_service_or_a_pod_of_one() -> None:
    service = upstream(*TWO)
    seen = topology(cache(), server(), services=(service,))
    assert seen.behind(f"{UPSTREAM}:53") == service
    pod = service.backends[1]
    assert seen.behind(pod.address) == Service(pod.pod, (pod.address,), (pod,))
    assert replace(seen, services=()).behind(UPSTREAM) is None
