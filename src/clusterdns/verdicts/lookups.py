"""Verdicts on the queries that lookups put on the wire."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.lookups import Lookup, Truth, expected
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.resolver import Question

_SOURCE = "resolv.conf(5), glibc's res_search(3), musl's name_from_dns_search"


@dataclass(frozen=True, slots=True)
class Seen:
    """One lookup as it was made on one node.

    Attributes:
        queries: What was asked, in order, retries left out.
        retries: How many of these were sent again.
        failure: getaddrinfo's error, None where it found an address.
        search: The search list that the cluster is to give to the pod: its own three
            domains, then the node's suffixes.
    """

    queries: tuple[Question, ...]
    retries: int
    failure: str | None
    search: tuple[str, ...]


def lookup_count(lookup: Lookup, seen: Mapping[str, Seen], truth: Truth, search_limit: int) -> Verdict:
    """The queries on the wire are those of the model, and none had to be sent again.

    The model's search list is cut at the limit: what a longer one costs is found out here.

    Args:
        lookup: What was looked up.
        seen: Node -> what was seen there.
        truth: Which names exist.
        search_limit: The most suffixes that a pod may have.
    """
    required = {node: expected(lookup, one.search[:search_limit], truth) for node, one in seen.items()}
    wrong: dict[str, str] = {}
    for node, one in seen.items():
        if Counter(one.queries) != Counter(required[node]):
            extra = Counter(one.queries) - Counter(required[node])
            missing = Counter(required[node]) - Counter(one.queries)
            wrong[node] = (
                f"{len(one.queries)} queries for {lookup.name} on {node}, the model has {len(required[node])}"
                f"{_named('; not in the model', extra)}{_named('; not seen', missing)}"
            )
        elif one.retries:
            wrong[node] = f"{one.retries} queries for {lookup.name} on {node} were sent again: lost, or late"
    return _judged(
        lookup,
        seen,
        wrong,
        remedy="compare resolv.conf (resolver.search-list, resolver.ndots), then what the nameserver drops",
        more={"required": {node: len(queries) for node, queries in required.items()}},
    )


def lookup_order(lookup: Lookup, seen: Mapping[str, Seen], truth: Truth) -> Verdict:
    """Suffixes are tried in search order, the absolute name where ndots puts it.

    Only the order is judged: queries that should not be there, or are missing, are the
    business of `lookup_count`.
    """
    wrong: dict[str, str] = {}
    absolute = lookup.name.lower().removesuffix(".")
    for node, one in seen.items():
        model = expected(lookup, one.search, truth)
        required = [question for question in model if question in one.queries]
        found = [question for question in one.queries if question in model]
        ends_absolute = model[-1].name == absolute and absolute in {query.name for query in one.queries}
        if not found:
            wrong[node] = f"{lookup.name} on {node} is not asked for as the model says in a single query"
        elif found != required:
            wrong[node] = f"{lookup.name} on {node} is tried as {_path(found)}, not {_path(required)}"
        elif ends_absolute and one.queries[-1].name != absolute:
            wrong[node] = f"{lookup.name} on {node} is not tried last, but before {one.queries[-1].name}"
    remedy = "look for a webhook that reorders dnsConfig.searches or changes ndots"
    return _judged(lookup, seen, wrong, remedy=remedy)


def amplification(lookup: Lookup, seen: Mapping[str, Seen], budget: int) -> Verdict:
    """A successful external lookup costs no more queries per address family than the budget."""
    per_family = {
        node: max(Counter(question.rtype for question in one.queries).values(), default=0)
        for node, one in seen.items()
    }
    wrong = {
        node: f"{count} queries per address family for {lookup.name} on {node}, budget {budget}"
        for node, count in per_family.items()
        if count > budget
    }
    wrong |= {
        node: f"{lookup.name} does not resolve on {node} ({one.failure}): no successful lookup to count"
        for node, one in seen.items()
        if one.failure
    }
    remedy = (
        "shorten the node's search list, or set ndots:1 or trailing dots where external names are looked up"
    )
    return _judged(
        lookup, seen, wrong, remedy=remedy, more={"queries per family": per_family, "budget": budget}
    )


def _judged(
    lookup: Lookup,
    seen: Mapping[str, Seen],
    wrong: Mapping[str, str],
    *,
    remedy: str,
    more: Mapping[str, object] | None = None,
) -> Verdict:
    measurements = {
        "name": lookup.name,
        "libc": lookup.libc,
        "queries": {node: [f"{q.rtype} {q.name}" for q in one.queries] for node, one in seen.items()},
        "retries": {node: one.retries for node, one in seen.items()},
        **(more or {}),
    }
    lines = list(wrong.values())
    evidence = [
        f"{node} {number}. {question.rtype} {question.name}"
        for node, one in seen.items()
        if node in wrong or not wrong
        for number, question in enumerate(one.queries, 1)
    ]
    if not lines:
        return Verdict(
            outcome=Outcome.PASSED, source=_SOURCE, measurements=measurements, evidence=tuple(evidence)
        )
    others = f" (and {len(lines) - 1} more nodes)" if len(lines) > 1 else ""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=lines[0] + others,
        remedy=remedy,
        source=_SOURCE,
        measurements=measurements,
        evidence=tuple(evidence),
    )


def _named(label: str, questions: Counter[Question]) -> str:
    names = [f"{question.rtype} {question.name}" for question in questions.elements()]
    return f"{label}: {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else ""  # noqa: PLR2004


def _path(questions: Sequence[Question]) -> str:
    return " > ".join(dict.fromkeys(question.name for question in questions)) or "nothing"
