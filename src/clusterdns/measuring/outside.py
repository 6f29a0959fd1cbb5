"""Names outside the cluster, asked of its DNS from every node."""

from collections.abc import Callable, Sequence
from functools import partial

from clusterdns.measuring.probes import Probes
from clusterdns.model.outside import Aim, OutsideAnswer, OutsideQuestion, questions
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT, NodeView
from clusterdns.model.topology import Topology
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import Prober
from clusterdns.probing.sending import Outgoing, Reply, send
from clusterdns.probing.wire import MalformedMessage, question, read

_ADDRESSES = ("A", "AAAA")


def ask_outside(  # noqa: PLR0913 - who asks whom for what
    prober: Prober,
    probes: Probes,
    views: Sequence[NodeView],
    topology: Topology,
    *,
    external_name: str,
    run_id: str,
    timeout: float,
) -> list[OutsideAnswer]:
    """Ask the first nameserver of each node's pods.

    Args:
        prober: Runs the queries.
        probes: The pods that ask: those whose packets nobody captures.
        views: What pods were given, node by node.
        topology: Says the cluster domain, the stub domains, and where which port answers.
        external_name: A name outside the cluster.
        run_id: Makes names that nobody has asked for before.
        timeout: Seconds for an answer.

    Raises:
        ProbeError: an agent failed.
    """
    pods = probes.of(DEFAULT)

    def from_node(view: NodeView) -> list[OutsideAnswer]:
        conf = view.seen[CLUSTER_FIRST]
        if not conf.nameservers or view.node not in pods:
            return []
        label = f"clusterdns-{run_id}-{view.node.partition('.')[0][-16:]}"
        asked = questions(conf, topology, external_name, label)
        address = conf.nameservers[0]
        messages = [_outgoing(one, address, topology.port_of) for one in asked]
        replies = send(prober, pods[view.node], messages, timeout=timeout)
        answer = partial(_answer, view.node, address, timeout)
        return [answer(asked[reply.index], reply) for reply in replies]

    return [answer for _, answers in on_nodes_left(from_node, views) for answer in answers]


def _outgoing(asked: OutsideQuestion, address: str, port_of: Callable[[str], int]) -> Outgoing:
    """Return a query; those whose time counts go one after the other."""
    turn = asked.aim if asked.aim is Aim.UPSTREAM else None
    return Outgoing(question(asked.name, asked.rtype), address, "udp", port_of(address), turn=turn)


def _answer(
    node: str, nameserver: str, timeout: float, asked: OutsideQuestion, reply: Reply
) -> OutsideAnswer:
    took_ms = timeout * 1000
    if reply.sent_ns is not None and reply.received_ns is not None:
        took_ms = (reply.received_ns - reply.sent_ns) / 1e6
    try:
        message = read(reply.wire) if reply.failure is None else None
    except MalformedMessage:
        message = None
    return OutsideAnswer(
        node,
        nameserver,
        asked,
        message.rcode if message else "",
        tuple(record.data for record in message.answer if record.rtype in _ADDRESSES) if message else (),
        took_ms,
    )
