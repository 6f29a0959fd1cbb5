"""HTTP as clients of a cluster's DNS see it: how long the phases of requests take, and where they fail."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.latency import Histogram

DNS, TOTAL = "dns", "total"
PHASES = (DNS, "connect", "tls", "first_byte", TOTAL)


@dataclass(frozen=True, slots=True)
class HttpTiming:
    """One request for a page, over a connection of its own.

    Attributes:
        node: Where from.
        url: Of the page.
        phases_ns: Phase of PHASES -> what it took, as far as the request came.
        failed: The phase that failed; None where none did.
        failure: Why it did.
    """

    node: str
    url: str
    phases_ns: Mapping[str, int]
    failed: str | None = None
    failure: str = ""


def by_phase(timings: Iterable[HttpTiming]) -> dict[str, Histogram]:
    """Return phase -> what it took, of the requests that got through it."""
    times: dict[str, list[int]] = {phase: [] for phase in PHASES}
    for timing in timings:
        for phase, took in timing.phases_ns.items():
            if timing.failed is None or phase not in (timing.failed, TOTAL):
                times[phase].append(took)
    return {phase: Histogram.of(values) for phase, values in times.items() if values}


def dns_share(timings: Sequence[HttpTiming]) -> float:
    """Return which share of the time of all requests was DNS', from 0 to 1."""
    total = sum(timing.phases_ns.get(TOTAL, 0) for timing in timings)
    return sum(timing.phases_ns.get(DNS, 0) for timing in timings) / total if total else 0.0


def failures(timings: Iterable[HttpTiming]) -> Counter[str]:
    """Count failures by phase."""
    return Counter(timing.failed for timing in timings if timing.failed)
