"""What lookups put on the wire, on every node: their number, their order, what they cost."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from clusterdns.check import Case, Check, Need
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.lookups import CASES, FAMILIES, Lookup, SeenLookup, Truth, expected
from clusterdns.model.outcome import Verdict, and_more, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.resolver import Libc, Question
from clusterdns.verdicts.answer_rows import REACHABLE, REACHABLE_REMEDY
from clusterdns.verdicts.needs import CAPTURE, MUSL

_SOURCE = "resolv.conf(5), glibc's res_search(3), musl's name_from_dns_search"
_GRANTS = (OBJECTS, PROBES)
_NEEDS: Mapping[Libc, tuple[Need, ...]] = {Libc.GLIBC: (), Libc.MUSL: (MUSL,)}
_NAMED = 3  # queries that a reason names

Seen = Mapping[str, SeenLookup]
"""Node -> what was seen there of a lookup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupQueries:
    """Measurements of a lookup.

    Attributes:
        name: What was looked up.
        libc: Whose resolver did.
        queries: Node -> the queries on the wire, in order, as "TYPE NAME".
        retries: Node -> how many queries were sent again.
        unanswered: The nodes on which it had no answer, or was not made since others like it had none.
        required: Node -> how many queries the model has; empty where they are not counted.
        queries_per_family: Node -> the most queries of one address family; empty where they are not counted.
        budget: The most that these may be; None where they are not counted.
    """

    name: str
    libc: Libc
    queries: Mapping[str, Sequence[str]]
    retries: Mapping[str, int]
    unanswered: Sequence[str]
    required: Mapping[str, int]
    queries_per_family: Mapping[str, int]
    budget: int | None


def _case(name: str, lookup: tuple[str, str, Libc], judge: Callable[[Run, Lookup, Seen], Verdict]) -> Case:
    """Return the case of a check that judges one lookup: its case, its family, its C library."""
    return Case(name, lambda run: judge(run, *run.lookups.of(*lookup)), needs=_NEEDS[lookup[2]])


def lookup_count(lookup: Lookup, seen: Seen, truth: Truth, search_limit: int) -> Verdict:
    """Judge the queries on the wire by the model, and that none had to be sent again.

    The model's search list is cut at the limit: what a longer one costs is found out here.

    Args:
        lookup: What was looked up.
        seen: Node -> what was seen there.
        truth: Which names exist.
        search_limit: The most suffixes that a pod may have.
    """
    required = {
        node: expected(lookup, on_node.search[:search_limit], truth) for node, on_node in seen.items()
    }
    faults: dict[str, str] = {}
    for node, on_node in seen.items():
        if on_node.unanswered:
            continue
        sent, modelled = Counter(on_node.queries), Counter(required[node])
        if sent != modelled:
            faults[node] = (
                f"{len(on_node.queries)} queries for {lookup.name} on {node}, the model has "
                f"{len(required[node])}{_named('; not in the model', sent - modelled)}"
                f"{_named('; not seen', modelled - sent)}{_ended(lookup, on_node, required[node])}"
            )
        elif on_node.retries:
            faults[node] = (
                f"{on_node.retries} queries for {lookup.name} on {node} were sent again: lost, or late"
            )
    return _judged(lookup, seen, faults, required={node: len(sent) for node, sent in required.items()})


def _ended(lookup: Lookup, seen: SeenLookup, model: Sequence[Question]) -> str:
    """Return which suffix ended a lookup that should have gone on, and with which addresses; "" for none."""
    last = seen.queries[-1].name if seen.queries else ""
    absolute = lookup.name.lower().removesuffix(".")
    suffix = last.removeprefix(f"{absolute}.")
    if not seen.addresses or suffix == last or last == model[-1].name:
        return ""
    return f"; {suffix} ended it with {', '.join(seen.addresses)} for {last}: look for a wildcard there"


LOOKUP_COUNT = Check(
    id="resolver.lookup-count",
    profile=Profile.CORE,
    requirement="A lookup sends exactly the queries that the search list, ndots and the C library call for.",
    source=_SOURCE,
    remedy="compare resolv.conf (resolver.search-list, resolver.ndots), then what the nameserver drops",
    needs=(CAPTURE,),
    grants=_GRANTS,
    measures=(Run.lookups,),
    cases=[
        _case(
            "-".join(lookup),
            lookup,
            lambda run, looked_up, seen: lookup_count(
                looked_up, seen, run.lookups.truth, run.settings.search_limit
            ),
        )
        for lookup in product(CASES, FAMILIES, Libc)
    ],
)


def lookup_order(lookup: Lookup, seen: Seen, truth: Truth) -> Verdict:
    """Judge the order in which suffixes and the absolute name are tried.

    Only the order is judged: queries that should not be there, or are missing, are the
    business of `lookup_count`.
    """
    faults: dict[str, str] = {}
    absolute = lookup.name.lower().removesuffix(".")
    for node, on_node in seen.items():
        if on_node.unanswered:
            continue
        model = expected(lookup, on_node.search, truth)
        required = [question for question in model if question in on_node.queries]
        tried = [question for question in on_node.queries if question in model]
        ends_absolute = model[-1].name == absolute and absolute in {query.name for query in on_node.queries}
        if not tried:
            faults[node] = f"{lookup.name} on {node} is not asked for as the model says in a single query"
        elif tried != required:
            faults[node] = f"{lookup.name} on {node} is tried as {_path(tried)}, not {_path(required)}"
        elif ends_absolute and on_node.queries[-1].name != absolute:
            faults[node] = f"{lookup.name} on {node} is not tried last, but before {on_node.queries[-1].name}"
    return _judged(lookup, seen, faults)


LOOKUP_ORDER = Check(
    id="resolver.lookup-order",
    profile=Profile.CORE,
    requirement="A lookup tries the suffixes in search order, and the absolute name where ndots puts it.",
    source=_SOURCE,
    remedy="look for a webhook that reorders dnsConfig.searches or changes ndots",
    needs=(CAPTURE,),
    grants=_GRANTS,
    measures=(Run.lookups,),
    cases=[
        _case(
            f"{case}-{libc}",
            (case, "unspec", libc),
            lambda run, looked_up, seen: lookup_order(looked_up, seen, run.lookups.truth),
        )
        for case, libc in product(CASES, Libc)
    ],
)


def amplification(lookup: Lookup, seen: Seen, budget: int) -> Verdict:
    """Judge what a successful external lookup costs per address family."""
    per_family = {
        node: max(Counter(question.rtype for question in on_node.queries).values(), default=0)
        for node, on_node in seen.items()
    }
    faults = {
        node: f"{count} queries per address family for {lookup.name} on {node}, budget {budget}"
        for node, count in per_family.items()
        if count > budget
    }
    faults |= {
        node: f"{lookup.name} does not resolve on {node} ({on_node.failure}): no successful lookup to count"
        for node, on_node in seen.items()
        if on_node.failure and not on_node.unanswered
    }
    return _judged(lookup, seen, faults, queries_per_family=per_family, budget=budget)


AMPLIFICATION = Check(
    id="resolver.amplification",
    profile=Profile.CORE,
    requirement="A successful external lookup costs no more queries per address family than the budget.",
    source=_SOURCE,
    remedy="shorten the node's search list, or look external names up with ndots:1 or a trailing dot",
    needs=(CAPTURE,),
    grants=_GRANTS,
    measures=(Run.lookups,),
    cases=[
        _case(
            libc,
            ("external", "unspec", libc),
            lambda run, looked_up, seen: amplification(looked_up, seen, run.settings.amplification_budget),
        )
        for libc in Libc
    ],
)

CHECKS = (LOOKUP_COUNT, LOOKUP_ORDER, AMPLIFICATION)


def _judged(  # noqa: PLR0913 - what is measured of a lookup
    lookup: Lookup,
    seen: Seen,
    faults: Mapping[str, str],
    *,
    required: Mapping[str, int] | None = None,
    queries_per_family: Mapping[str, int] | None = None,
    budget: int | None = None,
) -> Verdict:
    """Return the verdict; its evidence are the queries, of the nodes with faults where there are such."""
    evidence = [
        f"{node} {number}. {question.rtype} {question.name}"
        for node, on_node in seen.items()
        if node in faults or not faults
        for number, question in enumerate(on_node.queries, 1)
    ]
    silent = {node: _silence(lookup, node, on_node) for node, on_node in seen.items() if on_node.unanswered}
    lines = [*faults.values(), *silent.values()]
    return judged(
        [and_more(lines, "more nodes")] if lines else [],
        LookupQueries(
            name=lookup.name,
            libc=lookup.libc,
            queries={
                node: [f"{query.rtype} {query.name}" for query in on_node.queries]
                for node, on_node in seen.items()
            },
            unanswered=[node for node, on_node in seen.items() if on_node.unanswered],
            retries={node: on_node.retries for node, on_node in seen.items()},
            required=required or {},
            queries_per_family=queries_per_family or {},
            budget=budget,
        ),
        remedy="" if faults else REACHABLE_REMEDY,
        evidence=[*silent.values(), *evidence],
    )


def _silence(lookup: Lookup, node: str, on_node: SeenLookup) -> str:
    if not on_node.made:
        return f"{lookup.name} is not looked up on {node}: lookups before it had no answer (see {REACHABLE})"
    asked = f"{len(on_node.queries)} queries, {on_node.retries} of them sent again"
    return f"{lookup.name} has no answer on {node} ({on_node.failure}; {asked}; see {REACHABLE})"


def _named(label: str, questions: Counter[Question]) -> str:
    names = [f"{question.rtype} {question.name}" for question in questions.elements()]
    more = " …" if len(names) > _NAMED else ""
    return f"{label}: {', '.join(names[:_NAMED])}{more}" if names else ""


def _path(questions: Sequence[Question]) -> str:
    return " > ".join(dict.fromkeys(question.name for question in questions)) or "nothing"
