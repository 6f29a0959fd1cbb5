"""Where load goes on each kind of topology."""

from dataclasses import replace

from clusterdns.model.load import Destination, destinations
from clusterdns.model.topology import Backend, Fact, LayerKind, Service, Topology
from tests.unit.verdicts import topologies

USUAL = Service(
    "kube-system/kube-dns",
    ("10.96.0.10",),
    tuple(
        Backend(f"kube-system/{pod}", "n1", address, ready=True, layer="kube-system/kube-dns")
        for pod, address in (("b", "10.0.0.2"), ("a", "10.0.0.1"))
    ),
)
SERVICES = (topologies.upstream(*topologies.TWO), USUAL)


def found(topology: Topology) -> dict[str, Destination]:
    return {name: one for name, one in destinations(topology).items() if isinstance(one, Destination)}


def test_the_incident_has_all_four_and_its_cache_asks_dnsmasq_by_tcp() -> None:
    cache = topologies.cache()
    cache = replace(cache, addresses=(*cache.addresses, Fact("10.96.0.10", "test")))
    there = found(topologies.topology(cache, topologies.server(), services=SERVICES))
    assert {name: one.address for name, one in there.items()} == {
        "dns-pod": "10.0.0.1",
        "upstream": topologies.UPSTREAM,
        "kube-dns": "10.96.0.10",
        "node-local": "169.254.20.10",
    }
    assert {name for name, one in there.items() if one.cached} == {"kube-dns", "node-local"}
    assert {name for name, one in there.items() if one.tcp_into_dnsmasq} == {"kube-dns", "node-local"}
    assert {name for name, one in there.items() if one.dnsmasq} == {"dns-pod", "upstream"}


def test_a_service_that_the_cache_does_not_take_over_leads_past_it() -> None:
    there = found(topologies.topology(topologies.cache(), topologies.server(), services=SERVICES))
    assert (there["kube-dns"].cached, there["kube-dns"].dnsmasq) == (False, True)


def test_without_a_cache_there_are_two() -> None:
    coredns = topologies.server(kind=LayerKind.COREDNS)
    every = destinations(topologies.topology(coredns, services=(USUAL,)))
    assert {name: isinstance(one, Destination) for name, one in every.items()} == {
        "dns-pod": True,
        "kube-dns": True,
        "upstream": False,
        "node-local": False,
    }
    there = found(topologies.topology(coredns, services=(USUAL,)))
    assert not there["kube-dns"].dnsmasq


def test_a_providers_own_resolver_is_on_the_node() -> None:
    cloud = replace(topologies.server(kind=LayerKind.CLOUD_DNS), addresses=(Fact("169.254.169.254", "test"),))
    there = found(topologies.topology(cloud, services=()))
    assert {name: one.address for name, one in there.items()} == {"node-local": "169.254.169.254"}
    assert not there["node-local"].cached


def test_of_several_services_the_usual_one_is_kube_dns() -> None:
    other = replace(USUAL, name="kube-system/a-dns", addresses=("10.96.0.11",))
    coredns = topologies.server(kind=LayerKind.COREDNS)
    there = found(topologies.topology(coredns, services=(other, USUAL)))
    assert there["kube-dns"].what == "Service kube-system/kube-dns"
    assert there["dns-pod"].what == "pod kube-system/a"


def test_a_service_that_is_not_ready_or_has_no_address_gets_no_load() -> None:
    coredns = topologies.server(kind=LayerKind.COREDNS)
    unready = replace(USUAL, backends=tuple(replace(pod, ready=False) for pod in USUAL.backends))
    assert "kube-dns" not in found(topologies.topology(coredns, services=(unready,)))
    assert "kube-dns" not in found(topologies.topology(coredns, services=(replace(USUAL, addresses=()),)))
