"""Which DNS addresses answer at all, asked from a pod on every node."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clusterdns.measuring.probes import Probes
from clusterdns.model.pods import DEFAULT
from clusterdns.model.reachability import Attempt
from clusterdns.model.topology import Topology
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import Outgoing, send
from clusterdns.probing.wire import question


@dataclass(frozen=True, slots=True)
class Reachability:
    """Sends one query to each of many addresses, from every node.

    Attributes:
        prober: Runs the queries.
        probes: The pods that ask.
        topology: Says the zone, and where which port answers.
        timeout: Seconds for an answer.
    """

    prober: Prober
    probes: Probes
    topology: Topology
    timeout: float

    def ask(
        self, targets: Mapping[str, str], transport: str, *, nodes: Collection[str] | None = None
    ) -> list[Attempt]:
        """Ask for the API server's Service, which every cluster has; every answer counts.

        Args:
            targets: Address -> whose it is.
            transport: "udp" or "tcp".
            nodes: From which; None for all.

        Raises:
            ProbeError: an agent failed.
        """
        wire = question(f"kubernetes.default.svc.{self.topology.zone.value}", "A")
        messages = [Outgoing(wire, address, transport, self.topology.port_of(address)) for address in targets]
        names = [f"{what} ({address})" for address, what in targets.items()]

        def from_node(node_and_pod: tuple[str, ProbePod]) -> list[Attempt]:
            node, pod = node_and_pod
            replies = send(self.prober, pod, messages, timeout=self.timeout, repeatable=True)
            return [Attempt(node, names[reply.index], transport, reply.failure) for reply in replies]

        pods = self.probes.of(DEFAULT).items()
        asking = sorted(pod for pod in pods if nodes is None or pod[0] in nodes)
        by_node = on_nodes_left(from_node, asking)
        return [attempt for _, attempts in by_node for attempt in attempts]
