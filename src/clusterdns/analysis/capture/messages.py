"""From payloads to DNS messages: header and question, many at a time."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clusterdns.analysis.arrays import FIRST_OCTETS, Columns, Flags, Hashes, Ints, mixed, numbers, view
from clusterdns.analysis.capture import edns

_HEADER = 12
_RESPONSE, _OPCODE, _RCODE = 0x8000, 0x7800, 0x000F
_LONGEST_LABEL, _LONGEST_NAME = 63, 254  # without the root's octet (RFC 1035, 3.1)
_BEHIND_NAME = 5  # octets: the root's label, type and class

_EACH_OCTET = 0x0101010101010101
_LOW_BITS, _HIGH_BIT = np.uint64(0x7F * _EACH_OCTET), np.uint64(0x80 * _EACH_OCTET)
_FROM_A, _BEYOND_Z = np.uint64((0x80 - ord("A")) * _EACH_OCTET), np.uint64((0x7F - ord("Z")) * _EACH_OCTET)
_TO_LOWER = np.uint64(2)  # from an octet's highest bit to the one that makes a letter a small one


class SkippedMessage(StrEnum):
    """What payloads are that are not looked into."""

    CUT = "messages cut off within their question by the capture"
    OTHER = "messages that are no standard query or response with one whole question"
    NOT_READ = "responses of which the end was not read: their rcodes lack the bits that EDNS adds"


@dataclass(frozen=True, slots=True)
class Payloads(Columns):
    """What may be a DNS message each.

    Attributes:
        frame: The packet's number in the file that completes it.
        first_ns: When its first octet was captured, in nanoseconds since 1970.
        time_ns: When its last was; the same for UDP.
        source, source_port, destination, destination_port: As in `packets.Packets`.
        tcp: Whether it came by TCP.
        connection: Which of the TCP connections; -1 for UDP.
        at: Where it begins in its data.
        captured: How much of it is there.
        length: How much there was on the wire.
    """

    frame: Ints
    first_ns: Ints
    time_ns: Ints
    source: Ints
    source_port: Ints
    destination: Ints
    destination_port: Ints
    tcp: Flags
    connection: Ints
    at: Ints
    captured: Ints
    length: Ints


@dataclass(frozen=True, slots=True)
class Messages(Columns):
    """DNS queries and responses.

    Attributes:
        frame, first_ns, time_ns, tcp, connection: As in `Payloads`.
        client, client_port, server, server_port: Who asks whom.
        response: Whether it is a response.
        id: Of the message.
        rcode: Of a response, with the upper bits that EDNS adds (RFC 6891, 6.1.3).
        answers: The number of records in the answer section.
        rtype: The number of the question's type.
        name_at, name_end: Where the question's name lies in the data, without the root's octet.
        bare: Whether it is a response without a question, as some are to what was not understood.
        key: The same for all messages of one socket and server with the same id and question, in any case.
        exchange: The same whatever the question.
    """

    frame: Ints
    first_ns: Ints
    time_ns: Ints
    tcp: Flags
    connection: Ints
    client: Ints
    client_port: Ints
    server: Ints
    server_port: Ints
    response: Flags
    id: Ints
    rcode: Ints
    answers: Ints
    rtype: Ints
    name_at: Ints
    name_end: Ints
    bare: Flags
    key: Hashes
    exchange: Hashes


def parse(data: bytes, payloads: Payloads, counts: Counter[str]) -> Messages:
    """Takes header and question out of payloads.

    Args:
        data: Where they lie, with spare octets behind the last.
        payloads: The payloads.
        counts: Where what is left out is counted.

    Returns:
        The messages with opcode QUERY and one question, or responses with none, in the order of the payloads.
    """
    whole = payloads.captured >= _HEADER
    cut = payloads.captured < payloads.length
    flags, questions = (numbers(data, ">u2", payloads.at + at) for at in (2, 4))
    bare = whole & (flags & _RESPONSE != 0) & (questions == 0) & (flags & _OPCODE == 0)
    other = whole & ~bare & ((flags & _OPCODE != 0) | (questions != 1))
    name_end = _name_ends(data, payloads)
    name_end[bare] = payloads.at[bare] + _HEADER
    good = whole & ~other & (name_end > 0)
    left_out = ~good
    counts[SkippedMessage.CUT] += int(np.count_nonzero(left_out & cut & ~other))
    counts[SkippedMessage.OTHER] += int(np.count_nonzero(left_out & ~(cut & ~other)))
    if left_out.any():
        payloads, flags, name_end, bare = payloads.only(good), flags[good], name_end[good], bare[good]
    response = flags & _RESPONSE != 0
    client = np.where(response, payloads.destination, payloads.source)
    client_port = np.where(response, payloads.destination_port, payloads.source_port)
    server = np.where(response, payloads.source, payloads.destination)
    server_port = np.where(response, payloads.source_port, payloads.destination_port)
    ident = numbers(data, ">u2", payloads.at)
    rtype = np.where(bare, 0, numbers(data, ">u2", name_end + 1))
    exchange = np.zeros(len(payloads), np.uint64)
    ends = (client << 32) | (client_port << 16) | server_port, (server << 32) | ident
    for column in (*ends, payloads.connection):
        exchange = mixed(exchange, column.astype(np.uint64))
    asked = (rtype << 16) | numbers(data, ">u2", name_end + 3)
    key = mixed(mixed(_names(data, payloads.at + _HEADER, name_end), exchange), asked.astype(np.uint64))
    counts_of = (numbers(data, ">u2", payloads.at + at) for at in (6, 8, 10))
    answers, authorities, additional = counts_of
    upper = np.zeros(len(payloads), np.int64)
    if len(its := np.flatnonzero(response & (additional > 0))):
        records = (answers + authorities + additional)[its]
        start = np.where(bare[its], name_end[its], name_end[its] + _BEHIND_NAME)
        end = (payloads.at + payloads.captured)[its]
        upper[its], unread = edns.upper_rcodes(data, start, end, records)
        counts[SkippedMessage.NOT_READ] += unread
    return Messages(
        frame=payloads.frame,
        first_ns=payloads.first_ns,
        time_ns=payloads.time_ns,
        tcp=payloads.tcp,
        connection=payloads.connection,
        client=client,
        client_port=client_port,
        server=server,
        server_port=server_port,
        response=response,
        id=ident,
        rcode=(upper << 4) | (flags & _RCODE),
        answers=answers,
        rtype=rtype,
        name_at=payloads.at + _HEADER,
        name_end=name_end,
        bare=bare,
        key=key,
        exchange=exchange,
    )


def _name_ends(data: bytes, payloads: Payloads) -> Ints:
    """Find where the names in the questions end; 0 where they are not whole, or no plain names."""
    at, found = payloads.at + _HEADER, np.zeros(len(payloads), np.int64)
    end, limit = payloads.at + payloads.captured - _BEHIND_NAME, payloads.at + _HEADER + _LONGEST_NAME
    going = np.flatnonzero(at <= end)
    while len(going):
        size = numbers(data, "u1", at[going])
        found[going[size == 0]] = at[going[size == 0]]
        at[going] += size + 1
        on = (size > 0) & (size <= _LONGEST_LABEL) & (at[going] <= np.minimum(end, limit)[going])
        going = going[on]
    return found


def _names(data: bytes, start: Ints, end: Ints) -> Hashes:
    """Hash names in lower case, eight octets at a time."""
    words, key = view(data, "<u8"), np.zeros(len(start), np.uint64)
    going, at = np.arange(len(start)), start
    while len(going := going[at[going] < end[going]]):
        word = words[at[going]] & FIRST_OCTETS[np.minimum(end[going] - at[going], 8)]
        low = word & _LOW_BITS
        # An octet's highest bit is set in the first sum from "A" on, in the second beyond "Z".
        capital = ((low + _FROM_A) ^ (low + _BEYOND_Z)) & ~word & _HIGH_BIT
        key[going] = mixed(key[going], word | (capital >> _TO_LOWER))
        at = at + 8
    return key
