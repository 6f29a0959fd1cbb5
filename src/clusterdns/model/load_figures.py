"""The figures of a load as reports give them: percentiles, a timeline, whether the plan was kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.rcode

from clusterdns.model.latency import Histogram, timeline
from clusterdns.model.load import LoadResult

P50, P90, P99, P999 = 0.5, 0.9, 0.99, 0.999
_INTERVAL_NS = 200_000_000  # of the timeline: one burst


@dataclass(frozen=True, slots=True)
class Percentiles:
    """The percentiles of a histogram, None where it has too few values for one; and the largest value."""

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float

    @classmethod
    def of(cls, values: Histogram) -> "Percentiles":
        """Return those of a histogram in nanoseconds."""
        p50, p90, p99, p999 = (
            percentile_ms(values, quantile) if values.judges(quantile) else None
            for quantile in (P50, P90, P99, P999)
        )
        return cls(p50, p90, p99, p999, round(values.maximum / 1e6, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """What came of a load.

    Attributes:
        plan: What was sent, in words.
        to: The destination's name.
        destination: In words, with its address.
        sent: Queries.
        lost: Queries without an answer by their deadline.
        refused: Queries that were answered by an error, such as SERVFAIL.
        rcodes: rcode -> how many queries were answered with it.
        latency: From intended to received, lost queries at their deadline.
        send_to_receive: From sent to received, of answered queries.
        lag_p99_ms: How late queries were sent.
        late: Answers after the deadline.
        duplicates: Further answers to a query that has one.
        strays: Answers to nothing that was sent on their socket.
        socket_failures: errno's name, or "EOF" -> how often a socket failed with it.
        connections: TCP connections that were begun.
    """

    plan: str
    to: str
    destination: str
    sent: int
    lost: int
    refused: int
    rcodes: Mapping[str, int]
    latency: Percentiles
    send_to_receive: Percentiles
    lag_p99_ms: float
    late: int
    duplicates: int
    strays: int
    socket_failures: Mapping[str, int]
    connections: int

    @classmethod
    def of(cls, result: LoadResult) -> "LoadFigures":
        """Return the figures of a load."""
        rcodes = result.rcodes
        return cls(
            plan=result.plan,
            to=result.destination.name,
            destination=f"{result.destination.what} ({result.destination.address})",
            sent=result.sent,
            lost=result.lost,
            refused=result.refused,
            rcodes={dns.rcode.to_text(dns.rcode.Rcode(code)): rcodes[code] for code in sorted(rcodes)},
            latency=Percentiles.of(result.latency()),
            send_to_receive=Percentiles.of(result.send_to_receive()),
            lag_p99_ms=percentile_ms(result.lag(), P99),
            late=sum(pod.late for pod in result.pods),
            duplicates=sum(pod.duplicates for pod in result.pods),
            strays=sum(pod.strays for pod in result.pods),
            socket_failures=dict(result.socket_failures),
            connections=sum(pod.connections for pod in result.pods),
        )


@dataclass(frozen=True, slots=True)
class LoadInterval:
    """What came of the queries that were intended for one interval of a load.

    Attributes:
        start_s: When it begins, since the load's start.
        sent: Queries.
        lost: Those without an answer by their deadline.
        refused: Those that were answered by an error.
        p50_ms: The median of their latency.
        max_ms: Their worst latency, a lost query's being its deadline.
    """

    start_s: float
    sent: int
    lost: int
    refused: int
    p50_ms: float
    max_ms: float


def load_timeline(result: LoadResult) -> list[LoadInterval]:
    """Return a load interval by interval."""
    return [
        LoadInterval(
            start_s=round(number * _INTERVAL_NS / 1e9, 3),
            sent=interval.sent,
            lost=interval.lost,
            refused=interval.refused,
            p50_ms=percentile_ms(interval.latency, P50),
            max_ms=round(interval.latency.maximum / 1e6, 3),
        )
        for number, interval in timeline(result.samples, _INTERVAL_NS).items()
    ]


@dataclass(frozen=True, slots=True)
class LatencyLimits:
    """What latency under load is held to."""

    p50_ms: float
    p99_ms: float
    lost_percent: float


@dataclass(frozen=True, slots=True)
class PathLatency:
    """Measurements of latency.path.

    Attributes:
        load: Its figures.
        limits: What they are held to.
        timeline: Interval by interval.
    """

    load: LoadFigures
    limits: LatencyLimits
    timeline: Sequence[LoadInterval]


def lateness(result: LoadResult) -> str | None:
    """Return how the generator failed to keep its plan; None where it kept it."""
    limit_ms = result.lag_limit_ms
    for pod in result.pods:
        lag_ms = percentile_ms(pod.samples.lag(), P99)
        if lag_ms > limit_ms:
            return f"the generator on {pod.node} was late by {lag_ms:.2f} ms (p99), limit {limit_ms:g} ms"
    return None


def percentile_ms(values: Histogram, quantile: float) -> float:
    """Return a percentile of a histogram in nanoseconds."""
    return round(values.percentile(quantile) / 1e6, 3)
