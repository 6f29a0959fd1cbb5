"""Whether each path answers at all: a few small questions of every type along each, before all others.

What leaves all of its kind unanswered is given up then, so its time-outs are waited for once, all together:
who has answered nothing at a glance is asked only that again, and given the whole time.
"""

from collections.abc import Sequence
from itertools import chain, product

from clusterdns.measuring.patience import channel_of
from clusterdns.measuring.querying import USUAL_SIZE, Querier
from clusterdns.model.lookups import UNKNOWN_LABEL
from clusterdns.model.query_matrix import Asked
from clusterdns.model.questions import Question
from clusterdns.model.records import FAMILIES

_SAMPLES = 3  # questions of a kind; Querier gives up what leaves so many unanswered


def probe_paths(
    querier: Querier, questions: Sequence[Question], external_name: str, concurrency: int
) -> list[Asked]:
    """Ask some of the questions along every path; return what came of each.

    Args:
        querier: Asks, and gives up what does not answer.
        questions: Those that the records of a cluster are asked for.
        external_name: A name outside the cluster that resolves.
        concurrency: Queries in flight at once, from all nodes together.

    Raises:
        ProbeError: an agent failed, or fell silent.
    """
    inside = samples([question for question in questions if not question.outside])
    outside = [
        Question("", f"{name}.", rtype, open=True, outside=True)
        for rtype in FAMILIES.values()
        for name in (external_name, f"{UNKNOWN_LABEL}.{external_name}", external_name)
    ]
    small = [question for question in inside if question.rtype == "A" and not question.large]
    first = chain(
        product(small, querier.paths(sizes=[None])), product(outside, querier.paths(sizes=[USUAL_SIZE]))
    )
    asked = querier.glance(first, concurrency)
    answered = [pair for pair in asked if pair[1].answered]
    answering = {channel_of(exchange.path) for question, exchange in answered if not question.outside}
    unanswered = ((question, exchange.path) for question, exchange in asked if not exchange.answered)
    all_kinds = product(inside, [path for path in querier.paths() if channel_of(path) in answering])
    return answered + querier.probe(chain(unanswered, all_kinds), concurrency)


def samples(questions: Sequence[Question]) -> list[Question]:
    """Return some questions of each type, of those with small answers and of those with large ones."""
    chosen: dict[tuple[str, bool], list[Question]] = {}
    for question in questions:
        of_kind = chosen.setdefault((question.rtype, question.large), [])
        if len(of_kind) < _SAMPLES:
            of_kind.append(question)
    # Where there are fewer, they are asked more often: one that is lost by chance says nothing.
    return [of_kind[number % len(of_kind)] for of_kind in chosen.values() for number in range(_SAMPLES)]
