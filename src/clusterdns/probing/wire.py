"""DNS messages on pytest's side: the queries that probes send, and what comes back."""

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype


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
        The message; a truncated one (TC bit) with the records that it has.

    Raises:
        MalformedMessage: It cannot be read. The message says why, and gives the bytes.
    """
    try:
        return dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        why = str(error) or type(error).__name__
        raise MalformedMessage(f"{why}; {len(wire)} octets: {wire[:64].hex()}") from error
