"""Every DNS pod, asked one query after the other from every node."""

from collections.abc import Mapping

from clusterdns.measuring.probes import Probes
from clusterdns.model.pod_times import QUERIES, PodTimes
from clusterdns.model.pods import DEFAULT
from clusterdns.model.topology import Topology
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import Outgoing, send
from clusterdns.probing.wire import question


def time_pods(
    prober: Prober, probes: Probes, topology: Topology, pods: Mapping[str, str], timeout: float
) -> list[PodTimes]:
    """Ask DNS pods for the API server's Service, which none of them needs to ask anybody for.

    Args:
        prober: Runs the queries.
        probes: The pods that ask.
        topology: Says the zone, and where which port answers.
        pods: Address -> DNS pod.
        timeout: Seconds for an answer.

    Raises:
        ProbeError: an agent failed.
    """
    wire = question(f"kubernetes.default.svc.{topology.zone.value}", "A")
    addresses = [address for address in pods for _ in range(QUERIES)]
    messages = [
        Outgoing(wire, address, "udp", topology.port_of(address), turn=address) for address in addresses
    ]

    def from_node(node_and_pod: tuple[str, ProbePod]) -> list[PodTimes]:
        node, probe = node_and_pod
        took: dict[str, list[float]] = {address: [] for address in pods}
        for reply in send(prober, probe, messages, timeout=timeout, give_up=2):
            if reply.sent_ns is not None and reply.received_ns is not None:
                took[addresses[reply.index]].append((reply.received_ns - reply.sent_ns) / 1e6)
        return [PodTimes(pods[address], node, tuple(times)) for address, times in took.items()]

    by_node = on_nodes_left(from_node, sorted(probes.of(DEFAULT).items()))
    return [times for _, of_node in by_node for times in of_node]
