"""Which queries have no answer: along which paths, of which kind, and what these have in common."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from clusterdns.check import Check, only
from clusterdns.measuring.run import Run
from clusterdns.model.exchange import WHOLE, Path
from clusterdns.model.fault_localization import Attribute, Description, Term, localize, tallied
from clusterdns.model.outcome import Outcome, Verdict, and_more, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.query_matrix import Asked
from clusterdns.model.questions import Question
from clusterdns.model.topology import Topology
from clusterdns.verdicts.answer_rows import REACHABLE, REACHABLE_REMEDY
from clusterdns.verdicts.records import GRANTS, MEASURES

TRANSPORT, NODE, SERVER_KIND, POD_PLACE = "transport", "node", "server kind", "DNS pod's place"
SERVER, TYPE, EDNS, NAME, OCTETS = "server", "type", "EDNS size", "name", "octets of the answer"
ATTRIBUTES = (
    *map(Attribute, (TRANSPORT, NODE, TYPE, SERVER_KIND, POD_PLACE, SERVER, EDNS, NAME)),
    Attribute(OCTETS, ordered=True),
)
POD, SERVICE, NODE_CACHE = "DNS pod", "Service", "node cache"
SAME_NODE, ANOTHER_NODE = "the same node", "another node"
NO_EDNS = "none"
OUTSIDE, REVERSE, OF_CLUSTER = "outside the cluster", "reverse", "of the cluster"

_SPORADIC = 0.001
"""Queries without an answer that pass, of all: kubernetes/perf-tests, ClusterLoader2's DNS errors."""
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class AnsweredQueries:
    """Measurements of records.reachable.

    Attributes:
        queries: How many were sent.
        unanswered: How many of them had no answer.
        descriptions: What these have in common, in words.
        unanswered_by_path: Path -> "TYPE: unanswered of sent", for types with unanswered ones.
    """

    queries: int
    unanswered: int
    descriptions: Sequence[str]
    unanswered_by_path: Mapping[str, Sequence[str]]


def describe(asked: Iterable[Asked], topology: Topology) -> list[Description]:
    """Return what queries without an answer have in common.

    Args:
        asked: Questions and their exchanges.
        topology: Says where DNS pods run.
    """
    sent = [(question, exchange) for question, exchange in asked if exchange.sent]
    octets = octets_of_answers(sent)
    node_by_address = {
        backend.address: backend.node for service in topology.services for backend in service.backends
    }
    return localize(
        ATTRIBUTES,
        tallied(
            (_values(question, exchange.path, node_by_address, octets), exchange.lost)
            for question, exchange in sent
        ),
    )


def reachable(asked: Sequence[Asked], topology: Topology) -> Verdict:
    """Judge whether every query has an answer, whatever it says.

    Args:
        asked: Everything that was asked.
        topology: Says where DNS pods run.
    """
    sent = [(question, exchange) for question, exchange in asked if exchange.sent]
    lost = [(question, exchange) for question, exchange in sent if exchange.lost]
    descriptions = describe(sent, topology)
    by_path = _by_path(sent)
    faults = list(map(sentence, descriptions))
    sporadic = len(lost) <= _SPORADIC * len(sent) and not any(found.terms for found in descriptions)
    return judged(
        [and_more(faults, "other faults")] if faults else [],
        AnsweredQueries(len(sent), len(lost), faults, by_path),
        outcome=Outcome.WARNED if sporadic else Outcome.FAILED,
        evidence=[*faults, *_table(by_path)],
    )


CHECKS = (
    Check(
        id=REACHABLE,
        profile=Profile.CORE,
        requirement="Every query is answered, on every path, over every transport, of every type and size.",
        source="RFC 1034 3.7, RFC 7766 5; kubernetes/perf-tests for what may be lost (0.1 %)",
        remedy=REACHABLE_REMEDY,
        grants=GRANTS,
        measures=MEASURES,
        cases=only(lambda run: reachable(everything_asked(run), run.topology)),
    ),
)


def everything_asked(run: Run) -> list[Asked]:
    """Return every query about records with what came of it, those that were sent beforehand first."""
    return [*run.path_probes, *run.query_matrix.asked]


Octets = Mapping[tuple[str, str, int], int]
"""Name, type and limit of a query -> octets of the largest answer to it."""


def octets_of_answers(asked: Iterable[Asked]) -> Octets:
    """Return how large the answers to each question are, for each limit that a query sets."""
    octets: dict[tuple[str, str, int], int] = {}
    for question, exchange in asked:
        if exchange.message is not None:
            key = question.name.lower(), question.rtype, exchange.path.limit
            octets[key] = max(octets.get(key, 0), exchange.message.size)
    return octets


def octets_of(octets: Octets, question: Question, path: Path) -> int | None:
    """Return how large the answer to a question along a path is or would be; None where nobody gave it."""
    of_question = question.name.lower(), question.rtype
    size = octets.get((*of_question, path.limit))
    if size is None:
        # An answer that never arrives by UDP, on whatever path, is as large as by TCP where it fits.
        size = octets.get((*of_question, WHOLE))
        return size if size is not None and size <= path.limit else None
    return size


def sentence(description: Description) -> str:
    """Return a description as a sentence, with its counts."""
    words = "".join(f" {_WORDS[term.attribute](term)}" for term in description.terms)
    counts = f"{description.failed:,} of {description.matched:,}"
    share = "never answered" if description.always else f"unanswered in {description.rate:.1%} of cases"
    others = (
        f", of all others {description.failed_elsewhere:,} of {description.elsewhere:,}"
        if description.elsewhere and description.terms
        else ""
    )
    return f"queries{words or ' of every kind'} are {share} ({counts}{others})"


def _place(term: Term) -> str:
    return f"on {term.value} than their own" if term.value == ANOTHER_NODE else f"on {term.value}"


_WORDS: Mapping[str, Callable[[Term], str]] = {
    TRANSPORT: lambda term: f"by {str(term.value).upper()}",
    NODE: lambda term: f"from pods on {term.value}",
    TYPE: lambda term: f"of type {term.value}",
    SERVER_KIND: lambda term: f"to {term.value}s",
    POD_PLACE: lambda term: f"to DNS pods {_place(term)}",
    SERVER: lambda term: f"to {term.value}",
    EDNS: lambda term: "without EDNS" if term.value == NO_EDNS else f"with EDNS size {term.value}",
    NAME: lambda term: f"for names {'of addresses' if term.value == REVERSE else term.value}",
    OCTETS: lambda term: f"with answers of {term.value} octets or more",
}


def _values(
    question: Question,
    path: Path,
    node_by_address: Mapping[str, str],
    octets: Octets,
) -> tuple[Hashable, ...]:
    """Return the values of `ATTRIBUTES`."""
    kind = POD if path.pod else SERVICE if path.server.startswith("Service ") else NODE_CACHE
    place = None
    if path.pod:
        place = SAME_NODE if node_by_address.get(path.address) == path.node else ANOTHER_NODE
    edns = None if path.transport == "tcp" else str(path.edns or NO_EDNS)
    reverse = question.name.lower().endswith((".in-addr.arpa.", ".ip6.arpa."))
    name = OUTSIDE if question.outside else REVERSE if reverse else OF_CLUSTER
    return (
        path.transport,
        path.node,
        question.rtype,
        kind,
        place,
        f"{f'{kind} ' if kind == NODE_CACHE else ''}{path.server} ({path.address})",
        edns,
        name,
        octets_of(octets, question, path),
    )


def _by_path(sent: Sequence[Asked]) -> dict[str, list[str]]:
    """Return, of paths with unanswered queries, how many there are of each type."""
    total = Counter((str(exchange.path), question.rtype) for question, exchange in sent)
    lost = Counter((str(exchange.path), question.rtype) for question, exchange in sent if exchange.lost)
    by_path: dict[str, list[str]] = {}
    for (path, rtype), count in sorted(lost.items()):
        by_path.setdefault(path, []).append(f"{rtype}: {count} of {total[path, rtype]}")
    return by_path


def _table(by_path: Mapping[str, Sequence[str]]) -> Iterator[str]:
    lines = [f"{path}: unanswered {', '.join(counts)}" for path, counts in by_path.items()]
    more = [f"and {len(lines) - _SHOWN} more paths"] if len(lines) > _SHOWN else []
    return chain(lines[:_SHOWN], more)
