"""What clients go through over the length of an upgrade, and whether the topology is worse afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

from clusterdns.check import Case, Check, Stage, cases_of
from clusterdns.cluster.permissions import OBJECTS, SOAKING, WATCHES
from clusterdns.measuring.run import Run, TopologyRun
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.soak import Soak, Stretch, Trouble, meanwhile, told_together
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import autoscaling, service_routing, tcp_paths, topology, upstreams
from clusterdns.verdicts.client_limits import along, past_limits, too_slow

_OF_THE_TOPOLOGY = (topology, service_routing, tcp_paths, autoscaling, upstreams)
"""Whose checks say whether a topology is safe, as far as they read nothing else."""

_TOLD = 20  # stretches of trouble that are told in lines; the report has all
_CAUSES = 6  # events that are told beside one
_RANKS = {Outcome.PASSED: 0, Outcome.WARNED: 1, Outcome.FAILED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """Measurements of getaddrinfo.

    Attributes:
        lookups: How many calls were made.
        failed_lookups: How many of them failed.
        slowest_lookup_s: Of those that did not.
        failures: The first of the failed ones: when, where, what.
    """

    lookups: int
    failed_lookups: int
    slowest_lookup_s: float
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topologies:
    """Measurements of what serves the cluster's DNS.

    Attributes:
        before, after: In lines.
        worse: Checks of `topology.*` -> their outcomes before and after.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    worse: dict[str, str]


def paths(soak: Soak, settings: Settings) -> Verdict:
    """Judge what became of the queries along every path."""
    faults: list[str] = []
    for path in soak.paths:
        faults += along(path, past_limits(path, settings, settings.disruption_lost_limit))
        faults += along(path, too_slow(path, settings))
    return judged(faults, soak, evidence=tuple(timeline(soak)))


def lookups(soak: Soak, settings: Settings) -> Verdict:
    """Judge what applications felt."""
    failures = tuple(f"{_clock(failure.at_s)} {failure.what}" for failure in soak.lookup_failures)
    measured = Lookups(
        lookups=soak.lookups,
        failed_lookups=soak.failed_lookups,
        slowest_lookup_s=soak.slowest_lookup_s,
        failures=failures,
    )
    faults = []
    if soak.failed_lookups > settings.disruption_failed_limit:
        faults = [f"{soak.failed_lookups} of {soak.lookups} lookups failed, first {failures[0]}"]
    return judged(faults, measured, evidence=failures[:_TOLD])


def topology_after(run: Run, soak: Soak, after: Topology) -> Verdict:
    """Judge what the checks of the topology say of it now and said of it before."""
    outcomes = {name: verdict.outcome for name, verdict in _judged_topology(run, run.topology).items()}
    now = _judged_topology(run, after)
    worse = {
        name: f"{outcomes.get(name, 'not judged')} before, {verdict.outcome} after: {verdict.reason}"
        for name, verdict in now.items()
        if _RANKS[verdict.outcome] > _RANKS[outcomes.get(name, Outcome.PASSED)]
    }
    measured = Topologies(before=tuple(soak.facts_before), after=tuple(soak.facts_after), worse=worse)
    faults = [f"{name}: {told}" for name, told in worse.items() if now[name].outcome is Outcome.FAILED]
    warnings = [f"{name}: {told}" for name, told in worse.items()]
    changed = tuple(
        [f"before: {fact}" for fact in soak.facts_before if fact not in soak.facts_after]
        + [f"after: {fact}" for fact in soak.facts_after if fact not in soak.facts_before]
    )
    outcome = Outcome.FAILED if faults else Outcome.WARNED
    return judged(faults or warnings, measured, outcome=outcome, evidence=changed)


def timeline(soak: Soak) -> Iterator[str]:
    """Yield when clients suffered, the worst of what went on at the same time, and what happened then."""
    troubled = [stretch for stretch in soak.stretches if stretch.trouble is not Trouble.UNMEASURED]
    together = told_together(troubled)
    for stretch, count in together[:_TOLD]:
        others = f", and {count - 1} more at the same time" if count > 1 else ""
        causes = meanwhile(stretch, soak.events)
        told = "; ".join(f"{_clock(event.at_s)} {event.what}" for event in causes[:_CAUSES])
        more = f" and {len(causes) - _CAUSES} more" if len(causes) > _CAUSES else ""
        yield f"{_told(stretch)}{others}; meanwhile: {told or 'nothing was seen to happen'}{more}"
    if len(together) > _TOLD:
        yield f"{len(together) - _TOLD} further stretches of trouble are in report.json"
    for stretch in soak.stretches:
        if stretch.trouble is Trouble.UNMEASURED:
            yield f"{_clock(stretch.start_s)} {stretch.node} was not measured for {_length(stretch):.0f} s"
    yield from (f"{node} was not measured: {why}" for node, why in soak.unprobed.items())
    yield f"{soak.seconds:.0f} s measured; ended: {soak.ended}; {len(soak.events)} events"


def _judged_topology(run: Run, given: Topology) -> dict[str, Verdict]:
    """Return what each check that reads objects alone says of a topology; skipped ones are left out."""
    supposed = TopologyRun(run.cluster, run.settings, given, missing=run.missing)
    checks = [check for module in _OF_THE_TOPOLOGY for check in module.CHECKS]
    return {
        case.name: case.case.judge(supposed)
        for case in cases_of(checks, run.settings)
        if case.profile is Profile.AUDIT and case.skip_reason(supposed) is None
    }


def _told(stretch: Stretch) -> str:
    where = f"{_clock(stretch.start_s)} {stretch.address} from {stretch.node}"
    if stretch.trouble is Trouble.SLOW:
        return f"{where} was slow for {_length(stretch):.0f} s"
    return f"{where} had no answer for {stretch.gap_s:.1f} s ({stretch.failed} queries failed)"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"+{minutes:.0f}:{rest:04.1f}"


def _length(stretch: Stretch) -> float:
    return stretch.end_s - stretch.start_s


SOAK = Check(
    id="resilience.soak",
    profile=Profile.SOAK,
    requirement=(
        "While something else changes the cluster no lookup fails and no path falls silent, and the topology "
        "is no worse afterwards."
    ),
    source="kubernetes/kops issue 14812, kubernetes/kubernetes issue 129617; --disruption-*-limit",
    remedy=(
        "look at what happened when clients suffered: DNS pods want lameduck, a readiness gate and two "
        "replicas on distinct nodes, node caches a teardown of their rules; undo a change of the topology "
        "that its check warns of"
    ),
    grants=(OBJECTS, SOAKING, WATCHES),
    cases=(
        Case("paths", lambda run: paths(run.soak[0], run.settings), stage=Stage.SOAK),
        Case("lookups", lambda run: lookups(run.soak[0], run.settings), stage=Stage.SOAK),
        Case("topology", lambda run: topology_after(run, *run.soak), stage=Stage.SOAK),
    ),
)

CHECKS = (SOAK,)
