"""Which response answers which query, and which queries are the same one sent again."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clusterdns.capture.messages import Messages
from clusterdns.formats.arrays import Columns, Flags, Hashes, Ints

MOST_WAITING = 1 << 20
"""Queries that are waited for; beyond it the oldest are given up."""


class Kind(StrEnum):
    """What belongs to no transaction, and what was not followed to its end."""

    NO_QUERY = "responses to no query that still waits"
    GIVEN_UP = f"queries given up, as more than {MOST_WAITING} wait for a response"


@dataclass(frozen=True, slots=True)
class Queries(Columns):
    """Queries on the wire, each try a row.

    A transaction is a query from one socket to one server, sent again with the same id until it is answered;
    its response is the last try's.

    Attributes:
        frame: The packet's number in the file that completes the query.
        time_ns: When its first octet was captured, in nanoseconds since 1970.
        first_ns: When the transaction's first try was.
        attempt, tries: This is the first, second … of so many tries.
        client, client_port, server, server_port: Who asks whom; addresses as numbers.
        tcp, connection: Whether it went by TCP, and on which connection; -1 for UDP.
        id: Of the message.
        rtype: The number of the question's type.
        name: The question's name in wire format, in the case it was sent, without the root's octet.
        response_frame: The packet's number that completes the response; 0 without one.
        response_ns: When that was captured.
        rcode: The response's; -1 without one.
        answers: The number of records in its answer section; -1 without one.
        key: The transaction's.
    """

    frame: Ints
    time_ns: Ints
    first_ns: Ints
    attempt: Ints
    tries: Ints
    client: Ints
    client_port: Ints
    server: Ints
    server_port: Ints
    tcp: Flags
    connection: Ints
    id: Ints
    rtype: Ints
    name: NDArray[Any]
    response_frame: Ints
    response_ns: Ints
    rcode: Ints
    answers: Ints
    key: Hashes

    @property
    def last(self) -> Flags:
        """Which rows are their transaction's last try: each transaction has one."""
        return np.equal(self.attempt, self.tries)

    @property
    def answered(self) -> Flags:
        """Which rows have a response."""
        return np.greater(self.response_frame, 0)


class Transactions:
    """Follows queries until they are answered, however long that takes."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.counts: Counter[str] = Counter()
        self._most = most_waiting
        self._waiting: Queries | None = None

    def take(self, data: bytes, messages: Messages) -> Queries:
        """Takes messages in the order of the capture.

        Args:
            data: Where their names lie.
            messages: The messages.

        Returns:
            The queries of the transactions that are over, in the order they were sent.
        """
        responses = messages.only(messages.response)
        asked = _asked(data, messages.only(~messages.response))
        if self._waiting is not None:
            asked = Queries.joined([self._waiting, asked])
        # In the order of the capture among those of the same key.
        key = np.concatenate([asked.key, responses.key])
        order = np.lexsort((np.concatenate([asked.frame, responses.frame]), key))
        key, is_response = key[order], order >= len(asked)
        after_response = np.concatenate([[True], is_response])[:-1]
        start = np.concatenate([[True], key[1:] != key[:-1]])[: len(key)] | (~is_response & after_response)
        begin, which = np.flatnonzero(start), np.cumsum(start) - 1  # of transactions; of rows

        rows = order[~is_response]  # of `asked`
        tries = np.bincount(which[~is_response], minlength=len(begin))
        asked.tries[rows] = tries[which[~is_response]]
        asked.attempt[rows] = (np.arange(len(order)) - begin[which] + 1)[~is_response]
        asked.first_ns[rows] = asked.time_ns[order[begin[which[~is_response]]]]

        answering = np.flatnonzero(is_response & ~after_response & ~start)
        self.counts[Kind.NO_QUERY] += len(responses) - len(answering)
        _answer(asked, order[answering - 1], responses.only(order[answering] - len(asked)))
        over = np.zeros(len(begin), np.bool_)
        over[which[answering]] = True
        is_over = np.zeros(len(asked), np.bool_)
        is_over[rows] = over[which[~is_response]]
        return self._leave(asked.only(is_over), asked.only(~is_over))

    def finish(self) -> Queries | None:
        """Returns the queries that are still without a response: there is no more to come."""
        return None if self._waiting is None else _sorted(self._waiting)

    def _leave(self, over: Queries, waiting: Queries) -> Queries:
        """Keep those that wait, unless there are too many; return the others."""
        if (many := len(waiting) - self._most) > 0:
            oldest = np.zeros(len(waiting), np.bool_)
            oldest[np.argsort(waiting.frame, kind="stable")[:many]] = True
            over = Queries.joined([over, waiting.only(oldest)])
            waiting = waiting.only(~oldest)
            self.counts[Kind.GIVEN_UP] += many
        self._waiting = waiting
        return _sorted(over)


def _sorted(queries: Queries) -> Queries:
    return queries.only(np.argsort(queries.frame, kind="stable"))


def _answer(asked: Queries, rows: Ints, responses: Messages) -> None:
    asked.response_frame[rows] = responses.frame
    asked.response_ns[rows] = responses.time_ns
    asked.rcode[rows] = responses.rcode
    asked.answers[rows] = responses.answers


def _asked(data: bytes, messages: Messages) -> Queries:
    """Return queries without a response."""
    count = len(messages)
    name = np.empty(count, object)
    bounds = zip(messages.name_at.tolist(), messages.name_end.tolist(), strict=True)
    name[:] = [data[start:end] for start, end in bounds]
    nothing = np.zeros(count, np.int64)
    return Queries(
        frame=messages.frame,
        time_ns=messages.first_ns,
        first_ns=messages.first_ns.copy(),
        attempt=nothing.copy(),
        tries=nothing.copy(),
        client=messages.client,
        client_port=messages.client_port,
        server=messages.server,
        server_port=messages.server_port,
        tcp=messages.tcp,
        connection=messages.connection,
        id=messages.id,
        rtype=messages.rtype,
        name=name,
        response_frame=nothing.copy(),
        response_ns=nothing.copy(),
        rcode=nothing - 1,
        answers=nothing - 1,
        key=messages.key,
    )
