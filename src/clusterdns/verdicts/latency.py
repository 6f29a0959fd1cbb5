"""What clients feel under open-loop load, lost queries included."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Case, Check, Stage
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.errors import HarnessError, MachineBusy
from clusterdns.measuring.load_plans import load_steps
from clusterdns.measuring.run import Run
from clusterdns.model.latency import samples_needed
from clusterdns.model.load import (
    BURSTS,
    DESTINATIONS,
    DNS_POD,
    UPSTREAM,
    LoadResult,
    LoadStep,
    Protocol,
)
from clusterdns.model.load_figures import (
    P50,
    P99,
    LatencyLimits,
    LoadFigures,
    PathLatency,
    Percentiles,
    lateness,
    load_timeline,
    percentile_ms,
)
from clusterdns.model.outcome import Measurements, Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.settings import Settings
from clusterdns.verdicts.needs import NODELOCAL, destination

_BARS = "▁▂▃▄▅▆▇█"
_STALL_MS = 5000.0  # what fills a bar: the deadline of a query
_REMEDY = (
    "look at the saturation checks of the same run for what is exhausted; behind NodeLocal DNSCache take "
    "force_tcp out of its cluster zones, or put CoreDNS or Cloud DNS there"
)
TOO_MANY = (
    "REFUSED is what dnsmasq (--dns-forward-max) and CoreDNS (max_concurrent of forward) answer while as "
    "many queries are in flight as may be: see why their upstreams are slow, or raise that limit"
)
"""What to do about REFUSED."""
_REFUSED = 5  # RFC 1035 4.1.1
_GRANTS = (OBJECTS, PROBES)
_PAST_CACHES = (DNS_POD, UPSTREAM)


def path(result: LoadResult, settings: Settings) -> Verdict:
    """Judge percentiles of latency, and the share of lost and refused queries.

    Raises:
        MachineBusy: The generator did not keep its plan.
    """
    refuse_lag(result)
    latency = result.latency()
    limits = LatencyLimits(settings.latency_p50_limit, settings.latency_p99_limit, settings.lost_limit)
    faults = [
        f"{name} {percentile_ms(latency, quantile):,.1f} ms, limit {limit:g} ms"
        for name, quantile, limit in (("p50", P50, limits.p50_ms), ("p99", P99, limits.p99_ms))
        if latency.judges(quantile) and percentile_ms(latency, quantile) > limit
    ]
    too_many = 0
    if 100 * (result.lost + result.refused) / result.sent > limits.lost_percent:
        too_many = result.rcodes[_REFUSED]
        faults.append(
            f"{result.lost} lost and {result.refused} answered with an error of {result.sent} queries, "
            f"limit {limits.lost_percent:g} %"
            + (f"; {too_many} x REFUSED" if too_many else "")
            + "".join(f"; {count} x {name}" for name, count in result.socket_failures.items())
        )
    where = f"{result.destination.what} ({result.destination.address})"
    return _judged(
        [f"{where}: {'; '.join(faults)}"] if faults else [],
        PathLatency(LoadFigures.of(result), limits, load_timeline(result)),
        reported=why_only_reported(result),
        pictures=[picture(result)],
        remedy=TOO_MANY if too_many else "",
    )


def _path_cases(settings: Settings) -> list[Case]:
    def case(step: LoadStep, name: str) -> Case:
        return Case(
            f"{name}-{step}",
            lambda run: path(run.loads.sent(step, name), run.settings),
            needs=(destination(name),),
            stage=_stage(step, past_caches=name in _PAST_CACHES),
        )

    return [case(step, name) for step in load_steps(settings) for name in DESTINATIONS]


PATH = Check(
    id="latency.path",
    profile=Profile.LOAD,
    requirement=(
        "Latency under open-loop load, and the share of lost queries, are within their limits on every path."
    ),
    source="kubernetes/perf-tests ClusterLoader2, DNS: p50 20 ms, p99 100 ms, errors 0.1 %",
    remedy=_REMEDY,
    grants=_GRANTS,
    measures=(Run.views,),
    cases=_path_cases,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRatio:
    """Measurements of latency.tail-ratio.

    Attributes:
        plan: What was sent, in words.
        direct_p99_ms: Straight to a DNS pod.
        cached_p99_ms: Destination -> through the cache.
        limit_ms: Through the cache.
    """

    plan: str
    direct_p99_ms: float
    cached_p99_ms: Mapping[str, float]
    limit_ms: float


def tail_ratio(direct: LoadResult, cached: Sequence[LoadResult], settings: Settings) -> Verdict:
    """Judge the p99 through the caching layer by the p99 straight to a DNS pod.

    Args:
        direct: Straight to a DNS pod.
        cached: The same load through the cache, by each of its addresses.
        settings: The limits.

    Raises:
        MachineBusy: The generator did not keep a plan.
        HarnessError: There are too few samples for a p99.
    """
    for result in (direct, *cached):
        refuse_lag(result)
        if not result.latency().judges(P99):
            raise HarnessError(
                f"{result.plan}: {result.sent} queries are too few for a p99, which needs "
                f"{samples_needed(P99)}: give --burst-seconds or --load-seconds more"
            )
    base = percentile_ms(direct.latency(), P99)
    limit = max(settings.tail_floor, settings.tail_ratio_limit * base)
    tails = {result.destination.name: percentile_ms(result.latency(), P99) for result in cached}
    faults = [
        f"p99 {tails[result.destination.name]:,.1f} ms through {result.destination.what}, "
        f"{base:,.1f} ms straight to a DNS pod: limit {limit:,.0f} ms"
        for result in cached
        if tails[result.destination.name] > limit and not why_only_reported(result)
    ]
    reported = next(filter(None, map(why_only_reported, cached)), None)
    return _judged(
        ["; ".join(faults)] if faults else [],
        TailRatio(plan=direct.plan, direct_p99_ms=base, cached_p99_ms=tails, limit_ms=round(limit, 3)),
        reported=None if faults else reported,
        pictures=[picture(result) for result in (direct, *cached)] if faults else [],
    )


def _tail_ratio(step: LoadStep, run: Run) -> Verdict:
    cached = [run.loads.sent(step, there.name) for there in run.loads.present() if there.cached]
    return tail_ratio(run.loads.sent(step, DNS_POD), cached, run.settings)


TAIL_RATIO = Check(
    id="latency.tail-ratio",
    profile=Profile.LOAD,
    requirement="The p99 through a node cache is not far above the p99 straight to a DNS pod.",
    source="ours: a cache in front may cost a hop, not a stall",
    remedy=_REMEDY,
    needs=(destination(DNS_POD), NODELOCAL),
    grants=_GRANTS,
    measures=(Run.views,),
    cases=lambda settings: _step_cases(settings, _tail_ratio),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLag:
    """Measurements of latency.schedule, by destination.

    Attributes:
        lag: How late queries were sent.
        limit_p99_ms: How late they may be.
        cpu_seconds: Node -> what the generator used.
    """

    lag: Mapping[str, Percentiles]
    limit_p99_ms: float
    cpu_seconds: Mapping[str, Mapping[str, float]]


def schedule(results: Sequence[LoadResult]) -> Verdict:
    """Judge whether the generator kept its plan: otherwise its figures are about its own machine.

    Raises:
        MachineBusy: It did not.
        HarnessError: Nothing was sent.
    """
    if not results:
        raise HarnessError("no load was sent: nothing in this cluster serves DNS")
    for result in results:
        refuse_lag(result)
    measurements = ScheduleLag(
        lag={result.destination.name: Percentiles.of(result.lag()) for result in results},
        limit_p99_ms=results[0].lag_limit_ms,
        cpu_seconds={
            result.destination.name: {pod.node: round(pod.cpu_seconds, 3) for pod in result.pods}
            for result in results
        },
    )
    return judged([], measurements)


SCHEDULE = Check(
    id="latency.schedule",
    profile=Profile.LOAD,
    requirement="The load generator keeps its plan, or what it measures is no verdict.",
    source="ours: a hundredth of the p99 limit",
    remedy="lower the load, or run again when the nodes are less busy",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=lambda settings: _step_cases(
        settings,
        lambda step, run: schedule([run.loads.sent(step, there.name) for there in run.loads.present()]),
    ),
)

CHECKS = (PATH, TAIL_RATIO, SCHEDULE)


def _step_cases(settings: Settings, judge: Callable[[LoadStep, Run], Verdict]) -> list[Case]:
    """Return a case for each step, whose loads go to several destinations."""

    def case(step: LoadStep) -> Case:
        return Case(str(step), lambda run: judge(step, run), stage=_stage(step, past_caches=False))

    return [case(step) for step in load_steps(settings)]


def _stage(step: LoadStep, *, past_caches: bool) -> Stage:
    if step.pattern != BURSTS:
        return Stage.STEADY_LOAD
    return Stage.BURSTS_PAST_CACHES if past_caches else Stage.BURSTS


def _judged(
    faults: Sequence[str],
    measurements: Measurements,
    *,
    reported: str | None,
    pictures: Sequence[str],
    remedy: str = "",
) -> Verdict:
    """Return the verdict on loads that may only be reported, for a reason."""
    if reported:
        return Verdict(
            outcome=Outcome.PASSED,
            reason=f"reported, not judged: {reported}",
            measurements=measurements,
            evidence=tuple(pictures),
        )
    return judged(faults, measurements, evidence=pictures, remedy=remedy)


def refuse_lag(result: LoadResult) -> None:
    """Refuse to judge what was not sent as planned.

    Raises:
        MachineBusy: The p99 of the lag is above its limit.
    """
    late = lateness(result)
    if late:
        raise MachineBusy(
            f"{result.plan}: {late}: that node is too busy for this load; "
            "lower it, or run again when it is less busy"
        )


def why_only_reported(result: LoadResult) -> str | None:
    """Return why a load is no ground for a verdict on the cluster; None where it is."""
    if result.destination.dnsmasq and result.step.protocol is not Protocol.UDP:
        return (
            "dnsmasq serves a limited number of TCP connections, 100 queries each: "
            "no client of a cluster asks it by TCP like this"
        )
    if result.destination.tcp_into_dnsmasq and result.step.pattern != BURSTS:
        return (
            "through a cache that asks dnsmasq by TCP, a smooth rate saturates on one day and not on another"
        )
    return None


def picture(result: LoadResult) -> str:
    """Return the worst latency of each interval as a line of text, logarithmic from 1 ms to the deadline."""
    worst = [interval.max_ms for interval in load_timeline(result)]
    steps = len(_BARS) - 1
    bars = "".join(
        _BARS[min(steps, max(0, round(steps * math.log10(max(latency_ms, 1)) / math.log10(_STALL_MS))))]
        for latency_ms in worst
    )
    return f"{result.destination.name:10} {bars} worst {max(worst):,.0f} ms"
