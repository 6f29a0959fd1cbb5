"""DNS messages on pytest's side: the queries that probes send, and what comes back."""

import ipaddress

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.IN.AAAA import AAAA

from clusterdns.model.exchange import HEADER, Flag, Message, Record


class MalformedMessage(ValueError):  # noqa: N818 - what was received, not what went wrong here
    """A server sent bytes that are no DNS message: an observation about it, no error of the suite."""


def question(
    name: str,
    rtype: str,
    *,
    edns: int | None = None,
    recursion_desired: bool = True,
    ident: int | None = None,
) -> bytes:
    """Builds a query.

    No cookie is sent (RFC 7873): dnsmasq returns one client's cookie to another when it merges queries.

    Args:
        name: Absolute, with or without its final dot; its case is kept.
        rtype: A type's mnemonic.
        edns: The UDP payload size to offer by EDNS(0), in octets; None sends no OPT record.
        recursion_desired: The RD bit.
        ident: The message's id; random by default.

    Returns:
        The message as it goes over UDP.

    Raises:
        dns.exception.DNSException: No such type, or not a name.
    """
    query = dns.message.make_query(
        dns.name.from_text(name),
        rtype,
        use_edns=False if edns is None else 0,
        payload=edns or 0,
        flags=dns.flags.RD if recursion_desired else 0,
        id=ident,
    )
    return query.to_wire()


def parse(wire: bytes) -> dns.message.Message:
    """Reads a message.

    Args:
        wire: As received; over TCP without its length.

    Returns:
        The message, an RRset for each record; a truncated one (TC bit) with the records that it has.

    Raises:
        MalformedMessage: It cannot be read. The message says why, and gives the bytes.
    """
    try:
        return dns.message.from_wire(wire, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError) as error:
        why = str(error) or type(error).__name__
        raise MalformedMessage(f"{why}; {len(wire)} octets: {wire[:64].hex()}") from error


def read(wire: bytes) -> Message:
    """Read an answer into what checks judge.

    Raises:
        MalformedMessage: It cannot be read.
    """
    message = parse(wire)
    try:
        return Message(
            flags=Flag(message.flags & sum(Flag)),
            rcode=dns.rcode.to_text(message.rcode()),
            question=_question(wire),
            asked="; ".join(rrset.to_text() for rrset in message.question) or "(none)",
            answer=_records(message.answer),
            authority=_records(message.authority),
            additional=_records(message.additional),
            size=len(wire),
            payload=message.payload if message.edns >= 0 else None,
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise MalformedMessage(f"{error}; {len(wire)} octets: {wire[:64].hex()}") from error


def _question(wire: bytes) -> bytes:
    """Return the question section as it stands, where it has one question and no compression."""
    if wire[4:6] != b"\0\1":
        return b""
    end = HEADER
    while end < len(wire) and wire[end]:
        end += wire[end] + 1
    return wire[HEADER : end + 5]


def _records(section: list[dns.rrset.RRset]) -> tuple[Record, ...]:
    return tuple(
        Record(
            rrset.name.to_text(),
            dns.rdatatype.to_text(rrset.rdtype),
            rrset.ttl,
            str(ipaddress.ip_address(rdata.address)) if isinstance(rdata, AAAA) else rdata.to_text(),
            dns.rdataclass.to_text(rrset.rdclass),
        )
        for rrset in section
        for rdata in rrset
    )
