"""What a capture tells, in lines for people and as JSON for programs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dns import rcode, rdatatype

from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.names import text
from clusterdns.analysis.capture.summary import CapturedServer, CaptureSummary, ServerFigures
from clusterdns.model.latency import Histogram

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_MS, _SECOND = 1e6, 1e9


class Analysed(NamedTuple):
    """A capture and what it tells.

    Attributes:
        decoder: What was read of it, and what was left out.
        summary: What it tells.
        damage: Why it was not read to its end; None where it was.
    """

    decoder: Decoder
    summary: CaptureSummary
    damage: str | None

    def server(self, server: CapturedServer) -> str:
        """Return a server as text."""
        return f"{self.socket(server.address, server.port)} by {'TCP' if server.tcp else 'UDP'}"

    def socket(self, address: int, port: int) -> str:
        """Return an address and a port as text."""
        written = self.decoder.addresses[address]
        return f"[{written}]:{port}" if ":" in written else f"{written}:{port}"


def facts(analysed: Analysed, zone: str, worst: int) -> dict[str, Any]:
    """Return what a capture tells, as JSON can hold it; times are in milliseconds unless said otherwise."""
    decoder, summary = analysed.decoder, analysed.summary
    began, ended = decoder.first_ns or 0, decoder.last_ns or 0
    return {
        "packets": decoder.packets,
        "begin": _clock(began),
        "seconds": round((ended - began) / _SECOND, 6),
        "notes": list(_notes(analysed)),
        "left out": decoder.counts,
        "servers": [_path(analysed, server, path) for server, path in _paths(summary)],
        "connections": _connections(analysed),
        "source ports": _source_ports(summary),
        "clients": [
            {
                "client": decoder.addresses[one.client],
                "queries": summary.clients[one.client],
                "queries per lookup": round(one.queries / one.lookups, 2),
                "names": [base._asdict() for base in one.worst],
            }
            for one in summary.amplification(zone)[:worst]
        ],
        "names": dict(summary.names().most_common(worst)),
    }


def lines(found: dict[str, Any], name: str) -> Iterator[str]:
    """Yield the same for people."""
    yield f"{name}: {found['packets']:,} packets in {found['seconds']:.3f} s from {found['begin']}"
    yield from (f"  NOTE: {note}" for note in found["notes"])
    yield from (f"  {count:,} {kind}" for kind, count in found["left out"].items())
    for path in found["servers"]:
        yield f"{path['server']}: {path['transactions']:,} transactions{_beside(path)}"
        yield f"  first try to response: {_percentiles(path['latency'])}"
        if path["retried"]:
            yield f"  last try to response: {_percentiles(path['last try'])}"
        yield f"  {', '.join(f'{count:,} {word}' for word, count in path['rcodes'].items()) or 'no response'}"
        yield from (_slow_line(one) for one in path["slowest"])
    yield from _connection_lines(found["connections"])
    ports = found["source ports"]
    yield (
        f"UDP source ports: {ports['sockets']:,} for {ports['transactions']:,} transactions, "
        f"{ports['used again']:,} used again"
    )
    if ports["most used"]:
        most = ports["most used"]
        yield f"  at most {most['transactions']:,} from one"
    yield "clients, by queries:"
    for one in found["clients"]:
        yield f"  {one['client']}: {one['queries']:,}, at most {one['queries per lookup']} queries per lookup"
        yield from (
            f"    {base['queries']:,} for {base['name'] or '.'} ({base['expansions']} names)"
            for base in one["names"][:3]
        )
    yield "names, by queries:"
    yield from (f"  {count:,} {name or '.'}" for name, count in found["names"].items())


def _notes(analysed: Analysed) -> Iterator[str]:
    decoder, summary = analysed.decoder, analysed.summary
    if analysed.damage:
        yield f"{analysed.damage}; what was before it is below"
    if decoder.drops:
        yield f"the capture lost {decoder.drops:,} packets: what has no response here may have had one"
    clients, servers = decoder.gaps
    if clients or servers:
        fell = sum(path.fell for path in summary.paths.values())
        yield (
            f"{clients + servers:,} parts of TCP streams are missing in the capture "
            f"({clients:,} of what clients sent, {servers:,} of servers): "
            f"{fell:,} queries without a response fell into gaps and may have had one; "
            "queries and figures of connections may lack what is missing, too"
        )
    if decoder.backwards:
        farthest = decoder.farthest_back_ns / _MS
        yield f"time goes back {decoder.backwards:,} times, by {farthest:.3f} ms at most"


def _paths(summary: CaptureSummary) -> list[tuple[CapturedServer, ServerFigures]]:
    return sorted(summary.paths.items(), key=lambda item: -item[1].transactions)


def _path(analysed: Analysed, server: CapturedServer, path: ServerFigures) -> dict[str, Any]:
    return {
        "server": analysed.server(server),
        "transactions": path.transactions,
        "unanswered": path.unanswered,
        "fell into gaps": path.fell,
        "retried": path.retried,
        "tries": path.tries,
        "slower than 1 s": path.slow,
        "answered before asked": path.backwards,
        "rcodes": {rcode.to_text(rcode.Rcode(code)): count for code, count in path.rcodes.most_common()},
        "latency": _histogram(path.latency),
        "last try": _histogram(path.last_try),
        "slowest": [
            {
                "ms": round(one.took_ns / _MS, 3),
                "at": _clock(one.first_ns),
                "packet": one.frame,
                "client": analysed.socket(one.client, one.client_port),
                "tries": one.tries,
                "question": f"{text(one.name) or '.'} {rdatatype.to_text(rdatatype.RdataType(one.rtype))}",
                "rcode": rcode.to_text(rcode.Rcode(one.rcode)),
            }
            for one in path.slowest
        ],
    }


def _connections(analysed: Analysed) -> dict[str, Any]:
    lives = analysed.summary.connections
    return {
        "connections": lives.count,
        "open before the capture": lives.before,
        "without SYN-ACK": lives.refused,
        "SYN sent again": lives.syns_again,
        "accepted into the backlog": lives.accepted,
        "served": lives.served,
        "accepted and never served": lives.unanswered,
        "dropped after SYN-ACK": lives.dropped,
        "with SYN-ACK, and nothing that tells more": lives.uncertain,
        "answered when the client had closed": lives.too_late,
        "ended by": dict(lives.ends.most_common()),
        "slow": {phase: count for phase, count in lives.slow.items() if count},
        "queries per connection": {str(queries): count for queries, count in sorted(lives.queries.items())},
        "SYN to SYN-ACK": _histogram(lives.handshake),
        "first query to first octet back": _histogram(lives.first_reply),
        "lifetime": _histogram(lives.lifetime),
        "FIN to end": _histogram(lives.closing),
        "active seconds": round(lives.busy_ns / _SECOND, 3),
        "idle seconds": round(lives.idle_ns / _SECOND, 3),
        "port used again after": _histogram(lives.reopened),
        "at once": [
            {
                "server": analysed.socket(*server),
                "held by the server": lives.open(server).peak,
                "at": _clock(lives.open(server).peak_ns),
                "not served yet": lives.waiting(server).peak,
            }
            for server in lives.servers()
        ],
        "slowest": [
            {
                "ms": round(one.wait_ns / _MS, 3),
                "waited for": one.phase,
                "opened": _clock(one.opened_ns),
                "client": analysed.socket(one.client, one.client_port),
                "server": analysed.socket(one.server, one.server_port),
                "queries": one.queries,
                "responses": one.responses,
            }
            for one in lives.slowest
        ],
    }


def _source_ports(summary: CaptureSummary) -> dict[str, Any]:
    counts = summary.sockets
    most = counts.most_common(1)
    return {
        "sockets": len(counts),
        "transactions": counts.total(),
        "used again": sum(count > 1 for count in counts.values()),
        "most used": {"transactions": most[0][1]} if most else None,
    }


def _histogram(values: Histogram) -> dict[str, float] | None:
    """Return count, maximum and the percentiles with enough values, in milliseconds; None without any."""
    if not len(values):
        return None
    judged = {name: quantile for name, quantile in _QUANTILES.items() if values.judges(quantile)}
    percentiles = {name: round(values.percentile(quantile) / _MS, 3) for name, quantile in judged.items()}
    return {"count": len(values), **percentiles, "max": round(values.maximum / _MS, 3)}


def _beside(path: dict[str, Any]) -> str:
    kinds = ("unanswered", "fell into gaps", "retried", "slower than 1 s", "answered before asked")
    return "".join(f", {path[kind]:,} {kind}" for kind in kinds if path[kind])


def _percentiles(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "none"
    return ", ".join(f"{name} {figures[name]:.3f} ms" for name in (*_QUANTILES, "max") if name in figures)


def _slow_line(one: dict[str, Any]) -> str:
    tries = f" after {one['tries']} tries" if one["tries"] > 1 else ""
    return (
        f"  {one['ms']:.3f} ms at {one['at']}: packet {one['packet']}, {one['client']}, {one['question']}, "
        f"{one['rcode']}{tries}"
    )


def _connection_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"TCP connections: {found['connections']:,}"
    if not found["connections"]:
        return
    kinds = ["open before the capture", "without SYN-ACK", "SYN sent again"]
    kinds += ["accepted and never served", "dropped after SYN-ACK"]
    kinds += ["with SYN-ACK, and nothing that tells more", "answered when the client had closed"]
    yield f"  {found['accepted into the backlog']:,} accepted into the backlog, {found['served']:,} served"
    yield from (f"  {found[kind]:,} {kind}" for kind in kinds if found[kind])
    yield f"  ended by: {', '.join(f'{who} {count:,}' for who, count in found['ended by'].items())}"
    durations = (
        "SYN to SYN-ACK",
        "first query to first octet back",
        "lifetime",
        "FIN to end",
        "port used again after",
    )
    yield from (f"  {kind}: {_percentiles(found[kind])}" for kind in durations if found[kind])
    queries = {int(queries): count for queries, count in found["queries per connection"].items()}
    if queries:
        mean = sum(number * count for number, count in queries.items()) / sum(queries.values())
        yield f"  queries each: {mean:.1f} on average, {max(queries)} at most"
    yield f"  active {found['active seconds']:.3f} s, idle {found['idle seconds']:.3f} s, all together"
    yield from (
        f"  {one['server']}: at most {one['held by the server']:,} held by the server at once, "
        f"at {one['at']}; "
        f"{one['not served yet']:,} of them not served yet"
        for one in found["at once"]
    )
    yield from (f"  waited longer than 1 s for {phase}: {count:,}" for phase, count in found["slow"].items())
    yield from (
        f"    {one['ms']:.3f} ms for {one['waited for']}: {one['client']} to {one['server']}, "
        f"opened {one['opened']}, {one['responses']} of {one['queries']} answered"
        for one in found["slowest"]
    )


def _clock(time_ns: int | None) -> str:
    """Write a time in UTC, down to microseconds."""
    return datetime.fromtimestamp((time_ns or 0) // 1000 / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ")
