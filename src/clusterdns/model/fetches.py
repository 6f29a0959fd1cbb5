"""HTTP as clients of a cluster's DNS see it: the phases of fetches, and where they failed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.latency import Histogram

DNS, TOTAL = "dns", "total"
PHASES = (DNS, "connect", "tls", "first_byte", TOTAL)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One page, fetched over a connection of its own.

    Attributes:
        node: Where from.
        url: Of the page.
        phases_ns: Phase of PHASES -> what it took, as far as the fetch came.
        failed: The phase that failed; None for a fetch that did not.
        failure: Why it did.
    """

    node: str
    url: str
    phases_ns: Mapping[str, int]
    failed: str | None = None
    failure: str = ""


def by_phase(fetches: Iterable[Fetch]) -> dict[str, Histogram]:
    """Returns phase -> what it took, of the fetches that got through it."""
    times: dict[str, list[int]] = {phase: [] for phase in PHASES}
    for one in fetches:
        for phase, took in one.phases_ns.items():
            if one.failed is None or phase not in (one.failed, TOTAL):
                times[phase].append(took)
    return {phase: Histogram.of(values) for phase, values in times.items() if values}


def dns_share(fetches: Sequence[Fetch]) -> float:
    """Returns which share of the time of all fetches was DNS', from 0 to 1."""
    total = sum(one.phases_ns.get(TOTAL, 0) for one in fetches)
    return sum(one.phases_ns.get(DNS, 0) for one in fetches) / total if total else 0.0


def failures(fetches: Iterable[Fetch]) -> Counter[str]:
    """Counts failures by phase."""
    return Counter(one.failed for one in fetches if one.failed)
