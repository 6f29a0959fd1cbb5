"""Which of the captured queries belong to a lookup: time tells, both ends included."""

import pytest

from clusterdns.analysis.capture import Query
from clusterdns.measuring.lookups import _seen
from clusterdns.probing.resolving import Resolved

START, END = 1_000_000_000, 2_000_000_000


@pytest.mark.parametrize(("time_ns", "own"), [(START - 1, 0), (START, 1), (END, 1), (END + 1, 0)])
def test_a_lookup_has_the_queries_sent_while_it_was_made(time_ns: int, own: int) -> None:
    query = Query(time_ns, "10.0.0.1", 40_000, "10.96.0.10", "udp", 7, "www.example.com", "A")
    seen = _seen([query], Resolved(None, ("192.0.2.1",), START, END), ("cluster.local",))
    assert len(seen.queries) == own
    assert (seen.retries, seen.failure, seen.search) == (0, None, ("cluster.local",))


def test_a_query_sent_again_is_a_retry_and_no_query() -> None:
    first, again = (
        Query(time_ns, "10.0.0.1", 40_000, "10.96.0.10", "udp", 7, "www.example.com", "A")
        for time_ns in (START, END)
    )
    seen = _seen([first, again], Resolved("EAI_AGAIN", (), START, END), ())
    assert (len(seen.queries), seen.retries, seen.failure) == (1, 1, "EAI_AGAIN")
