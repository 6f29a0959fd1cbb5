"""Which addresses are asked for records, and from which nodes."""

from collections.abc import Iterable
from dataclasses import dataclass

from clusterdns.model.topology import DNS_PORT, Topology


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """An address that is asked.

    Attributes:
        address: The address.
        server: What it belongs to, in words.
        pod: Whether that is a DNS pod itself.
        port: That answers there.
    """

    address: str
    server: str
    pod: bool
    port: int = DNS_PORT


def server_addresses(topology: Topology, limit: int) -> list[ServerAddress]:
    """Return every address that serves DNS: Services, node caches, and at most `limit` DNS pods."""
    pods = {backend.address for service in topology.services for backend in service.ready}
    serving = topology.serving_addresses()
    chosen = set([address for address in serving if address in pods][:limit])
    return [
        ServerAddress(address, server, address in pods, topology.port_of(address))
        for address, server in {**serving, **topology.node_local_addresses()}.items()
        if address not in pods or address in chosen
    ]


def spread_nodes(nodes: Iterable[str], limit: int) -> list[str]:
    """Return at most `limit` of the nodes, at even distances in their order."""
    ordered = sorted(nodes)
    step = max(len(ordered) / limit, 1)
    return [ordered[int(index * step)] for index in range(min(len(ordered), limit))]
