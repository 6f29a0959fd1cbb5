"""A query that was sent along a path, and the answer as it came back: what checks of records judge."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag

from clusterdns.model.topology import DNS_PORT

HEADER = 12
"""Octets of a message before its question (RFC 1035, 4.1.1)."""

PLAIN_UDP = 512
"""Octets that an answer over UDP may have where the query offers no more (RFC 1035, 4.2.1)."""
WHOLE = 65535
"""Octets that an answer over TCP may have (RFC 1035, 4.2.2)."""


class Flag(IntFlag):
    """Bits of a message's header (RFC 1035, 4.1.1)."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080


@dataclass(frozen=True, slots=True)
class Record:
    """A resource record of class IN.

    Attributes:
        owner: Absolute, as it was received.
        rtype: Its type's mnemonic.
        ttl: In seconds.
        data: In presentation form.
        rclass: Its class' mnemonic.
    """

    owner: str
    rtype: str
    ttl: int
    data: str
    rclass: str = "IN"

    @property
    def comparable(self) -> str:
        """Its data as it is compared: in lower case but for TXT, an SRV's without priority and weight."""
        if self.rtype == "SRV":
            return self.data.lower().split(maxsplit=2)[-1]
        return self.data if self.rtype == "TXT" else self.data.lower()

    def __str__(self) -> str:
        return f"{self.owner}\t{self.ttl}\t{self.rclass}\t{self.rtype}\t{self.data}"


@dataclass(frozen=True, slots=True)
class Message:
    """An answer, its id aside.

    Attributes:
        flags: The header's, without opcode and rcode.
        rcode: The mnemonic, e.g. "NXDOMAIN".
        question: The question section, octet for octet.
        asked: The question in presentation form, e.g. "a.example. IN A".
        answer: Records of the answer section; so for the two others.
        authority: See answer.
        additional: See answer; without the OPT record.
        size: Octets.
        payload: The UDP payload size that its OPT record offers; None without one.
    """

    flags: Flag
    rcode: str
    question: bytes
    asked: str
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    size: int = 0
    payload: int | None = None

    @property
    def comparable(self) -> frozenset[tuple[str, str, str]]:
        """The answer section as answers are compared: owners in lower case, types, comparable data."""
        return frozenset((record.owner.lower(), record.rtype, record.comparable) for record in self.answer)

    def dig(self, ident: int) -> Iterator[str]:
        """Yield the message line by line, as dig prints it, with the id that it came with."""
        names = " ".join(str(flag.name).lower() for flag in Flag if flag in self.flags)
        additional = len(self.additional) + (self.payload is not None)
        yield f";; ->>HEADER<<- opcode: QUERY, status: {self.rcode}, id: {ident}"
        yield (
            f";; flags: {names}; QUERY: {bool(self.question):d}, ANSWER: {len(self.answer)}, "
            f"AUTHORITY: {len(self.authority)}, ADDITIONAL: {additional}"
        )
        if self.payload is not None:
            yield ";; OPT PSEUDOSECTION:"
            yield f"; EDNS: version: 0, flags:; udp: {self.payload}"
        yield ";; QUESTION SECTION:"
        yield f";{self.asked}"
        for name in ("answer", "authority", "additional"):
            records: tuple[Record, ...] = getattr(self, name)
            if records:
                yield f";; {name.upper()} SECTION:"
                yield from map(str, records)
        yield f";; MSG SIZE  rcvd: {self.size}"


@dataclass(frozen=True, slots=True)
class Path:
    """A way to ask.

    Attributes:
        node: Where the pod that asks runs.
        server: What is asked, in words, e.g. "Service kube-system/kube-dns".
        address: Its address.
        transport: "udp" or "tcp".
        edns: The UDP payload size that the query offers; None for a query without EDNS.
        pod: Whether it is a DNS pod itself, past every Service and cache.
        port: The server's.
    """

    node: str
    server: str
    address: str
    transport: str
    edns: int | None = None
    pod: bool = False
    port: int = DNS_PORT

    @property
    def limit(self) -> int:
        """The octets that an answer may have."""
        if self.transport == "tcp":
            return WHOLE
        return max(self.edns or PLAIN_UDP, PLAIN_UDP)

    def __str__(self) -> str:
        edns = "" if self.edns is None else f", EDNS {self.edns}"
        return f"{self.node} -> {self.server} ({self.address}), {self.transport.upper()}{edns}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query and what came of it.

    Attributes:
        path: Along which it was asked.
        query: The message that was sent, octet for octet.
        message: The answer; None where none came that can be read.
        failure: Why there is none, or what is wrong with how it came, in words; "" where nothing is.
        answered: Whether anything came.
        sent: Whether it was sent; it is not where such queries along this path were given up.
    """

    path: Path
    query: bytes = field(repr=False)
    message: Message | None
    failure: str = ""
    answered: bool = True
    sent: bool = True

    @property
    def lost(self) -> bool:
        """Whether it was sent and nothing came."""
        return self.sent and not self.answered
