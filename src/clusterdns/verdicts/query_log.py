"""Verdicts on the copy of kube-dns that logs every query, and on what its log says."""

from collections.abc import Sequence

from clusterdns.model.latency import Histogram
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.query_log import LoggedLoad, LoggedNames, Ramp
from clusterdns.verdicts.saturation import REMEDY
from clusterdns.verdicts.topology import Asked

_UNKNOWN = "unknown lines"
_DEPLOYMENT = "the kube-dns-debug Deployment, as people made it by hand to see the incident"
_ADMISSION = "let the admission policies of kube-system admit a copy of what they admitted before"


def admitted(refused: str) -> Verdict:
    """The cluster admits a copy of what it runs.

    Args:
        refused: Why it does not; empty where it does.
    """
    wrong = [f"the copy of kube-dns is not admitted: {refused}"] if refused else []
    return judged(wrong, source=_DEPLOYMENT, remedy=_ADMISSION, measurements={})


def serves(asked: Sequence[Asked]) -> Verdict:
    """The copy answers through its Service, by UDP and TCP, from every node."""
    wrong = [f"{one.transport} from {one.node}: {one.failure}" for one in asked if one.failure]
    return judged(
        wrong,
        source=_DEPLOYMENT,
        remedy="read the events and logs of Deployment kube-dns-debug: the live one may not start either",
        measurements={"asked": len(asked)},
    )


def logs(names: LoggedNames) -> Verdict:
    """Every name that was asked stands in the log, and every line of the log is understood."""
    wrong = [f"{name} was asked and is not in the log" for name in names.asked if name not in names.logged]
    if unknown := names.counts.get(_UNKNOWN):
        wrong.append(f"{unknown} lines of the log are of no known form")
    return judged(
        wrong,
        source=_DEPLOYMENT,
        remedy="see that this dnsmasq (2.86 or newer) takes --log-queries=extra",
        measurements={
            "asked": len(names.asked),
            "requests logged": sum(names.logged.values()),
            "other lines": dict(names.counts),
        },
    )


def tcp_limit(ramp: Ramp, limit: int) -> Verdict:
    """It serves exactly the TCP connections that its arguments and version say, and UDP meanwhile."""
    wrong = []
    if ramp.answered != limit:
        wrong.append(f"{ramp.answered} idle TCP connections were answered, not {limit}")
    if not ramp.udp_answered:
        wrong.append("with all TCP children taken, UDP was not answered either")
    waiting, neither = ramp.connected - ramp.answered, ramp.tried - ramp.connected
    return judged(
        wrong,
        source=_DEPLOYMENT,
        remedy="tell us: the capacity that topology.tcp-capacity computes is not this dnsmasq's",
        measurements={
            "answered": ramp.answered,
            "limit": limit,
            "taken into the listen queue": waiting,
            "neither": neither,
            "most children seen": ramp.peak_workers,
            "longest queue seen": ramp.peak_queue,
            "UDP answered meanwhile": ramp.udp_answered,
        },
        evidence=(
            f"{ramp.answered} idle TCP connections answered",
            f"{waiting} more taken and left waiting, {neither} not even taken",
            f"UDP meanwhile {'answered' if ramp.udp_answered else 'not answered'}",
        ),
    )


def gone(left: str | None) -> Verdict:
    """Nothing of the copy is left."""
    return judged(
        [left] if left else [], source=_DEPLOYMENT, remedy="clusterdns cleanup removes it", measurements={}
    )


def sessions(load: LoggedLoad, request_ms: float, session_s: float) -> Verdict:
    """No request and no TCP session of the log takes longer than its limit; children stay below theirs."""
    found, concurrency = load.summary, load.summary.sessions.concurrency
    wrong = []
    if concurrency.peak >= concurrency.limit:
        wrong.append(
            f"{concurrency.peak} TCP sessions at once in dnsmasq's log, of {concurrency.limit} children: "
            f"saturated for {concurrency.saturation / 1e6:.1f} s"
        )
    if found.durations.maximum > request_ms * 1000:
        slow = found.slowest()[0]
        wrong.append(
            f"a request took {slow.microseconds / 1000:.0f} ms inside dnsmasq, limit {request_ms:g} ms: "
            f"{slow.serial} {slow.client} {slow.query} {slow.name}"
        )
    durations = found.sessions.durations
    if durations.maximum > session_s * 1e6:
        wrong.append(f"a TCP session lasted {durations.maximum / 1e6:.1f} s, limit {session_s:g} s")
    first = min(concurrency.bins, default=0)
    return judged(
        wrong,
        source=_DEPLOYMENT,
        remedy=REMEDY,
        measurements={
            "episode": load.what,
            "lines": load.lines,
            "other lines": dict(load.counts),
            "requests": found.requests,
            "NXDOMAIN": found.nxdomain,
            "request ms": _figures(found.durations, 1000),
            "session s": _figures(durations, 1e6),
            "sessions at once": {"peak": concurrency.peak, "limit": concurrency.limit},
            "saturated s": concurrency.saturation / 1e6,
            "timeline": [
                [round((at - first) * concurrency.width / 1e6, 3), most]
                for at, most in sorted(concurrency.bins.items())
            ],
            "load": dict(load.load),
        },
        evidence=tuple(
            f"{one.microseconds / 1000:.1f} ms: {one.serial} {one.client} {one.query} {one.name}"
            for one in found.slowest()[:3]
        ),
    )


def _figures(durations: Histogram, unit: float) -> dict[str, float]:
    if not len(durations):
        return {"count": 0}
    shown = {name: durations.percentile(q) / unit for name, q in (("p50", 0.5), ("p99", 0.99))}
    return {"count": len(durations), **shown, "max": durations.maximum / unit}
