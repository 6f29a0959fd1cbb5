"""Every question about records, asked along every path: a few batches per node, once a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from clusterdns.measuring.querying import USUAL_SIZE, Querier
from clusterdns.measuring.record_objects import RecordObjects
from clusterdns.model.convergence import Convergence
from clusterdns.model.dns_profiles import DNSProfile
from clusterdns.model.exchange import Exchange, Path
from clusterdns.model.lookups import UNKNOWN_LABEL
from clusterdns.model.pods import DEFAULT, NodeView
from clusterdns.model.query_matrix import Asked, QueryMatrix
from clusterdns.model.questions import Expected, Question, RecordContext, questions_of, targets
from clusterdns.model.records import FAMILIES, Generated, Zone
from clusterdns.model.topology import Topology
from clusterdns.probing.losses import by_those_left

OutsideRecords = dict[str, dict[str, frozenset[Expected] | None]]
"""Name -> type -> its records; None where they are not known."""


def ask_query_matrix(  # noqa: PLR0913 - all that questions are made of
    querier: Querier,
    topology: Topology,
    *,
    profile: DNSProfile,
    objects: RecordObjects,
    newest: Sequence[Convergence],
    outside_records: OutsideRecords,
) -> QueryMatrix:
    """Ask every question along every path.

    Args:
        querier: Asks.
        topology: Says the zone, and what there is to be asked.
        profile: What the implementation makes of its freedom.
        objects: The Services that are asked for.
        newest: When each path showed what was created after `objects`: who shows that shows them, too.
        outside_records: What is known of names outside the cluster.

    Raises:
        ProbeError: an agent failed, or fell silent.
    """
    questions = questions_about(topology, profile, objects, outside_records)
    inside = [question for question in questions if not question.outside]
    outside = [question for question in questions if question.outside]
    asked = querier.ask((inside, querier.paths()), (outside, querier.paths(sizes=[USUAL_SIZE])))
    made_up = targets(sorted(set(_generated_names(asked))), "records.headless-srv")
    follow_up = querier.ask((made_up, querier.paths(sizes=[USUAL_SIZE], tcp=False)))
    notes = (*_left_out(querier, topology), *_too_early(newest))
    return QueryMatrix((*asked, *follow_up), profile, _addresses(follow_up), notes)


def questions_about(
    topology: Topology, profile: DNSProfile, objects: RecordObjects, outside: OutsideRecords | None = None
) -> list[Question]:
    """Return every question about a cluster's records; of names outside it, those that are known."""
    return questions_of(
        RecordContext(
            zone=Zone(topology.zone.value),
            profile=profile,
            services=objects.services,
            namespace=objects.namespace,
            outside=outside or {},
            unused=objects.unused,
            pod=objects.pod,
        )
    )


def known_outside(querier: Querier, external_name: str, views: Sequence[NodeView]) -> OutsideRecords:
    """Return what a node's own resolver says of names outside the cluster, where it says so twice.

    Args:
        querier: Asks.
        external_name: A name outside the cluster that resolves.
        views: What pods on each node were given.

    Raises:
        ProbeError: an agent failed, or fell silent.
    """
    return by_those_left(lambda: _known_outside(querier, external_name.lower(), views))


def _known_outside(querier: Querier, external_name: str, views: Sequence[NodeView]) -> OutsideRecords:
    nodes = querier.nodes_left()
    view = next(view for view in views if view.node in nodes)
    names = (external_name, f"{UNKNOWN_LABEL}.{external_name}")
    questions = [
        Question("", f"{name}.", rtype, open=True, outside=True)
        for name in names
        for rtype in FAMILIES.values()
    ]
    paths = [
        Path(view.node, "the node's resolver", address, "udp", USUAL_SIZE)
        for address in view.seen[DEFAULT].nameservers[:1]
    ]
    known: OutsideRecords = {name: dict.fromkeys(FAMILIES.values()) for name in names}
    first = dict(querier.ask((questions, paths)))
    second = dict(querier.ask(([question for question, seen in first.items() if seen.answered], paths)))
    for question in questions:
        before, after = _answer(first.get(question)), _answer(second.get(question))
        if before is not None and before == after:
            known[question.name.rstrip(".")][question.rtype] = before
    return known


def _answer(exchange: Exchange | None) -> frozenset[Expected] | None:
    if exchange is None or exchange.message is None or exchange.message.rcode not in ("NOERROR", "NXDOMAIN"):
        return None
    return exchange.message.comparable


def _generated_names(asked: Iterable[Asked]) -> Iterator[str]:
    """Yield the names in answers that an implementation made up for endpoints without a hostname."""
    for question, exchange in asked:
        services = {data.service for _, _, data in question.records if isinstance(data, Generated)}
        if services and exchange.message is not None:
            for record in exchange.message.answer:
                name = record.comparable.rpartition(" ")[2]
                if name.partition(".")[2] in services:
                    yield name


def _addresses(asked: Sequence[Asked]) -> Mapping[str, frozenset[str] | None]:
    """Return the addresses that names stand for, of all answers together; None where some are missing."""
    answered = {question for question, exchange in asked if exchange.answered}
    by_name: dict[str, frozenset[str] | None] = {}
    for question, exchange in asked:
        known = by_name.get(question.name, frozenset())
        if question not in answered or known is None:
            by_name[question.name] = None
        elif exchange.message is not None:
            by_name[question.name] = known | {record.comparable for record in exchange.message.answer}
    return by_name


def _left_out(querier: Querier, topology: Topology) -> Iterator[str]:
    nodes, servers = len(topology.nodes), len(topology.serving_addresses() | topology.node_local_addresses())
    if nodes > len(querier.pods):
        yield f"asked from {len(querier.pods)} of {nodes} nodes (--record-nodes)"
    if servers > len(querier.servers):
        yield f"asked {len(querier.servers)} of {servers} addresses (--record-servers)"


def _too_early(newest: Sequence[Convergence]) -> Iterator[str]:
    blind = {convergence.path for convergence in newest if convergence.seconds is None}
    if blind:
        yield f"asked although {len(blind)} paths did not show the newest Services (records.propagation)"
