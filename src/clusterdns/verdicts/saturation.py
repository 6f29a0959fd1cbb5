"""Verdicts on saturation: what happened to DNS pods and node caches during an episode."""

from collections.abc import Mapping, Sequence

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.sampling import SCRAPE_SECONDS, missed, peaks
from clusterdns.model.saturation import Episode, NodeCache, Sample, Timeline

CHURN_FAMILIES = ("coredns_forward_conn_cache_misses_total", "coredns_proxy_conn_cache_misses_total")
HEALTH_FAMILIES = (
    "coredns_forward_healthcheck_broken_total",
    "coredns_proxy_healthcheck_failures_total",
    "coredns_forward_healthcheck_failures_total",
)
_DNSMASQ = "dnsmasq's src/dnsmasq.c: at the limit it no longer accepts, and says nothing"
LONGEST_GAP_MS = 300.0
"""Between two samples: saturation lasts longer, as a connection that waits for a child takes seconds."""
STEADY_MS = 1000.0
"""Of a steady episode, watched without a gap: what is always there is there for so long."""
_BACKLOG = 33  # dnsmasq listens with 32, and Linux lets one more in
_PER_COLUMN = 5  # samples
_BARS = " ▁▂▃▄▅▆▇█"
REMEDY = (
    "take force_tcp out of NodeLocal DNSCache's cluster zones, or put CoreDNS or Cloud DNS behind it; "
    "more replicas only move the limit"
)


def tcp_workers(episode: Episode, limits: Mapping[str, int]) -> Verdict:
    """The children of dnsmasq stay below its TCP limit.

    Args:
        episode: What happened.
        limits: DNS pod -> its dnsmasq's limit.

    Raises:
        HarnessError: nothing was seen, with gaps in the watch.
    """
    peaks = {pod: timeline.peak_workers for pod, timeline in episode.servers.items()}
    wrong = {
        pod: f"{peaks[pod]} of {limit} TCP children of dnsmasq in {pod}: saturated"
        for pod, limit in limits.items()
        if peaks[pod] >= limit
    }
    if not wrong:
        _refuse_gaps(episode)
    return _judged(
        episode,
        wrong,
        remedy=REMEDY,
        source=_DNSMASQ,
        more={
            "limits": dict(limits),
            "peaks": peaks,
            "watching took, of one CPU": {pod: round(one.cost, 4) for pod, one in episode.servers.items()},
            "timeline": {pod: _rows(timeline) for pod, timeline in episode.servers.items()},
            "container_processes": _counted(episode, limits),
        },
        evidence=tuple(
            line
            for pod, timeline in episode.servers.items()
            for line in _picture(pod, timeline, limits.get(pod, 1))
        ),
    )


def listen_queue(episode: Episode, longest_ms: float) -> Verdict:
    """No connections wait on the :53 listener for `longest_ms` milliseconds or more.

    Raises:
        HarnessError: nothing was seen, with gaps in the watch.
    """
    waits = {pod: timeline.longest_wait_ms for pod, timeline in episode.servers.items()}
    if all(waited < longest_ms for waited in waits.values()):
        _refuse_gaps(episode)
    return _judged(
        episode,
        {
            pod: f"up to {episode.servers[pod].peak_queue} connections waited {waited:.0f} ms on end on {pod}"
            for pod, waited in waits.items()
            if waited >= longest_ms
        },
        remedy=REMEDY,
        source=_DNSMASQ,
        more={
            "longest wait ms": waits,
            "peak queue": {pod: timeline.peak_queue for pod, timeline in episode.servers.items()},
            "limit ms": longest_ms,
        },
    )


def listen_overflow(episode: Episode) -> Verdict:
    """No connection finds the listen queue full."""
    rises = {
        pod: timeline.rise(lambda sample: sample.overflows + sample.drops)
        for pod, timeline in episode.servers.items()
    }
    return _judged(
        episode,
        {
            pod: f"{rise} connections found the listen queue of {pod} full: their clients wait 1, 3, 7 s"
            for pod, rise in rises.items()
            if rise
        },
        remedy=f"{REMEDY}; a raised TCP limit does not help against this",
        source="dnsmasq's backlog of 32; tcp(7): SYNs are sent again after 1, 3, 7 s",
        more={"ListenOverflows + ListenDrops": rises},
    )


def node_timeouts(episode: Episode) -> Verdict:
    """Node caches do not run into time-outs by TCP to the cluster's DNS."""
    return _judged(
        episode,
        {
            cache.node: f"{len(cache.cluster_timeouts)} i/o timeouts by TCP to cluster DNS on {cache.node}"
            for cache in episode.caches
            if cache.cluster_timeouts
        },
        remedy=REMEDY,
        source="NodeLocal DNSCache's error log",
        more={
            "by TCP to the cluster": {cache.node: len(cache.cluster_timeouts) for cache in episode.caches},
            "others": {cache.node: len(cache.other_timeouts) for cache in episode.caches},
        },
        evidence=tuple(line for cache in episode.caches for line in cache.cluster_timeouts[:3]),
    )


def health_checks(episode: Episode) -> Verdict:
    """The forward plugin's health checks do not fail: with force_tcp they go by TCP, and starve too."""
    rises = {cache.node: _rise(cache, HEALTH_FAMILIES) for cache in episode.caches}
    return _judged(
        episode,
        {
            node: f"{rise:.0f} forward health checks failed or were ignored on {node}"
            for node, rise in rises.items()
            if rise
        },
        remedy=REMEDY,
        source="coredns_proxy_healthcheck_failures_total, coredns_forward_healthcheck_broken_total",
        more={"rises": rises},
    )


def connection_churn(episode: Episode, limit: float) -> Verdict:
    """A node cache opens fewer new upstream connections per second than the limit."""
    rates = {cache.node: _rise(cache, CHURN_FAMILIES) / cache.seconds for cache in episode.caches}
    return _judged(
        episode,
        {
            node: f"{rate:.1f} new upstream connections per second on {node}, limit {limit:g}"
            for node, rate in rates.items()
            if rate > limit
        },
        remedy=REMEDY,
        source=" / ".join(CHURN_FAMILIES),
        more={"per second": {node: round(rate, 2) for node, rate in rates.items()}, "limit": limit},
    )


def conntrack(episode: Episode) -> Verdict:
    """Conntrack neither fails to insert nor drops while pods resolve A and AAAA at once."""

    def lost(sample: Sample) -> int:
        return sample.insert_failed + sample.conntrack_drops

    rises = {node: timeline.rise(lost) for node, timeline in episode.nodes.items()}
    return _judged(
        episode,
        {node: f"conntrack lost {rise} packets on {node}" for node, rise in rises.items() if rise},
        remedy="put a node-local cache without NAT in front (NodeLocal DNSCache), or raise nf_conntrack_max",
        source="/proc/net/stat/nf_conntrack insert_failed, drop",
        more={"rises": rises},
    )


def _refuse_gaps(episode: Episode) -> None:
    """Refuse to say that nothing was seen where nobody looked.

    Raises:
        HarnessError: a watch looked away for as long as what it looks for lasts; of a steady episode: it
            never looked for long enough on end.
    """
    for pod, timeline in episode.servers.items():
        gaps = timeline.gaps_ms()
        enough = min(STEADY_MS, sum(gaps)) if episode.steady else sum(gaps)
        if timeline.longest_unbroken_ms(LONGEST_GAP_MS) < enough:
            raise HarnessError(
                f"watch of {pod}: samples up to {max(gaps):.0f} ms apart prove nothing: "
                "run again when the node is less busy"
            )


def _rise(cache: NodeCache, families: tuple[str, ...]) -> float:
    return sum(cache.rises.get(family, 0.0) for family in families)


def _judged(  # noqa: PLR0913 - what a verdict is made of
    episode: Episode,
    wrong: Mapping[str, str],
    *,
    remedy: str,
    source: str,
    more: Mapping[str, object],
    evidence: tuple[str, ...] = (),
) -> Verdict:
    measurements = {"episode": episode.what, **more, **({"load": dict(episode.load)} if episode.load else {})}
    return judged(
        tuple(wrong.values()), remedy=remedy, source=source, measurements=measurements, evidence=evidence
    )


def _counted(episode: Episode, limits: Mapping[str, int]) -> object:
    """Return what cAdvisor and a scrape of it would have seen of the peaks."""
    if episode.uncounted:
        return f"not read: {episode.uncounted}"
    found = {}
    for pod, timeline in episode.servers.items():
        lengths = peaks(timeline, limits[pod]) if pod in limits else []
        counts = episode.processes.get(pod, ())
        found[pod] = {
            "most": max(counts, default=None),
            "read": len(counts),
            "peaks at the limit, seconds": [round(length, 1) for length in lengths],
            f"missed by a scrape every {SCRAPE_SECONDS:g} s, on average": round(missed(lengths), 2),
        }
    return found


def _rows(timeline: Timeline) -> list[list[float]]:
    """Return a timeline as rows of seconds since its first sample, workers and queue."""
    first = timeline.samples[0].time_ns
    return [
        [round((sample.time_ns - first) / 1e9, 3), float(sample.workers or 0), float(sample.queue)]
        for sample in timeline.samples
    ]


def _picture(pod: str, timeline: Timeline, limit: int) -> list[str]:
    """Return a timeline as two lines of text, a column per half second: the most in it, of the limit."""
    workers = [sample.workers or 0 for sample in timeline.samples]
    queue = [sample.queue for sample in timeline.samples]
    return [
        f"{pod} {name:8} {_bars(values, top)} most {max(values)}"
        for name, values, top in (("children", workers, limit), ("queue", queue, _BACKLOG))
    ]


def _bars(values: Sequence[int], top: int) -> str:
    columns = [max(values[at : at + _PER_COLUMN]) for at in range(0, len(values), _PER_COLUMN)]
    return "".join(_BARS[min(value * (len(_BARS) - 1) // top, len(_BARS) - 1)] for value in columns)
