"""Pictures of what a capture tells."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from clusterdns.analysis.capture.concurrency import LevelOverTime
from clusterdns.analysis.capture.report import Analysed
from clusterdns.analysis.capture.summary import CaptureSummary, Moment, ServerFigures
from clusterdns.reporting.plots import Axis, Series, SeriesStyle, chart, frequencies, tails

_MS, _SECOND = 1e6, 1e9
_MOST = 6  # series in a picture


def plots(analysed: Analysed, zone: str) -> Iterator[tuple[str, str]]:
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

    yield from _connection_plots(analysed, began, time)
    yield from _rank_plots(summary, zone)


def _connection_plots(analysed: Analysed, began: int, time: Axis) -> Iterator[tuple[str, str]]:
    lives = analysed.summary.connections
    levels = []
    for server in sorted(lives.servers(), key=lambda server: -lives.open(server).peak)[: _MOST // 2]:
        name = analysed.socket(*server)
        levels.append(_level(f"{name} held", lives.open(server), began))
        levels.append(_level(f"{name} not served yet", lives.waiting(server), began))
    yield "connections", chart("TCP connections that the server holds", levels, x=time, y=Axis("connections"))
    phases = {
        "SYN to SYN-ACK": lives.handshake,
        "first query to first octet": lives.first_reply,
        "FIN to end": lives.closing,
        "lifetime": lives.lifetime,
    }
    yield "connection-phases", frequencies("TCP connections", phases, unit=_MS, label="ms")
    queries = _counted("connections", lives.queries)
    yield (
        "connection-queries",
        chart("Queries per TCP connection", [queries], x=Axis("queries"), y=Axis("connections")),
    )
    again = {"from the last end to the next SYN": lives.reopened}
    yield "ports-tcp", frequencies("TCP source port used again", again, unit=_MS, label="ms")


def _rank_plots(summary: CaptureSummary, zone: str) -> Iterator[tuple[str, str]]:
    used = _counted("sockets", Counter(summary.sockets.values()))
    yield (
        "ports-udp",
        chart("Transactions per UDP source port", [used], x=Axis("transactions"), y=Axis("sockets")),
    )
    costs = [one.queries / one.lookups for one in summary.amplification(zone)]
    lookups = _ranked("clients", costs, SeriesStyle.BARS)
    yield (
        "lookups",
        chart(
            "Queries per lookup", [lookups], x=Axis("clients, the busiest first", low=1), y=Axis("queries")
        ),
    )
    names = _ranked("names", [count for _, count in summary.names().most_common()], SeriesStyle.LINE)
    x = Axis("names, the most asked first", log=True)
    yield "names", chart("Queries per name", [names], x=x, y=Axis("queries", log=True))


def _counted(label: str, counts: Counter[int]) -> Series:
    """Return a bar for each number: how often it is there."""
    numbers = _with_ends(counts)
    return Series(label, numbers, [counts[number] for number in numbers], SeriesStyle.BARS)


def _ranked(label: str, values: Sequence[float], kind: SeriesStyle) -> Series:
    """Return values in their order, counted from 1; a bar needs an end."""
    end = [0.0] if kind is SeriesStyle.BARS else []
    return Series(label, range(1, len(values) + len(end) + 1), [*values, *end], kind)


def _dots(name: str, path: ServerFigures, began: int, value: Callable[[Moment], float]) -> Series:
    """Return a dot for each bin with something in it."""
    bins = [(at, value(moment)) for at, moment in sorted(path.timeline.items()) if value(moment)]
    x = [(at * path.width_ns - began) / _SECOND for at, _ in bins]
    return Series(name, x, [height for _, height in bins], SeriesStyle.DOTS)


def _rate(name: str, path: ServerFigures, began: int) -> Series:
    """Return how many transactions began per second."""
    bins = _with_ends(path.timeline)
    asked = [path.timeline[at].asked if at in path.timeline else 0 for at in bins]
    x = [(at * path.width_ns - began) / _SECOND for at in bins]
    return Series(name, x, [count * _SECOND / path.width_ns for count in asked], SeriesStyle.STEP)


def _with_ends(numbers: Iterable[int]) -> list[int]:
    """Return numbers in order, with what follows each: there may be very many between them."""
    return sorted({end for number in numbers for end in (number, number + 1)})


def _level(name: str, level: LevelOverTime, began: int) -> Series:
    x = ((level.time_ns - began) / _SECOND).tolist()
    return Series(name, x, level.level.tolist(), SeriesStyle.STEP)
