"""A cluster's DNS metrics as its pods expose them: there, true and affordable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Case, Check, only
from clusterdns.cluster.permissions import METRICS, OBJECTS, PROBES
from clusterdns.errors import HarnessError
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.scraping import REQUESTS, Counted, Reading, Sidecar
from clusterdns.verdicts.answer_rows import REACHABLE
from clusterdns.verdicts.needs import COUNTERS, DNS_PODS, SIDECARS

_LARGEST = 3  # sample names that a reason or a measurement names


@dataclass(frozen=True, slots=True)
class Exposed:
    """Measurements of metrics.exposed.

    Attributes:
        series: Port, as "NAMESPACE/POD:PORT (CONTAINER)" -> how many series it has.
        faults: Port -> what is wrong with its answer.
    """

    series: Mapping[str, int]
    faults: Mapping[str, str]


def exposed(readings: Sequence[Reading]) -> Verdict:
    """Judge what every metrics port answers: the families that it must have, and each series once."""
    faults = {reading.where: fault for reading in readings if (fault := _fault(reading))}
    return judged(
        [f"{where}: {fault}" for where, fault in faults.items()],
        Exposed({reading.where: reading.page.series for reading in readings if reading.page}, faults),
    )


EXPOSED = Check(
    id="metrics.exposed",
    profile=Profile.CORE,
    requirement="Every metrics port of every DNS pod answers with the families it must have.",
    source="coredns.io/plugins/metrics; kubernetes/dns README",
    remedy="make the container serve its metrics there (CoreDNS: `prometheus :PORT` in the Corefile; "
    "kube-dns: its sidecar, and PROMETHEUS_PORT), and let nothing filter the port",
    needs=(DNS_PODS,),
    grants=(OBJECTS, METRICS),
    measures=(Run.readings,),
    cases=only(lambda run: exposed(run.readings)),
)


def _fault(reading: Reading) -> str:
    if reading.page is None and reading.pod.trouble:
        return f"its pod is not ready ({reading.pod.trouble}): {reading.failure}"
    if reading.page is None:
        return reading.failure
    missing = [family for family in reading.port.families if family not in reading.page.samples]
    if missing:
        return f"answers, but without {', '.join(missing)}"
    duplicates = reading.page.duplicates
    if duplicates:
        return f"has {len(duplicates)} series twice, e.g. {duplicates[0]}"
    return ""


@dataclass(frozen=True, slots=True)
class Truth:
    """Measurements of metrics.truth.

    Attributes:
        sample: The counter.
        answered: Pod -> how many queries it answered, type by type.
        rose_by: Pod -> how much its counter rose, type by type; None where it could not be read.
    """

    sample: str
    answered: Mapping[str, Sequence[int]]
    rose_by: Mapping[str, Sequence[float | None]]


def truth(counts: Sequence[Counted]) -> Verdict:
    """Judge by how much counters rose, against the queries that were answered.

    Raises:
        HarnessError: no pod was asked.
    """
    if not counts:
        raise HarnessError("no probe pod can ask a pod that counts its queries: nothing was counted")
    return judged(
        [fault for counted in counts if (fault := _untrue(counted))],
        Truth(
            REQUESTS,
            {counted.pod.full_name: counted.answered for counted in counts},
            {counted.pod.full_name: counted.rises for counted in counts},
        ),
    )


TRUTH = Check(
    id="metrics.truth",
    profile=Profile.CORE,
    requirement="The counters of CoreDNS and node caches rise by at least the queries they answered.",
    source="coredns.io/plugins/metrics: coredns_dns_requests_total counts every query",
    remedy="find out what answers on that port: another pod, an old process, a proxy that caches",
    needs=(DNS_PODS, COUNTERS),
    grants=(OBJECTS, METRICS, PROBES),
    measures=(Run.counted,),
    cases=only(lambda run: truth(run.counted)),
)


def _untrue(counted: Counted) -> str:
    if not all(counted.answered):
        pod = counted.pod
        silent = f"{pod.full_name} left queries to {pod.asks} unanswered"
        return f"{silent}: its counters prove nothing (see {REACHABLE})"
    if None in counted.rises:
        return f"{counted.pod.full_name} answers queries, but its counters cannot be read"
    for answered, rise in zip(counted.answered, counted.rises, strict=True):
        if rise is not None and rise < answered:
            return f"{counted.pod.full_name} answered {answered} queries, and its {REQUESTS} rose by {rise:g}"
    return ""


@dataclass(frozen=True, slots=True)
class SeriesCounts:
    """Measurements of metrics.cardinality.

    Attributes:
        series: Pod -> how many series it has.
        largest: Pod -> sample name -> how many series, of the names with the most.
        budget: The most series that a pod may have.
    """

    series: Mapping[str, int]
    largest: Mapping[str, Mapping[str, int]]
    budget: int


def series_of_dns(readings: Sequence[Reading], budget: int) -> Verdict:
    """Judge the series of each DNS pod, all its ports together."""
    pods: dict[str, int] = {}
    largest: dict[str, list[tuple[str, int]]] = {}
    for reading in readings:
        if reading.page:
            name = reading.pod.full_name
            pods[name] = pods.get(name, 0) + reading.page.series
            largest[name] = sorted(
                [*largest.get(name, []), *reading.page.largest(_LARGEST)], key=lambda pair: -pair[1]
            )[:_LARGEST]
    return _within(
        pods,
        largest,
        budget,
        remedy="drop what nobody reads with metricRelabelings, buckets of histograms first; fewer zones and "
        "upstreams in the Corefile mean fewer series",
    )


def series_of_sidecars(sidecars: Sequence[Sidecar], budget: int) -> Verdict:
    """Judge the series of each Envoy sidecar that was looked at."""
    return _within(
        {f"{sidecar.pod}:{sidecar.port}": sidecar.series for sidecar in sidecars},
        {f"{sidecar.pod}:{sidecar.port}": sidecar.largest for sidecar in sidecars},
        budget,
        remedy="name what is needed in proxyStatsMatcher by inclusionSuffixes, never by a regex that matches "
        "everything; and limit what a pod hears of with a Sidecar object",
    )


def _within(
    pods: Mapping[str, int], largest: Mapping[str, Sequence[tuple[str, int]]], budget: int, *, remedy: str
) -> Verdict:
    return judged(
        [
            f"{pod} has {series} series, budget {budget}: "
            + ", ".join(f"{count} of {name}" for name, count in largest[pod])
            for pod, series in sorted(pods.items(), key=lambda pair: -pair[1])
            if series > budget
        ],
        SeriesCounts(pods, {pod: dict(counts) for pod, counts in largest.items()}, budget),
        remedy=remedy,
    )


CARDINALITY = Check(
    id="metrics.cardinality",
    profile=Profile.CORE,
    requirement="No DNS pod and no Envoy sidecar has more series than its budget.",
    source="a setting: every series costs memory in each Prometheus that scrapes it",
    remedy="drop what nobody reads: every series costs memory in each Prometheus that scrapes it",
    grants=(OBJECTS, METRICS),
    measures=(Run.readings, Run.sidecars),
    cases=(
        Case(
            "dns",
            lambda run: series_of_dns(run.readings, run.settings.dns_series_budget),
            needs=(DNS_PODS,),
        ),
        Case(
            "sidecars",
            lambda run: series_of_sidecars(run.sidecars, run.settings.sidecar_series_budget),
            needs=(SIDECARS,),
        ),
    ),
)

CHECKS = (EXPOSED, TRUTH, CARDINALITY)
