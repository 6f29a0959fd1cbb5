"""What DNS adds to HTTP, and whether it makes it fail: latency.http."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Stage, only
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.errors import HarnessError
from clusterdns.model.http_timing import DNS, HttpTiming, by_phase, dns_share, failures
from clusterdns.model.latency import Histogram
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.settings import Settings

_MEDIAN = 0.5
_NOT_DNS = "not DNS: let probe pods out to that host, or name another by --external-name"


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """How long a phase of a request takes.

    Attributes:
        p50_ms: The median.
        max_ms: The longest.
    """

    p50_ms: float
    max_ms: float

    @classmethod
    def of(cls, times: Histogram) -> "PhaseTimes":
        """Return the figures of a histogram of nanoseconds."""
        return cls(round(times.percentile(_MEDIAN) / 1e6, 3), round(times.maximum / 1e6, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTimings:
    """Measurements of latency.http.

    Attributes:
        requests: How many pages were asked for. Certificates are not verified: only time is measured.
        failed_by_phase: Phase -> how many requests failed in it.
        phases: Phase -> what it took, of the requests that got through it.
        dns_share_percent: Which share of the time of all requests was DNS'.
    """

    requests: int
    failed_by_phase: Mapping[str, int]
    phases: Mapping[str, PhaseTimes]
    dns_share_percent: float


def http(timings: Sequence[HttpTiming], settings: Settings) -> Verdict:
    """Judge the DNS phase of requests; failures of other phases are warned about.

    Raises:
        HarnessError: nothing was asked for.
    """
    if not timings:
        raise HarnessError("no page was asked for")
    phases, failed = by_phase(timings), failures(timings)
    why = {timing.failed: timing.failure for timing in reversed(timings) if timing.failed}
    measurements = HttpTimings(
        requests=len(timings),
        failed_by_phase=dict(failed),
        phases={phase: PhaseTimes.of(times) for phase, times in phases.items()},
        dns_share_percent=round(100 * dns_share(timings), 1),
    )
    evidence = [f"{count} failed in phase {phase}: {why[phase]}" for phase, count in failed.items()]
    if failed[DNS]:
        fault = f"{failed[DNS]} of {len(timings)} requests failed for their name: {why[DNS]}"
        return judged([fault], measurements, evidence=evidence)
    median_ms = phases[DNS].percentile(_MEDIAN) / 1e6
    if median_ms > settings.http_dns_limit:
        fault = (
            f"half of the requests wait {median_ms:,.1f} ms and more for DNS, "
            f"limit {settings.http_dns_limit:g} ms"
        )
        return judged([fault], measurements, evidence=evidence)
    if failed:
        fault = f"{failed.total()} of {len(timings)} requests failed, none for its name: {evidence[0]}"
        return judged([fault], measurements, outcome=Outcome.WARNED, remedy=_NOT_DNS, evidence=evidence)
    return judged([], measurements)


HTTP = Check(
    id="latency.http",
    profile=Profile.LOAD,
    requirement="No request for a page by HTTP or HTTPS fails for its name, or waits long for it.",
    source="ours: no request fails for its name; half of the names resolve as quickly as queries under load",
    remedy="see that the cluster's DNS reaches its upstreams: their addresses, and its pods' logs",
    grants=(OBJECTS, PROBES),
    cases=only(lambda run: http(run.http_timings, run.settings), stage=Stage.AT_REST),
)

CHECKS = (HTTP,)
