"""What dnsmasq's log tells, in lines for people."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from clusterdns.analysis.dnsmasq_log.lines import DnsmasqLog, LineKind
from clusterdns.analysis.expansions import by_base
from clusterdns.model.dnsmasq_log import LogSummary
from clusterdns.model.latency import Histogram

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def report(log: DnsmasqLog, summary: LogSummary, worst: int, zone: str) -> Iterator[str]:
    """Yield it line by line."""
    sessions, concurrency = summary.sessions, summary.sessions.concurrency
    size = f"{summary.requests} requests in {log.lines} lines and {summary.seconds:.3f} s"
    yield f"{size}, {_nxdomain(log, summary)}"
    if log.damage:
        yield f"  NOTE: {log.damage}; what was before it is below"
    written = _seconds if summary.coarse else _ms
    if summary.coarse and len(summary.durations):
        yield "  NOTE: stamps tell whole seconds, so that no shorter time is known"
    if summary.stepped_back_us:
        yield (
            f"  NOTE: time goes back, by {summary.stepped_back_us / 1e6:.0f} s at most: a clock was set, or "
            "several write this log; spans of time that hold such a step are not right"
        )
    if summary.backwards:
        yield f"  NOTE: the clock was set back within {summary.backwards} requests: they have no duration"
    yield from (f"  {log.counts[kind]} {kind}" for kind in LineKind if log.counts[kind])
    yield f"requests, first to last line: {_percentiles(summary.durations, written)}"
    yield from (
        f"  {written(one.microseconds)} at {_clock(one.first_us)}: "
        f"{one.serial} {one.client} {one.query} {one.name}"
        for one in summary.slowest()
    )
    yield f"TCP sessions, first query to last reply: {_percentiles(sessions.durations, written)}"
    yield from (
        f"  {written(one.microseconds)} at {_clock(one.first_us)}: "
        f"PID {one.pid}, {one.client}, {one.requests} requests"
        for one in sessions.longest()
    )
    if summary.without_pid:
        yield f"  {summary.without_pid} requests without a PID: nothing tells of which session they are"
    if sessions.untimed:
        yield f"  {sessions.untimed} more without time stamps"
    if concurrency.peak_us is not None:
        peak = f"{concurrency.peak} of {concurrency.limit} at {_clock(concurrency.peak_us)}"
        yield f"TCP sessions at once: at most {peak}, {sessions.reused} PIDs came again"
    if concurrency.saturated_us is not None:
        since, lasted = _clock(concurrency.saturated_us), written(concurrency.saturation)
        yield f"  SATURATED first at {since}, for {lasted} in all"
    yield "names, by the queries that their expansions cost:"
    names = {name.decode("utf-8", "backslashreplace"): count for name, count in summary.names.items()}
    yield from (
        f"  {base.queries} for {base.name} ({base.expansions} names)" for base in by_base(names, zone)[:worst]
    )
    yield "clients, by requests:"
    for client, count in summary.clients.most_common(worst):
        rate = f", {count / summary.seconds:.1f} per second" if summary.seconds else ""
        yield f"  {count} from {client.decode('latin-1')}{rate}"


def _nxdomain(log: DnsmasqLog, summary: LogSummary) -> str:
    """Return the share of NXDOMAIN among the answers, if that can be said."""
    if not summary.answered:
        return "no answer was understood"
    if missing := log.not_understood:
        share = f"{summary.nxdomain / summary.answered:.1%}" if summary.nxdomain else "no"
        return (
            f"{share} NXDOMAIN of {summary.answered} answers that were understood; {missing} lines were not"
        )
    return f"{summary.nxdomain / summary.requests:.1%} NXDOMAIN"


def _percentiles(durations: Histogram, written: Callable[[int], str]) -> str:
    if not len(durations):
        return "none with time stamps"
    judged = [(name, quantile) for name, quantile in _QUANTILES.items() if durations.judges(quantile)]
    figures = [f"{name} {written(durations.percentile(quantile))}" for name, quantile in judged]
    return ", ".join([f"{len(durations)}", *figures, f"max {written(durations.maximum)}"])


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:.3f} ms"


def _seconds(microseconds: int) -> str:
    """Write the difference of two stamps that tell whole seconds."""
    return f"about {round(microseconds / 1e6)} s" if microseconds else "less than 1 s"


def _clock(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%m-%d %H:%M:%S.%f")
