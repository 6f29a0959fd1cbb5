"""One answer against what it must be: every difference, in words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from clusterdns.model.dns_profiles import DNSProfile
from clusterdns.model.exchange import HEADER, Exchange, Flag, Message, Record
from clusterdns.model.questions import Expected, Instead, Question
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
        generated: A name that the implementation made up -> the addresses that it stands for; None where no
            path said so.
        whole: Octets of the same answer over TCP; None where none came.
    """

    profile: DNSProfile
    generated: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    whole: int | None = None


def faults_of(question: Question, exchange: Exchange, context: Context) -> tuple[str, ...]:
    """Return everything that is wrong with an answer, its TTLs aside."""
    message = exchange.message
    if message is None:
        return (exchange.failure,)
    found = [exchange.failure] if exchange.failure else []
    found += _header(question, exchange, message, context)
    if deviation(question, exchange, context) is None:
        found += _content(question, message, context)
    return tuple(found)


def deviation(question: Question, exchange: Exchange, context: Context) -> Instead | None:
    """Return which documented deviation an answer is, with nothing else in it; None if it is none."""
    message, path = exchange.message, exchange.path
    if message is None or not question.instead or not any(_content(question, message, context)):
        return None
    by_udp = bool(path.pod) and path.transport == "udp"
    return next(
        (
            instead
            for instead in question.instead
            if not (instead.deviation.by_tcp and by_udp)
            and not any(_content(_as_documented(question, instead), message, context))
        ),
        None,
    )


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


def _as_documented(question: Question, instead: Instead) -> Question:
    """Return the question with the answer that a deviation gives it."""
    return replace(
        question,
        rcodes=frozenset({instead.rcode}),
        records=instead.records,
        soa="" if instead.outside else question.soa,
        open=False,
    )


def _content(question: Question, message: Message, context: Context) -> Iterator[str]:
    if message.rcode not in question.rcodes:
        yield f"rcode {message.rcode}, not {' or '.join(sorted(question.rcodes))}"
    else:
        yield from _records(question, message, context)
    if question.negative and not message.answer and Flag.TC not in message.flags:
        yield from _authority(question, message)


def _records(question: Question, message: Message, context: Context) -> Iterator[str]:
    foreign = [record for record in message.answer if record.rclass != "IN"]
    if foreign:
        yield f"class {foreign[0].rclass}"
    got = [_key(record) for record in message.answer]
    twice = sorted({key for key in got if got.count(key) > 1})
    if twice:
        yield f"twice in the answer: {_listed(twice, _text)}"
    missing = {one for one in question.records if not isinstance(one[2], Generated)} - set(got)
    besides = set(got) - question.records
    for wanted in [one for one in question.records if isinstance(one[2], Generated)]:
        match = next((one for one in besides if _stands_for(one, wanted, context.generated)), None)
        if match is None:
            missing.add(wanted)
        else:
            besides.remove(match)
    if question.open:
        besides = {one for one in besides if one[1] not in ("CNAME", question.rtype)}
    if Flag.TC in message.flags:
        missing = set()
    # The question has said which name and type it is about.
    text = _data if len({record[:2] for record in (*missing, *besides)}) == 1 else _text
    came, called_for = (_listed(sorted(records, key=str), text) for records in (besides, missing))
    if besides and missing:
        yield f"{came} instead of {called_for}"
    elif missing:
        yield f"missing: {called_for}"
    elif besides:
        yield f"not to be there: {came}"


def _stands_for(got: Expected, wanted: Expected, generated: Mapping[str, frozenset[str] | None]) -> bool:
    """Return whether a record has a made-up name that is for the endpoint wanted."""
    data = wanted[2]
    if got[:2] != wanted[:2] or isinstance(got[2], Generated) or not isinstance(data, Generated):
        return False
    port, _, name = got[2].rpartition(" ")
    below = name.partition(".")[2]
    same_port = port == ("" if data.port is None else str(data.port))
    return same_port and below == data.service and generated.get(name, frozenset()) in (None, {data.address})


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


def _text(one: Expected) -> str:
    return " ".join(map(str, one))


def _data(record: Expected) -> str:
    return str(record[2])


def _listed(ones: list[Expected], text: Callable[[Expected], str]) -> str:
    more = f" and {len(ones) - _SHOWN} more" if len(ones) > _SHOWN else ""
    return ", ".join(map(text, ones[:_SHOWN])) + more
