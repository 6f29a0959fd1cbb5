"""From packets to DNS queries with their responses, and which of them are retries."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from clusterdns.capture.packets import Packet, decode
from clusterdns.capture.streams import Streams
from clusterdns.formats.pcap import Record

RETRY_AFTER_NS = 1_000_000_000
"""The shortest time-out that resolv.conf(5) can set."""
SAME_LOOKUP_NS = 30_000_000_000
"""The longest; beyond it the same question is another lookup's."""

_HEADER = struct.Struct(">HHHH4x")
_RESPONSE, _OPCODE, _RCODE = 0x8000, 0x7800, 0x000F
_POINTER = 0xC0
# IANA's mnemonics of what cluster DNS carries; any other is spelt as in RFC 3597, 5.
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    64: "SVCB",
    65: "HTTPS",
    255: "ANY",
}
_RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query on the wire, and the response to it.

    Attributes:
        time_ns: When it was seen, in nanoseconds since 1970.
        client, client_port: The socket it came from.
        server: The address it went to, as the capture's network namespace sees it.
        transport: "udp" or "tcp".
        id: The message's.
        qname: The name in the case it was sent, without its final dot.
        rtype: The type's mnemonic.
        response_ns: When the response was seen; None without one.
        rcode: The response's, as a mnemonic.
        answers: The number of records in its answer section: 0 with NOERROR is NODATA.
    """

    time_ns: int
    client: str
    client_port: int
    server: str
    transport: str
    id: int
    qname: str
    rtype: str
    response_ns: int | None = None
    rcode: str | None = None
    answers: int | None = None

    @property
    def name(self) -> str:
        """The name in lower case, as names compare."""
        return self.qname.lower()


class _Message(NamedTuple):
    id: int
    flags: int
    answers: int
    qname: str
    rtype: str


def read_queries(records: Iterable[Record], *, port: int = 53) -> tuple[Query, ...]:
    """Finds the queries in a capture.

    A response belongs to the latest unanswered query of the same socket, server, id and question: after a
    retry from the same socket that is the retry. What is no DNS message with one question is passed over.

    Args:
        records: In the order of the capture.
        port: The server's.

    Returns:
        The queries in the order they were seen.
    """
    queries: list[Query] = []
    unanswered: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for packet, message in _messages(records, port):
        client, server = packet[1:3], packet[3:5]
        if message.flags & _RESPONSE:
            client, server = server, client
        key = (client, server, packet.tcp, message.id, message.qname.lower(), message.rtype)
        if not message.flags & _RESPONSE:
            unanswered[key].append(len(queries))
            queries.append(
                Query(
                    time_ns=packet.time_ns,
                    client=client[0],
                    client_port=client[1],
                    server=server[0],
                    transport="tcp" if packet.tcp else "udp",
                    id=message.id,
                    qname=message.qname,
                    rtype=message.rtype,
                )
            )
        elif waiting := unanswered.get(key):
            index = waiting.pop()
            rcode = message.flags & _RCODE
            queries[index] = replace(
                queries[index],
                response_ns=packet.time_ns,
                rcode=_RCODES.get(rcode, f"RCODE{rcode}"),
                answers=message.answers,
            )
    return tuple(queries)


def retries(queries: Sequence[Query]) -> tuple[Query, ...]:
    """Selects the queries that repeat an earlier one of the same lookup.

    That is the same question from the same client address, within `SAME_LOOKUP_NS`, with the same id (the C
    libraries send the same message again: after a time-out, after SERVFAIL, by TCP after truncation, and musl
    to each of its nameservers at once), or with another one when the earlier is without a response
    `RETRY_AFTER_NS` later.

    Args:
        queries: In the order they were seen.

    Returns:
        The retries in that order.
    """
    return tuple(query for query, is_retry in _judged(queries) if is_retry)


def first_tries(queries: Sequence[Query]) -> tuple[Query, ...]:
    """Selects the queries that are not retries: what the arithmetic of search list and ndots counts.

    Args:
        queries: In the order they were seen.

    Returns:
        The first tries in that order.
    """
    return tuple(query for query, is_retry in _judged(queries) if not is_retry)


def _judged(queries: Sequence[Query]) -> Iterator[tuple[Query, bool]]:
    sent: dict[tuple[str, str, str, int], int] = {}
    pending: dict[tuple[str, str, str], _Pending] = {}
    for query in queries:
        question = (query.client, query.name, query.rtype)
        before = sent.get((*question, query.id))
        same_message = before is not None and query.time_ns - before <= SAME_LOOKUP_NS
        same_lookup = pending.get(question)
        if same_lookup is None or same_lookup.is_over(query.time_ns):
            same_lookup = pending[question] = _Pending(query.time_ns)
        timed_out = query.time_ns - same_lookup.since_ns >= RETRY_AFTER_NS
        yield query, same_message or timed_out
        same_lookup.answered(query.response_ns)
        sent[*question, query.id] = query.time_ns


class _Pending:
    """A question that a client waits for."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self._until_ns = since_ns + SAME_LOOKUP_NS

    def answered(self, response_ns: int | None) -> None:
        if response_ns is not None:
            self._until_ns = min(self._until_ns, response_ns)

    def is_over(self, now_ns: int) -> bool:
        return now_ns >= self._until_ns


def _messages(records: Iterable[Record], port: int) -> Iterator[tuple[Packet, _Message]]:
    streams = Streams()
    for record in records:
        packet = decode(record)
        if packet is None or port not in {packet.source_port, packet.destination_port}:
            continue
        for wire in streams.messages(packet) if packet.tcp else (packet.payload,):
            message = _parse(wire)
            if message is not None:
                yield packet, message


def _parse(wire: bytes) -> _Message | None:
    try:
        ident, flags, questions, answers = _HEADER.unpack_from(wire)
        if questions != 1 or flags & _OPCODE:
            return None
        labels, at = [], _HEADER.size
        while size := wire[at]:
            if size & _POINTER:
                return None
            labels.append(_text(wire[at + 1 : at + 1 + size]))
            at += 1 + size
        rtype = struct.unpack_from(">H", wire, at + 1)[0]
    except (IndexError, struct.error):
        return None
    return _Message(ident, flags, answers, ".".join(labels), _TYPES.get(rtype, f"TYPE{rtype}"))


def _text(label: bytes) -> str:
    """Writes a label as master files do (RFC 1035, 5.1)."""
    if label.replace(b"-", b"").replace(b"_", b"").isalnum():
        return label.decode("ascii")
    return "".join(_escaped(octet) for octet in label)


def _escaped(octet: int) -> str:
    character = chr(octet)
    if character in ".\\":
        return f"\\{character}"
    return (
        character if character.isascii() and character.isprintable() and character != " " else f"\\{octet:03}"
    )
