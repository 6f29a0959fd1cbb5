"""Whether large answers by UDP arrive, from one node and one server at a time: records.path-mtu.

Answers that a server cuts, with TC set, arrive whole by TCP and are the business of records.truncation.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, only
from clusterdns.model.outcome import Outcome, Verdict, and_more, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.query_matrix import Asked
from clusterdns.verdicts.reachable import everything_asked, octets_of, octets_of_answers
from clusterdns.verdicts.records import GRANTS, MEASURES

PATH_MTU = "records.path-mtu"
LARGE = 500
"""Octets above which an answer is large: most that a cluster's DNS gives are smaller."""
_CERTAIN = 3  # answers lost, and none that arrived: as many as it takes to give up a kind of query


@dataclass(frozen=True, slots=True)
class AnswerSizes:
    """Measurements of records.path-mtu.

    Attributes:
        arrived_octets: "node -> server (address)" -> octets of the largest answer that arrived by UDP.
        lost_octets: The same of paths that lose all larger answers -> octets of the smallest one lost.
    """

    arrived_octets: Mapping[str, int]
    lost_octets: Mapping[str, int]


def path_mtu(asked: Iterable[Asked]) -> Verdict:
    """Judge whether every path lets large answers by UDP through, where it lets smaller ones through.

    Args:
        asked: Everything that was asked.
    """
    sent = [(question, exchange) for question, exchange in asked if exchange.sent]
    octets = octets_of_answers(sent)
    arrived: dict[str, int] = {}
    lost: dict[str, list[int]] = {}
    for path, of_path in _by_path(sent).items():
        arrived[path] = max(exchange.message.size for _, exchange in of_path if exchange.message)
        larger = [
            size
            for question, exchange in of_path
            if exchange.lost
            and (size := octets_of(octets, question, exchange.path) or 0) > max(arrived[path], LARGE)
        ]
        if len(larger) >= _CERTAIN:
            lost[path] = larger
    measured = AnswerSizes(arrived, {path: min(sizes) for path, sizes in lost.items()})
    if not arrived:
        return judged(
            ["no query by UDP has an answer (see records.reachable)"], measured, outcome=Outcome.WARNED
        )
    faults = [
        f"{path}: no answer of {min(sizes):,} octets or more arrives by UDP ({len(sizes)} lost), those of "
        f"up to {arrived[path]:,} do"
        for path, sizes in sorted(lost.items())
    ]
    return judged([and_more(faults, "paths")] if faults else [], measured, evidence=faults)


def _by_path(sent: Iterable[Asked]) -> Mapping[str, Sequence[Asked]]:
    """Return queries by UDP by who asked whom, without kinds that this path never answers at any size."""
    by_kind: defaultdict[tuple[str, str, int | None], list[Asked]] = defaultdict(list)
    for question, exchange in sent:
        path = exchange.path
        if path.transport == "udp":
            way = f"{path.node} -> {path.server} ({path.address})"
            by_kind[way, question.rtype, path.edns].append((question, exchange))
    by_path: defaultdict[str, list[Asked]] = defaultdict(list)
    for (way, _, _), of_kind in by_kind.items():
        if any(exchange.message for _, exchange in of_kind):
            by_path[way] += of_kind
    return by_path


CHECKS = (
    Check(
        id=PATH_MTU,
        profile=Profile.CORE,
        requirement="Answers of more than 500 octets by UDP arrive on every path, in fragments or whole.",
        source="RFC 6891 6.2.5; RFC 9715 (fragments of DNS over UDP)",
        remedy="find the hop that drops fragments or has a smaller MTU; until then let the DNS servers send "
        "at most 1,232 octets by UDP (CoreDNS: bufsize 1232; dnsmasq: --edns-packet-max=1232)",
        grants=GRANTS,
        measures=MEASURES,
        cases=only(lambda run: path_mtu(everything_asked(run))),
    ),
)
