"""The copy of kube-dns that logs every query, and what its log says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Case, Check, Stage, only
from clusterdns.cluster.permissions import DEBUG_CONTAINERS, OBJECTS, PROBES
from clusterdns.cluster.permissions import DEBUG_COPY as COPY_GRANT
from clusterdns.measuring.run import Run
from clusterdns.model.latency import Histogram
from clusterdns.model.load_figures import LoadFigures
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.query_log import LoggedLoad, LoggedNames, Ramp
from clusterdns.model.reachability import Attempt
from clusterdns.verdicts.needs import DEBUG_COPY, KUBE_DNS_DEPLOYMENT, WATCHED_COPY
from clusterdns.verdicts.scenarios import REMEDY

_UNKNOWN = "unknown lines"
_DEPLOYMENT = "the kube-dns-debug Deployment, as people made it by hand to see the incident"
_GRANTS = (OBJECTS, PROBES, COPY_GRANT)
_SHOWN = 3  # of the slowest requests


def admitted(refused: str | None) -> Verdict:
    """Judge whether the cluster admits a copy of what it runs.

    Args:
        refused: Why it does not; None where it does.
    """
    return judged(
        [f"the copy of kube-dns is not admitted: {refused}"] if refused else [],
        remedy="let the admission policies of kube-system admit a copy of what they admitted before",
    )


@dataclass(frozen=True, slots=True)
class Served:
    """Measurements of saturation.debug-deployment[serves].

    Attributes:
        asked: Queries that were sent to the copy's Service, from all nodes together.
    """

    asked: int


def serves(attempts: Sequence[Attempt]) -> Verdict:
    """Judge whether the copy answers through its Service, by UDP and TCP, from every node."""
    return judged(
        [
            f"{attempt.transport} from {attempt.node}: {attempt.failure}"
            for attempt in attempts
            if attempt.failure
        ],
        Served(len(attempts)),
    )


@dataclass(frozen=True, slots=True)
class LogLines:
    """Measurements of saturation.debug-deployment[logs].

    Attributes:
        asked: Names that were asked for.
        requests_logged: Requests in the log.
        other_lines: What belongs to no request, and what requests lack -> how many lines.
    """

    asked: int
    requests_logged: int
    other_lines: Mapping[str, int]


def logs(names: LoggedNames) -> Verdict:
    """Judge whether every name that was asked for is in the log, and every line of it understood."""
    faults = [f"{name} was asked and is not in the log" for name in names.asked if name not in names.logged]
    if unknown := names.counts.get(_UNKNOWN):
        faults.append(f"{unknown} lines of the log are of no known form")
    return judged(
        faults,
        LogLines(len(names.asked), sum(names.logged.values()), dict(names.counts)),
        remedy="see that this dnsmasq (2.86 or newer) takes --log-queries=extra",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpLimit:
    """Measurements of saturation.debug-deployment[tcp-limit].

    Attributes:
        answered: Idle TCP connections that were answered.
        limit: How many its arguments and version allow.
        in_listen_queue: Connections that were accepted by the kernel and left waiting.
        not_accepted: Connections that were not even that.
        peak_workers: The most children that were seen.
        peak_queue: The longest listen queue that was seen.
        udp_answered: Whether a query by UDP was answered meanwhile.
    """

    answered: int
    limit: int
    in_listen_queue: int
    not_accepted: int
    peak_workers: int
    peak_queue: int
    udp_answered: bool


def tcp_limit(ramp: Ramp, limit: int) -> Verdict:
    """Judge whether it serves as many TCP connections as it should, and UDP meanwhile.

    Args:
        ramp: What became of idle connections.
        limit: How many its arguments and version allow.
    """
    seen = ramp.connections
    faults = []
    if seen.answered != limit:
        faults.append(f"{seen.answered} idle TCP connections were answered, not {limit}")
    if not seen.udp_answered:
        faults.append("with all TCP children taken, UDP was not answered either")
    waiting, refused = seen.connected - seen.answered, seen.tried - seen.connected
    return judged(
        faults,
        TcpLimit(
            answered=seen.answered,
            limit=limit,
            in_listen_queue=waiting,
            not_accepted=refused,
            peak_workers=ramp.peak_workers,
            peak_queue=ramp.peak_queue,
            udp_answered=seen.udp_answered,
        ),
        remedy="tell us: the capacity that topology.tcp-capacity computes is not this dnsmasq's",
        evidence=[
            *faults,
            f"{seen.answered} idle TCP connections answered",
            f"{waiting} more accepted and left waiting, {refused} not even accepted",
            f"UDP meanwhile {'answered' if seen.udp_answered else 'not answered'}",
        ],
    )


def gone(left: str | None) -> Verdict:
    """Judge whether the copy has been removed.

    Args:
        left: What is left of it, in words; None where nothing is.
    """
    return judged([left] if left else [], remedy="clusterdns cleanup removes it")


DEBUG_DEPLOYMENT = Check(
    id="saturation.debug-deployment",
    profile=Profile.LOAD,
    requirement=(
        "A copy of kube-dns that logs queries is admitted, serves, logs what it is asked, "
        "has the TCP limit that it should have, and can be removed."
    ),
    source=_DEPLOYMENT,
    remedy="read the events and logs of Deployment kube-dns-debug: the live one may not start either",
    needs=(KUBE_DNS_DEPLOYMENT,),
    grants=_GRANTS,
    measures=(Run.views,),
    cases=(
        Case("admitted", lambda run: admitted(run.debug_deployment.refused), stage=Stage.LOGGED_LOAD),
        Case(
            "serves",
            lambda run: serves(run.query_log.ask()),
            needs=(DEBUG_COPY,),
            stage=Stage.LOGGED_LOAD,
        ),
        Case("logs", lambda run: logs(run.query_log.names()), needs=(DEBUG_COPY,), stage=Stage.LOGGED_LOAD),
        Case(
            "tcp-limit",
            lambda run: tcp_limit(run.query_log.ramp(run.watched_copy), run.query_log.copy.limit),
            needs=(DEBUG_COPY, WATCHED_COPY),
            grants=(DEBUG_CONTAINERS,),
            stage=Stage.LOGGED_LOAD,
        ),
        Case(
            "gone",
            lambda run: gone(run.debug_deployment.remove()),
            needs=(DEBUG_COPY,),
            stage=Stage.REMOVAL,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Durations:
    """How long something took, None where it did not happen.

    Attributes:
        count: How often it happened.
        p50, p99, max: In the unit of the field that holds this.
    """

    count: int
    p50: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, durations: Histogram, unit: float) -> "Durations":
        """Return the figures of a histogram in microseconds, in a unit of so many."""
        if not len(durations):
            return cls(0, None, None, None)
        p50, p99 = (durations.percentile(quantile) / unit for quantile in (0.5, 0.99))
        return cls(len(durations), p50, p99, durations.maximum / unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSessions:
    """Measurements of saturation.sessions.

    Attributes:
        scenario: What was done, in words.
        load: What the clients saw.
        lines: Of the log.
        other_lines: What belongs to no request, and what requests lack -> how many lines.
        requests: In the log.
        nxdomain: Requests that were answered by NXDOMAIN.
        request_ms: First to last line of each request.
        session_s: First query to last reply of each TCP connection.
        peak_sessions: The most TCP sessions at once.
        session_limit: How many there can be.
        saturated_s: For how long there were as many.
        bin_starts_s: When each interval of the timeline begins, since the first one.
        bin_peaks: The most TCP sessions in each of them.
    """

    scenario: str
    load: LoadFigures
    lines: int
    other_lines: Mapping[str, int]
    requests: int
    nxdomain: int
    request_ms: Durations
    session_s: Durations
    peak_sessions: int
    session_limit: int
    saturated_s: float
    bin_starts_s: Sequence[float]
    bin_peaks: Sequence[int]


def sessions(load: LoggedLoad, request_limit_ms: float, session_limit_s: float) -> Verdict:
    """Judge the requests and the TCP sessions of a log: how long they took, how many there were at once."""
    summary, concurrency = load.summary, load.summary.sessions.concurrency
    faults = []
    if concurrency.peak >= concurrency.limit:
        faults.append(
            f"{concurrency.peak} TCP sessions at once in dnsmasq's log, of {concurrency.limit} children: "
            f"saturated for {concurrency.saturation / 1e6:.1f} s"
        )
    if summary.durations.maximum > request_limit_ms * 1000:
        slowest = summary.slowest()[0]
        faults.append(
            f"a request took {slowest.microseconds / 1000:.0f} ms inside dnsmasq, "
            f"limit {request_limit_ms:g} ms: "
            f"{slowest.serial} {slowest.client} {slowest.query} {slowest.name}"
        )
    durations = summary.sessions.durations
    if durations.maximum > session_limit_s * 1e6:
        faults.append(f"a TCP session lasted {durations.maximum / 1e6:.1f} s, limit {session_limit_s:g} s")
    bins = sorted(concurrency.bins.items())
    first = min(concurrency.bins, default=0)
    measurements = LoggedSessions(
        scenario=load.what,
        load=load.load,
        lines=load.lines,
        other_lines=dict(load.counts),
        requests=summary.requests,
        nxdomain=summary.nxdomain,
        request_ms=Durations.of(summary.durations, 1e3),
        session_s=Durations.of(durations, 1e6),
        peak_sessions=concurrency.peak,
        session_limit=concurrency.limit,
        saturated_s=concurrency.saturation / 1e6,
        bin_starts_s=[round((number - first) * concurrency.width / 1e6, 3) for number, _ in bins],
        bin_peaks=[peak for _, peak in bins],
    )
    slow = [
        f"{request.microseconds / 1000:.1f} ms: "
        f"{request.serial} {request.client} {request.query} {request.name}"
        for request in summary.slowest()[:_SHOWN]
    ]
    return judged(faults, measurements, evidence=[*faults, *slow])


SESSIONS = Check(
    id="saturation.sessions",
    profile=Profile.LOAD,
    requirement=(
        "In dnsmasq's query log no request and no TCP session takes longer than its limit, "
        "and there are fewer sessions at once than dnsmasq can serve."
    ),
    source=_DEPLOYMENT,
    remedy=REMEDY,
    needs=(KUBE_DNS_DEPLOYMENT, DEBUG_COPY),
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(
        lambda run: sessions(
            run.query_log.load(run.burst_paths.usual), run.settings.request_limit, run.settings.session_limit
        ),
        stage=Stage.LOGGED_LOAD,
    ),
)

CHECKS = (DEBUG_DEPLOYMENT, SESSIONS)
