"""From packets to DNS queries with their responses, and which of them are retries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from dns import rcode, rdatatype

from clusterdns.analysis.capture.addresses import Addresses
from clusterdns.analysis.capture.decoder import Decoder
from clusterdns.analysis.capture.names import text
from clusterdns.analysis.capture.records import Records
from clusterdns.analysis.capture.transactions import Queries

RETRY_AFTER_NS = 1_000_000_000
"""The shortest time-out that resolv.conf(5) can set."""
SAME_LOOKUP_NS = 30_000_000_000
"""The longest; beyond it the same question is another lookup's."""


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


def read_queries(records: Iterable[Records], *, port: int = 53) -> tuple[Query, ...]:
    """Finds the queries in a capture.

    A response belongs to the latest unanswered query of the same socket, server, id and question: after a
    retry from the same socket that is the retry. What is no DNS message with one question is passed over.

    Args:
        records: In the order of the capture.
        port: The server's.

    Returns:
        The queries in the order they were seen.

    Raises:
        PcapError: The capture is damaged.
    """
    decoder = Decoder(records, [port])
    queries = [row for decoded in decoder for row in _rows(decoded.queries, decoder.addresses)]
    return tuple(query for _, query in sorted(queries, key=itemgetter(0)))


def _rows(queries: Queries, addresses: Addresses) -> Iterator[tuple[int, Query]]:
    """Yield queries one by one, each with its packet's number."""
    columns = (getattr(queries, name).tolist() for name in Queries.columns())
    for values in zip(*columns, strict=True):
        row = dict(zip(Queries.columns(), values, strict=True))
        answered = row["response_frame"] > 0
        yield (
            row["frame"],
            Query(
                time_ns=row["time_ns"],
                client=addresses[row["client"]],
                client_port=row["client_port"],
                server=addresses[row["server"]],
                transport="tcp" if row["tcp"] else "udp",
                id=row["id"],
                qname=text(row["name"]),
                rtype=rdatatype.to_text(row["rtype"]),
                response_ns=row["response_ns"] if answered else None,
                rcode=rcode.to_text(row["rcode"]) if answered else None,
                answers=row["answers"] if answered else None,
            ),
        )


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
