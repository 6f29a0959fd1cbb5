"""One answer against what it must be: every difference, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clusterdns.model.dns_profiles import DNSProfile
from clusterdns.model.exchange import HEADER, Exchange, Flag, Message, Record
from clusterdns.model.questions import Expected, Question
from clusterdns.model.records import Generated

SAFE_UDP = 1232
"""Octets that a server can be relied on to send by UDP where a client takes as many (DNS flag day 2020)."""

_TYPE_AND_CLASS = 4
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Context:
    """What an answer is held against besides its question.

    Attributes:
        profile: What the implementation makes of its freedom.
        generated: A name that the implementation made up -> the addresses that it stands for.
        whole: Octets of the same answer over TCP; None where none came.
    """

    profile: DNSProfile
    generated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    whole: int | None = None


def faults_of(question: Question, exchange: Exchange, context: Context) -> tuple[str, ...]:
    """Return everything that is wrong with an answer, its TTLs aside."""
    message = exchange.message
    if message is None:
        return (exchange.failure,)
    wrong = [exchange.failure] if exchange.failure else []
    wrong += _header(question, exchange, message, context)
    if message.rcode not in question.rcodes and not deviates(question, exchange):
        wrong.append(f"rcode {message.rcode}, not {' or '.join(sorted(question.rcodes))}")
    elif not deviates(question, exchange):
        wrong += _records(question, message, context)
    if question.negative and not message.answer and Flag.TC not in message.flags:
        wrong += _authority(question, message)
    return tuple(wrong)


def deviates(question: Question, exchange: Exchange) -> bool:
    """Return whether an answer is the documented deviation, with nothing else in it."""
    message, path = exchange.message, exchange.path
    if message is None or question.instead is None:
        return False
    rcode, deviation = question.instead
    excluded = deviation.by_tcp and path.pod and path.transport == "udp"
    return message.rcode == rcode and not message.answer and not excluded


def too_long(message: Message, positive: float, negative: float) -> Iterator[str]:
    """Yield each TTL over its limit, in seconds; a negative answer lasts as RFC 2308, 5 says."""
    for record in message.answer:
        if record.ttl > positive:
            yield f"TTL {record.ttl} of {record.owner} {record.rtype}, limit {positive:g}"
    for record in message.authority:
        if record.rtype == "SOA" and record.rclass == "IN" and not message.answer:
            lasts = min(record.ttl, int(record.data.split()[6]))
            if lasts > negative:
                yield f"negative TTL {lasts} by the SOA of {record.owner}, limit {negative:g}"


def _header(question: Question, exchange: Exchange, message: Message, context: Context) -> Iterator[str]:
    path = exchange.path
    if Flag.QR not in message.flags:
        yield "not marked as an answer (QR)"
    # Of names outside the cluster a cache in front may ask somebody else.
    recursive = context.profile.recursion_available and not question.outside
    if recursive and Flag.RA not in message.flags:
        yield f"not marked as from a recursive server (RA), as {context.profile.name} does"
    asked = exchange.query[HEADER : exchange.query.index(0, HEADER) + 1 + _TYPE_AND_CLASS]
    if message.question != asked:
        yield f"the question came back as {message.asked}: not octet for octet"
    if message.size > path.limit:
        yield f"{message.size} octets, where {path.limit} were offered"
    if Flag.TC in message.flags and path.transport == "tcp":
        yield "truncated (TC) over TCP"
    elif Flag.TC in message.flags and context.whole is not None:
        offered = min(path.limit, SAFE_UDP)
        if context.whole <= offered:
            yield f"truncated (TC), where {context.whole} octets fit into {offered}"


def _records(question: Question, message: Message, context: Context) -> Iterator[str]:
    foreign = [record for record in message.answer if record.rclass != "IN"]
    if foreign:
        yield f"class {foreign[0].rclass}"
    got = [_key(record) for record in message.answer]
    twice = sorted({key for key in got if got.count(key) > 1})
    if twice:
        yield f"twice in the answer: {_listed(twice)}"
    missing = {record for record in question.records if not isinstance(record[2], Generated)} - set(got)
    besides = set(got) - question.records
    for wanted in [record for record in question.records if isinstance(record[2], Generated)]:
        match = next((record for record in besides if _stands_for(record, wanted, context.generated)), None)
        if match is None:
            missing.add(wanted)
        else:
            besides.remove(match)
    if question.open:
        besides = {record for record in besides if record[1] not in ("CNAME", question.rtype)}
    if missing and Flag.TC not in message.flags:
        yield f"missing: {_listed(sorted(missing, key=str))}"
    if besides:
        yield f"not to be there: {_listed(sorted(besides, key=str))}"


def _stands_for(got: Expected, wanted: Expected, generated: Mapping[str, frozenset[str]]) -> bool:
    """Return whether a record has a made-up name that is for the endpoint wanted."""
    data = wanted[2]
    if got[:2] != wanted[:2] or isinstance(got[2], Generated) or not isinstance(data, Generated):
        return False
    port, _, name = got[2].rpartition(" ")
    below = name.partition(".")[2]
    same_port = port == ("" if data.port is None else str(data.port))
    return same_port and below == data.service and generated.get(name) == frozenset({data.address})


def _authority(question: Question, message: Message) -> Iterator[str]:
    owners = [record.owner.lower() for record in message.authority if record.rtype == "SOA"]
    name = question.name.lower()
    if len(owners) != 1:
        yield f"{len(owners)} SOA records in the authority section of a negative answer, not 1 (RFC 2308, 2)"
    elif question.soa and owners[0] != question.soa:
        yield f"SOA of {owners[0]}, not of {question.soa}"
    elif not f".{name}".endswith(f".{owners[0].lstrip('.')}"):
        yield f"SOA of {owners[0]}, which {name} is not in"


def _key(record: Record) -> Expected:
    return record.owner.lower(), record.rtype, record.comparable


def _listed(records: list[Expected]) -> str:
    more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return ", ".join(" ".join(map(str, record)) for record in records[:_SHOWN]) + more
