"""What happens to dnsmasq and to the nodes while lookups are made: children, listen queue, conntrack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.errors import MachineBusy
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.sampling import missed, peaks
from clusterdns.model.saturation import (
    LONGEST_GAP_MS,
    STEADY_MS,
    CountedProcesses,
    OfScenario,
    Sample,
    Scenario,
    ServerTimeline,
    TcpWorkers,
)
from clusterdns.verdicts.needs import HOST_NETWORK
from clusterdns.verdicts.scenarios import OF_DNSMASQ, REMEDY, WATCHING, scenario_cases

_DNSMASQ = "dnsmasq's src/dnsmasq.c: at the limit it no longer accepts, and says nothing"
_BACKLOG = 33  # dnsmasq listens with 32, and Linux lets one more in
_PER_COLUMN = 5  # samples
_BARS = " ▁▂▃▄▅▆▇█"


def tcp_workers(scenario: Scenario, limits: Mapping[str, int]) -> Verdict:
    """Judge the number of dnsmasq's children.

    Args:
        scenario: What happened.
        limits: DNS pod -> its dnsmasq's limit.

    Raises:
        MachineBusy: nothing was seen, with gaps in the watch.
    """
    most = {pod: timeline.peak_workers for pod, timeline in scenario.servers.items()}
    faults = [
        f"{most[pod]} of {limit} TCP children of dnsmasq in {pod}: saturated"
        for pod, limit in limits.items()
        if most[pod] >= limit
    ]
    if not faults:
        _refuse_gaps(scenario)
    timelines = {pod: ServerTimeline.of(timeline) for pod, timeline in scenario.servers.items()}
    measurements = TcpWorkers(
        scenario=scenario.what,
        load=scenario.load,
        limits=dict(limits),
        peaks=most,
        watch_cpu_share={pod: round(timeline.cost, 4) for pod, timeline in scenario.servers.items()},
        timelines=timelines,
        processes=_processes(scenario, limits),
        processes_not_read=scenario.uncounted,
    )
    pictures = [
        line for pod, columns in timelines.items() for line in _picture(pod, columns, limits.get(pod, 1))
    ]
    return judged(faults, measurements, evidence=[*faults, *pictures])


TCP_WORKERS = Check(
    id="saturation.tcp-workers",
    profile=Profile.LOAD,
    requirement="The TCP children of dnsmasq stay below its effective limit.",
    source=_DNSMASQ,
    remedy=REMEDY,
    needs=OF_DNSMASQ,
    grants=WATCHING,
    measures=(Run.views, Run.watched_servers),
    cases=scenario_cases(
        lambda run, scenario: tcp_workers(scenario, run.watched_servers.tcp_limits(run.topology))
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenQueues(OfScenario):
    """Measurements of saturation.listen-queue, by DNS pod.

    Attributes:
        longest_wait_ms: For how long connections waited without a break.
        peak_queue: The most connections that waited at once.
        limit_ms: How long they may wait.
    """

    longest_wait_ms: Mapping[str, float]
    peak_queue: Mapping[str, int]
    limit_ms: float


def listen_queue(scenario: Scenario, limits: Mapping[str, int], limit_ms: float) -> Verdict:
    """Judge how long connections waited on the :53 listener without a break.

    Args:
        scenario: What happened.
        limits: DNS pod -> its dnsmasq's limit of TCP children.
        limit_ms: How long they may wait.

    Raises:
        MachineBusy: nothing was seen, with gaps in the watch.
    """
    waits = {pod: timeline.longest_wait(LONGEST_GAP_MS) for pod, timeline in scenario.servers.items()}
    too_long = {pod: wait for pod, wait in waits.items() if wait.ms >= limit_ms}
    if not too_long:
        _refuse_gaps(scenario)
    return judged(
        [
            f"up to {wait.queue} connections waited {wait.ms:.0f} ms on end on {pod}, beside "
            f"{wait.workers} of {limits[pod]} children{_below(wait.workers, limits[pod])}"
            for pod, wait in too_long.items()
        ],
        ListenQueues(
            scenario=scenario.what,
            load=scenario.load,
            longest_wait_ms={pod: wait.ms for pod, wait in waits.items()},
            peak_queue={pod: timeline.peak_queue for pod, timeline in scenario.servers.items()},
            limit_ms=limit_ms,
        ),
    )


LISTEN_QUEUE = Check(
    id="saturation.listen-queue",
    profile=Profile.LOAD,
    requirement="No connections wait on the :53 listener of dnsmasq for long (a single sample is normal).",
    source=_DNSMASQ,
    remedy=REMEDY,
    needs=OF_DNSMASQ,
    grants=WATCHING,
    measures=(Run.views, Run.watched_servers),
    cases=scenario_cases(
        lambda run, scenario: listen_queue(
            scenario, run.watched_servers.tcp_limits(run.topology), run.settings.listen_queue_limit
        )
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOverflows(OfScenario):
    """Measurements of saturation.listen-overflow.

    Attributes:
        overflows_and_drops: DNS pod -> how much ListenOverflows and ListenDrops rose, together.
    """

    overflows_and_drops: Mapping[str, int]


def listen_overflow(scenario: Scenario) -> Verdict:
    """Judge whether connections found the listen queue full."""
    rises = {
        pod: timeline.rise(lambda sample: sample.overflows + sample.drops)
        for pod, timeline in scenario.servers.items()
    }
    return judged(
        [
            f"{rise} connections found the listen queue of {pod} full: their clients wait 1, 3, 7 s"
            for pod, rise in rises.items()
            if rise
        ],
        ListenOverflows(scenario=scenario.what, load=scenario.load, overflows_and_drops=rises),
    )


LISTEN_OVERFLOW = Check(
    id="saturation.listen-overflow",
    profile=Profile.LOAD,
    requirement="No connection finds the listen queue of a DNS pod full.",
    source="dnsmasq's backlog of 32; tcp(7): SYNs are sent again after 1, 3, 7 s",
    remedy=f"{REMEDY}; a raised TCP limit does not help against this",
    needs=OF_DNSMASQ,
    grants=WATCHING,
    measures=(Run.views, Run.watched_servers),
    cases=scenario_cases(lambda _, scenario: listen_overflow(scenario)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConntrackLosses(OfScenario):
    """Measurements of saturation.conntrack.

    Attributes:
        lost: Node -> packets that conntrack failed to insert, or dropped.
        not_inserted: Node -> those that it failed to insert.
    """

    lost: Mapping[str, int]
    not_inserted: Mapping[str, int]


def conntrack(scenario: Scenario) -> Verdict:
    """Judge what conntrack lost on each node."""

    def rises(counter: Callable[[Sample], int]) -> dict[str, int]:
        return {node: timeline.rise(counter) for node, timeline in scenario.nodes.items()}

    lost = rises(lambda sample: sample.insert_failed + sample.conntrack_drops)
    not_inserted = rises(lambda sample: sample.insert_failed)
    return judged(
        [f"conntrack lost {packets} packets on {node}" for node, packets in lost.items() if packets],
        ConntrackLosses(scenario=scenario.what, load=scenario.load, lost=lost, not_inserted=not_inserted),
    )


CONNTRACK = Check(
    id="saturation.conntrack",
    profile=Profile.LOAD,
    requirement="Conntrack neither fails to insert nor drops while pods resolve A and AAAA at once.",
    source="/proc/net/stat/nf_conntrack insert_failed, drop",
    remedy="put a node-local cache without NAT in front (NodeLocal DNSCache), or raise nf_conntrack_max",
    needs=(HOST_NETWORK,),
    grants=(OBJECTS, PROBES),
    measures=(Run.views,),
    cases=scenario_cases(lambda _, scenario: conntrack(scenario)),
)

CHECKS = (TCP_WORKERS, LISTEN_QUEUE, LISTEN_OVERFLOW, CONNTRACK)


def _refuse_gaps(scenario: Scenario) -> None:
    """Refuse to say that nothing was seen where nobody looked.

    Raises:
        MachineBusy: a watch looked away for as long as what it looks for lasts; of a steady scenario: it
            never looked for long enough on end.
    """
    for pod, timeline in scenario.servers.items():
        enough = min(STEADY_MS, timeline.ms) if scenario.steady else timeline.ms
        if timeline.longest_unbroken_ms(LONGEST_GAP_MS) < enough:
            raise MachineBusy(
                f"watch of {pod}: samples up to {max(timeline.gaps_ms()):.0f} ms apart prove nothing: "
                "run again when the node is less busy"
            )


def _below(workers: int, limit: int) -> str:
    return ": below its limit, it was slow to accept them (too little CPU)" if workers < limit else ""


def _processes(scenario: Scenario, limits: Mapping[str, int]) -> dict[str, CountedProcesses]:
    """Return what cAdvisor counted, and what a scrape of it would have seen of the peaks."""
    if scenario.uncounted:
        return {}
    lengths = {
        pod: peaks(timeline, limits[pod]) if pod in limits else []
        for pod, timeline in scenario.servers.items()
    }
    counts = {pod: scenario.processes.get(pod, ()) for pod in scenario.servers}
    return {
        pod: CountedProcesses(
            most=max(counts[pod], default=None),
            reads=len(counts[pod]),
            peaks_s=[round(length, 1) for length in lengths[pod]],
            missed_by_scrape=round(missed(lengths[pod]), 2),
        )
        for pod in scenario.servers
    }


def _picture(pod: str, columns: ServerTimeline, limit: int) -> list[str]:
    """Return a timeline as two lines of text, a column per half second: the most in it, of the limit."""
    return [
        f"{pod} {name:8} {_bars(values, top)} most {max(values)}"
        for name, values, top in (
            ("children", columns.workers, limit),
            ("queue", columns.queue, _BACKLOG),
        )
    ]


def _bars(values: Sequence[int], top: int) -> str:
    columns = [max(values[at : at + _PER_COLUMN]) for at in range(0, len(values), _PER_COLUMN)]
    return "".join(_BARS[min(value * (len(_BARS) - 1) // top, len(_BARS) - 1)] for value in columns)
