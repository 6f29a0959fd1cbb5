"""Pictures of what a capture tells."""

from collections.abc import Callable, Iterator

from clusterdns.capture.concurrency import Concurrency
from clusterdns.capture.summary import Moment, Path
from clusterdns.commands._capture_report import Analysed
from clusterdns.reporting.plots import Axis, Kind, Series, chart, frequencies, tails

_MS, _SECOND = 1e6, 1e9
_MOST = 6  # series in a picture


def plots(analysed: Analysed) -> Iterator[tuple[str, str]]:
    """Yield pictures: what each shows, in a word for a file's name, and its SVG."""
    summary = analysed.summary
    busiest = sorted(summary.paths.items(), key=lambda item: -item[1].transactions)[:_MOST]
    paths = {analysed.server(server): path for server, path in busiest}
    began = analysed.decoder.first_ns or 0
    time = Axis("s since the capture's begin")
    latencies = {name: path.latency for name, path in paths.items()}
    yield "tails", tails("First try to response", latencies, unit=_MS, label="ms")
    yield "latency", frequencies("First try to response", latencies, unit=_MS, label="ms")
    longest = [
        _dots(name, path, began, lambda moment: moment.longest_ns / _MS) for name, path in paths.items()
    ]
    yield "longest", chart("Longest latency of what was asked then", longest, x=time, y=Axis("ms", log=True))
    rates = [_rate(name, path, began) for name, path in paths.items()]
    yield "rate", chart("Transactions begun", rates, x=time, y=Axis("per second"))
    lost = [_dots(name, path, began, lambda moment: moment.unanswered) for name, path in paths.items()]
    yield "unanswered", chart("Begun then, without a response", lost, x=time, y=Axis("transactions"))

    lives = summary.connections
    levels = []
    for server in sorted(lives.servers(), key=lambda server: -lives.open(server).peak)[: _MOST // 2]:
        name = analysed.socket(*server)
        levels.append(_level(f"{name} open", lives.open(server), began))
        levels.append(_level(f"{name} waiting for an octet", lives.waiting(server), began))
    yield "connections", chart("TCP connections at once", levels, x=time, y=Axis("connections"))
    phases = {
        "SYN to SYN-ACK": lives.handshake,
        "first query to first octet": lives.first_reply,
        "FIN to end": lives.closing,
        "lifetime": lives.lifetime,
    }
    yield "connection-phases", frequencies("TCP connections", phases, unit=_MS, label="ms")
    most = max(lives.queries, default=0)
    queries = [float(lives.queries[number]) for number in range(most + 2)]
    series = Series("connections", range(most + 2), queries, Kind.BARS)
    yield (
        "connection-queries",
        chart("Queries per TCP connection", [series], x=Axis("queries"), y=Axis("how many")),
    )


def _dots(name: str, path: Path, began: int, value: Callable[[Moment], float]) -> Series:
    """Return a dot for each bin with something in it."""
    bins = [(at, value(moment)) for at, moment in sorted(path.timeline.items()) if value(moment)]
    x = [(at * path.width_ns - began) / _SECOND for at, _ in bins]
    return Series(name, x, [height for _, height in bins], Kind.DOTS)


def _rate(name: str, path: Path, began: int) -> Series:
    """Return how many transactions began per second."""
    bins = range(min(path.timeline, default=0), max(path.timeline, default=-1) + 2)
    asked = [path.timeline[at].asked if at in path.timeline else 0 for at in bins]
    x = [(at * path.width_ns - began) / _SECOND for at in bins]
    return Series(name, x, [count * _SECOND / path.width_ns for count in asked], Kind.STEP)


def _level(name: str, level: Concurrency, began: int) -> Series:
    x = ((level.time_ns - began) / _SECOND).tolist()
    return Series(name, x, level.level.tolist(), Kind.STEP)
