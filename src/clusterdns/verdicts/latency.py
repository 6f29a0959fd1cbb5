"""Verdicts on latency under open-loop load: what clients feel, lost queries included."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import dns.rcode

from clusterdns.errors import HarnessError
from clusterdns.model.latency import Histogram, samples_needed, timeline
from clusterdns.model.load import BURSTS, Protocol, Run
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.settings import Settings

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_WIDTH_NS = 200_000_000  # of an interval of the timeline: one burst
_BARS = "▁▂▃▄▅▆▇█"
_STALL_MS = 5000.0  # what fills a bar: the deadline of a query
_SOURCE = "kubernetes/perf-tests ClusterLoader2, DNS: p50 20 ms, p99 100 ms, errors 0.1 %"
_REMEDY = (
    "look at the saturation checks of the same run for what is exhausted; behind NodeLocal DNSCache take "
    "force_tcp out of its cluster zones, or put CoreDNS or Cloud DNS there"
)


def path(run: Run, settings: Settings) -> Verdict:
    """Percentiles of latency, and the share of lost and refused queries, are within their limits.

    Raises:
        HarnessError: The generator did not keep its plan.
    """
    refuse_lag(run, settings)
    latency = run.latency()
    limits = {"p50": settings.latency_p50_limit, "p99": settings.latency_p99_limit}
    wrong = [
        f"{name} {_ms(latency, QUANTILES[name]):,.1f} ms, limit {limit:g} ms"
        for name, limit in limits.items()
        if latency.judges(QUANTILES[name]) and _ms(latency, QUANTILES[name]) > limit
    ]
    unanswered = 100 * (run.lost + run.refused) / run.sent
    if unanswered > settings.lost_limit:
        wrong.append(
            f"{run.lost} lost and {run.refused} answered with an error of {run.sent} queries, "
            f"limit {settings.lost_limit:g} %"
            + "".join(f"; {count} x {name}" for name, count in _socket_failures(run).items())
        )
    measurements = {
        **measured(run),
        "limits": {**{f"{name} ms": limit for name, limit in limits.items()}, "lost %": settings.lost_limit},
        "timeline": rows(run),
    }
    reported = why_only_reported(run)
    if reported or not wrong:
        return Verdict(
            outcome=Outcome.PASSED,
            reason=f"reported, not judged: {reported}" if reported else "",
            source=_SOURCE,
            measurements=measurements,
            evidence=picture(run),
        )
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"{run.destination.what} ({run.destination.address}): {'; '.join(wrong)}",
        remedy=_REMEDY,
        source=_SOURCE,
        measurements=measurements,
        evidence=picture(run),
    )


def tail_ratio(direct: Run, through: Sequence[Run], settings: Settings) -> Verdict:
    """The p99 through the caching layer is near the p99 straight to a DNS pod.

    Args:
        direct: Straight to a DNS pod.
        through: The same load through the cache, by each of its addresses.
        settings: The limits.

    Raises:
        HarnessError: The generator did not keep a plan, or there are too few samples for a p99.
    """
    for run in (direct, *through):
        refuse_lag(run, settings)
        if not run.latency().judges(QUANTILES["p99"]):
            raise HarnessError(
                f"{run.plan}: {run.sent} queries are too few for a p99, which needs "
                f"{samples_needed(QUANTILES['p99'])}: give --burst-seconds or --load-seconds more"
            )
    base = _ms(direct.latency(), QUANTILES["p99"])
    limit = max(settings.tail_floor, settings.tail_ratio_limit * base)
    tails = {run.destination.name: _ms(run.latency(), QUANTILES["p99"]) for run in through}
    wrong = [
        f"p99 {tails[run.destination.name]:,.1f} ms through {run.destination.what}, {base:,.1f} ms straight "
        f"to a DNS pod: limit {limit:,.0f} ms"
        for run in through
        if tails[run.destination.name] > limit and not why_only_reported(run)
    ]
    measurements = {
        "plan": direct.plan,
        "p99 ms straight to a DNS pod": base,
        "p99 ms through the cache": tails,
        "limit ms": round(limit, 3),
    }
    reported = [reason for run in through if (reason := why_only_reported(run))]
    source = "ours: a cache in front may cost a hop, not a stall"
    if not wrong:
        return Verdict(
            outcome=Outcome.PASSED,
            reason=f"reported, not judged: {reported[0]}" if reported else "",
            source=source,
            measurements=measurements,
        )
    return Verdict(
        outcome=Outcome.FAILED,
        reason="; ".join(wrong),
        remedy=_REMEDY,
        source=source,
        measurements=measurements,
        evidence=tuple(line for run in (direct, *through) for line in picture(run)),
    )


def schedule(runs: Sequence[Run], settings: Settings) -> Verdict:
    """The generator kept its plan: otherwise its figures are about the machine that it ran on.

    Raises:
        HarnessError: It did not, or nothing was sent.
    """
    if not runs:
        raise HarnessError("no load was sent: nothing in this cluster serves DNS")
    for run in runs:
        refuse_lag(run, settings)
    return Verdict(
        outcome=Outcome.PASSED,
        source="ours: a hundredth of the p99 limit",
        measurements={
            "lag ms": {run.destination.name: _figures(run.lag()) for run in runs},
            "limit p99 ms": _lag_limit(runs[0], settings),
            "CPU seconds": {
                run.destination.name: {pod.node: round(pod.cpu_seconds, 3) for pod in run.pods}
                for run in runs
            },
        },
    )


def lateness(run: Run, settings: Settings) -> str | None:
    """Returns how the generator failed to keep its plan; None where it kept it."""
    limit = _lag_limit(run, settings)
    for pod in run.pods:
        lag = _ms(pod.samples.lag(), QUANTILES["p99"])
        if lag > limit:
            return f"the generator on {pod.node} was late by {lag:.2f} ms (p99), limit {limit:g} ms"
    return None


def refuse_lag(run: Run, settings: Settings) -> None:
    """Refuses to judge what was not sent as planned.

    Raises:
        HarnessError: The p99 of the lag is above its limit.
    """
    late = lateness(run, settings)
    if late:
        raise HarnessError(
            f"{run.plan}: {late}: that node is too busy for this load; "
            "lower it, or run again when it is less busy"
        )


def _lag_limit(run: Run, settings: Settings) -> float:
    return settings.burst_lag_limit if run.pattern == BURSTS else settings.schedule_lag_limit


def why_only_reported(run: Run) -> str | None:
    """Returns why a run is no ground for a verdict on the cluster; None where it is."""
    if run.destination.dnsmasq and run.protocol is not Protocol.UDP:
        return (
            "dnsmasq serves a limited number of TCP connections, 100 queries each: "
            "no client of a cluster asks it by TCP like this"
        )
    if run.destination.tcp_into_dnsmasq and run.pattern != BURSTS:
        return (
            "through a cache that asks dnsmasq by TCP, a smooth rate saturates on one day and not on another"
        )
    return None


def measured(run: Run) -> Mapping[str, object]:
    """Returns what came of a run, in milliseconds from the intended time."""
    rcodes = run.rcodes
    return {
        "plan": run.plan,
        "to": run.destination.name,
        "destination": f"{run.destination.what} ({run.destination.address})",
        "sent": run.sent,
        "lost": run.lost,
        "rcodes": {dns.rcode.to_text(dns.rcode.Rcode(code)): rcodes[code] for code in sorted(rcodes)},
        "latency ms": _figures(run.latency()),
        "send to receive ms": _figures(sum((one.send_to_receive() for one in run.samples), Histogram())),
        "schedule lag p99 ms": _ms(run.lag(), QUANTILES["p99"]),
        "late": sum(pod.late for pod in run.pods),
        "duplicates": sum(pod.duplicates for pod in run.pods),
        "strays": sum(pod.strays for pod in run.pods),
        "socket failures": dict(_socket_failures(run)),
        "connections": sum(pod.connections for pod in run.pods),
    }


def rows(run: Run) -> list[dict[str, float]]:
    """Returns a run's timeline, interval by interval."""
    return [
        {
            "s": round(number * _WIDTH_NS / 1e9, 3),
            "sent": interval.sent,
            "lost": interval.lost,
            "refused": interval.refused,
            "p50 ms": _ms(interval.latency, QUANTILES["p50"]),
            "max ms": round(interval.latency.maximum / 1e6, 3),
        }
        for number, interval in timeline(run.samples, _WIDTH_NS).items()
    ]


def picture(run: Run) -> tuple[str, ...]:
    """Returns the worst latency of each interval as a line of text, logarithmic from 1 ms to the deadline."""
    worst = [row["max ms"] for row in rows(run)]
    steps = len(_BARS) - 1
    bars = "".join(
        _BARS[min(steps, max(0, round(steps * math.log10(max(one, 1)) / math.log10(_STALL_MS))))]
        for one in worst
    )
    return (f"{run.destination.name:10} {bars} worst {max(worst):,.0f} ms",)


def _figures(values: Histogram) -> dict[str, float]:
    """Returns the percentiles for which there are enough values, and the maximum; in milliseconds."""
    enough = {name: quantile for name, quantile in QUANTILES.items() if values.judges(quantile)}
    figures = {name: _ms(values, quantile) for name, quantile in enough.items()}
    return {**figures, "max": round(values.maximum / 1e6, 3)}


def _ms(values: Histogram, quantile: float) -> float:
    return round(values.percentile(quantile) / 1e6, 3)


def _socket_failures(run: Run) -> Counter[str]:
    return sum((Counter(pod.failures) for pod in run.pods), Counter())
