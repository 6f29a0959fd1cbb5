"""Verdicts on a cluster's DNS metrics as its pods expose them: there, true and affordable."""

from collections.abc import Sequence

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.scraping import REQUESTS, Counted, Reading, Sidecar

_LARGEST = 3  # sample names that a reason or a measurement names


def exposed(readings: Sequence[Reading]) -> Verdict:
    """Every metrics port of every DNS pod answers with the families it must have, each series once."""
    wrong = {one.where: fault for one in readings if (fault := _fault(one))}
    pages = {one.where: one.page.series for one in readings if one.page}
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements={"series": pages})
    lines = tuple(f"{where}: {fault}" for where, fault in wrong.items())
    return Verdict(
        outcome=Outcome.FAILED,
        reason=lines[0] + _more(lines),
        remedy="make the container serve its metrics there (CoreDNS: `prometheus :PORT` in the Corefile; "
        "kube-dns: its sidecar, and PROMETHEUS_PORT), and let nothing filter the port",
        source="coredns.io/plugins/metrics; kubernetes/dns README",
        measurements={"series": pages, "wrong": wrong},
        evidence=lines,
    )


def _fault(one: Reading) -> str:
    if one.page is None:
        return one.failure
    missing = [family for family in one.port.families if family not in one.page.samples]
    if missing:
        return f"answers, but without {', '.join(missing)}"
    if one.page.duplicates:
        return f"has {len(one.page.duplicates)} series twice, e.g. {one.page.duplicates[0]}"
    return ""


def truth(counts: Sequence[Counted]) -> Verdict:
    """The counters of a CoreDNS-type pod rise by at least the queries that it answered.

    Raises:
        HarnessError: a pod answered none of them.
    """
    for one in counts:
        if not all(one.answered):
            raise HarnessError(
                f"{one.pod.full_name} left queries to {one.pod.asks} unanswered: its counters prove nothing"
            )
    wrong = [line for one in counts if (line := _untrue(one))]
    measurements = {
        "sample": REQUESTS,
        "answered": {one.pod.full_name: list(one.answered) for one in counts},
        "rose by": {one.pod.full_name: list(one.rises) for one in counts},
    }
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=wrong[0] + _more(wrong),
        remedy="find out what answers on that port: another pod, an old process, a proxy that caches",
        source="coredns.io/plugins/metrics: coredns_dns_requests_total counts every query",
        measurements=measurements,
        evidence=tuple(wrong),
    )


def _untrue(one: Counted) -> str:
    if None in one.rises:
        return f"{one.pod.full_name} answers queries, but its counters cannot be read"
    for answered, rise in zip(one.answered, one.rises, strict=True):
        if rise is not None and rise < answered:
            return f"{one.pod.full_name} answered {answered} queries, and its {REQUESTS} rose by {rise:g}"
    return ""


def series_of_dns(readings: Sequence[Reading], budget: int) -> Verdict:
    """No DNS pod has more series than the budget, all its ports together."""
    pods: dict[str, int] = {}
    largest: dict[str, list[tuple[str, int]]] = {}
    for one in readings:
        if one.page:
            name = one.pod.full_name
            pods[name] = pods.get(name, 0) + one.page.series
            largest[name] = sorted(
                [*largest.get(name, []), *one.page.largest(_LARGEST)], key=lambda pair: -pair[1]
            )[:_LARGEST]
    return _within(
        pods,
        largest,
        budget,
        remedy="drop what nobody reads with metricRelabelings, buckets of histograms first; fewer zones and "
        "upstreams in the Corefile mean fewer series",
    )


def series_of_sidecars(sidecars: Sequence[Sidecar], budget: int) -> Verdict:
    """No Envoy sidecar that was looked at has more series than the budget."""
    return _within(
        {f"{one.pod}:{one.port}": one.series for one in sidecars},
        {f"{one.pod}:{one.port}": list(one.largest) for one in sidecars},
        budget,
        remedy="name what is needed in proxyStatsMatcher by inclusionSuffixes, never by a regex that matches "
        "everything; and limit what a pod hears of with a Sidecar object",
    )


def _within(
    pods: dict[str, int], largest: dict[str, list[tuple[str, int]]], budget: int, *, remedy: str
) -> Verdict:
    wrong = [
        f"{pod} has {series} series, budget {budget}: "
        + ", ".join(f"{count} of {name}" for name, count in largest[pod])
        for pod, series in sorted(pods.items(), key=lambda pair: -pair[1])
        if series > budget
    ]
    measurements = {"series": pods, "largest": {pod: dict(most) for pod, most in largest.items()}}
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=wrong[0] + _more(wrong),
        remedy=remedy,
        source="a setting: every series costs memory in each Prometheus that scrapes it",
        measurements=measurements,
        evidence=tuple(wrong),
    )


def _more(lines: Sequence[str]) -> str:
    return f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
