"""What lookups put on the wire, on every node: resolver.lookup-count, lookup-order, amplification."""

from collections.abc import Callable

import pytest

from clusterdns.model.lookups import CASES, FAMILIES
from clusterdns.model.outcome import Verdict
from clusterdns.model.resolver import Libc
from clusterdns.settings import Settings
from clusterdns.verdicts import lookups
from fixtures.captures import Wire

Conclude = Callable[[Verdict], None]

pytestmark = pytest.mark.needs("privileged")

each_libc = pytest.mark.parametrize(
    "libc", [pytest.param(libc, marks=pytest.mark.needs(libc), id=libc) for libc in Libc]
)


@each_libc
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.check("resolver.lookup-count")
def test_lookup_count(
    wire: Wire, case: str, family: str, libc: Libc, settings: Settings, conclude: Conclude
) -> None:
    """A lookup sends exactly the queries that the search list, ndots and the C library call for."""
    lookup, seen = wire.seen(case, family, libc)
    conclude(lookups.lookup_count(lookup, seen, wire.truth, settings.search_limit))


@each_libc
@pytest.mark.parametrize("case", CASES)
@pytest.mark.check("resolver.lookup-order")
def test_lookup_order(wire: Wire, case: str, libc: Libc, conclude: Conclude) -> None:
    """Suffixes are tried in search order, the absolute name last (first when dots >= ndots)."""
    lookup, seen = wire.seen(case, "unspec", libc)
    conclude(lookups.lookup_order(lookup, seen, wire.truth))


@each_libc
@pytest.mark.check("resolver.amplification")
def test_amplification(wire: Wire, libc: Libc, settings: Settings, conclude: Conclude) -> None:
    """A successful external lookup costs no more queries per address family than the budget."""
    lookup, seen = wire.seen("external", "unspec", libc)
    conclude(lookups.amplification(lookup, seen, settings.amplification_budget))
