"""Which addresses are asked for records, and from which nodes."""

from clusterdns.measuring.asked_servers import ServerAddress, server_addresses, spread_nodes
from clusterdns.model.topology import Backend, Service
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream


def test_services_caches_and_some_dns_pods_are_asked() -> None:
    incident = topology(cache(), server(), services=(upstream(*TWO),))
    assert server_addresses(incident, 8) == [
        ServerAddress("10.0.0.0", "kube-system/p0", pod=True),
        ServerAddress("10.0.0.1", "kube-system/p1", pod=True),
        ServerAddress("10.96.0.20", "Service kube-system/upstream", pod=False),
        ServerAddress("169.254.20.10", "kube-system/cache", pod=False),
    ]
    few = server_addresses(incident, 1)
    assert [address.address for address in few] == ["10.0.0.0", "10.96.0.20", "169.254.20.10"]


def test_a_pod_that_is_not_ready_is_not_asked() -> None:
    pods = (
        Backend("kube-system/a", "n1", "10.0.0.1", ready=True, layer=None),
        Backend("kube-system/b", "n2", "10.0.0.2", ready=False, layer=None),
    )
    service = Service("kube-system/kube-dns", ("10.96.0.10",), pods)
    found = server_addresses(topology(server(), services=(service,)), 8)
    assert [address.address for address in found] == ["10.0.0.1", "10.96.0.10"]


def test_nodes_are_spread() -> None:
    nodes = [f"n{number}" for number in range(6)]
    assert spread_nodes(reversed(nodes), 3) == ["n0", "n2", "n4"]
    assert spread_nodes(nodes, 6) == spread_nodes(nodes, 9) == nodes
    assert spread_nodes(nodes[:1], 8) == ["n0"]
