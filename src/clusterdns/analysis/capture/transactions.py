"""Which response answers which query, and which queries are the same one sent again."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clusterdns.analysis.arrays import Columns, Flags, Hashes, Ints, grouped
from clusterdns.analysis.capture.messages import Messages

MOST_WAITING = 1 << 20
"""Queries that are waited for; beyond it the oldest are given up."""


class LooseEnd(StrEnum):
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
        fell: Whether it has no response, and the capture lacks a part of what its server sent after it.
        response_frame: The packet's number that completes the response; 0 without one.
        response_ns: When that was captured.
        rcode: The response's; -1 without one.
        answers: The number of records in its answer section; -1 without one.
        key: The transaction's.
        exchange: The same whatever is asked.
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
    fell: Flags
    response_frame: Ints
    response_ns: Ints
    rcode: Ints
    answers: Ints
    key: Hashes
    exchange: Hashes

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
        """Takes messages; those of the same key in the order of the capture.

        Args:
            data: Where their names lie.
            messages: The messages.

        Returns:
            The queries of the transactions that are over, in the order they were sent.
        """
        asked = _asked(data, messages.only(~messages.response))
        waiting = 0 if self._waiting is None else len(self._waiting)
        if self._waiting is not None and waiting:
            asked = Queries.joined([self._waiting, asked])
        key = np.concatenate([asked.key[:waiting], messages.key])
        if messages.bare.any():
            key[waiting:] = self._with_questions(asked, messages)
        is_response = np.concatenate([np.zeros(waiting, np.bool_), messages.response])
        row = np.cumsum(~is_response) - 1  # of `asked`, for queries
        order, start = grouped(key)
        is_response = is_response[order]
        start[1:] |= is_response[:-1] & ~is_response[1:]
        begin, which = np.flatnonzero(start), np.cumsum(start) - 1  # of transactions; of rows

        is_query = ~is_response
        its, rows = which[is_query], row[order[is_query]]
        asked.tries[rows] = np.bincount(its, minlength=len(begin))[its]
        asked.attempt[rows] = (np.arange(len(order)) - begin[which] + 1)[is_query]
        first = order[begin[its]]
        asked.first_ns[rows] = asked.time_ns[row[first]]

        answering = 1 + np.flatnonzero(is_response[1:] & is_query[:-1] & ~start[1:])
        self.counts[LooseEnd.NO_QUERY] += int(np.count_nonzero(is_response)) - len(answering)
        _answer(asked, row[order[answering - 1]], messages.only(order[answering] - waiting))
        over = np.zeros(len(begin), np.bool_)
        over[which[answering]] = True
        is_over = np.zeros(len(asked), np.bool_)
        is_over[rows] = over[its]
        return self._leave(asked, is_over)

    def finish(self, gap_ns: Mapping[int, int]) -> Queries | None:
        """Returns the queries that are still without a response: there is no more to come.

        Args:
            gap_ns: Connection -> when the latest gap in what its server sent was over.
        """
        if self._waiting is None:
            return None
        queries = _sorted(self._waiting, np.arange(len(self._waiting)))
        over = [gap_ns.get(connection, 0) for connection in queries.connection.tolist()]
        return replace(queries, fell=np.array(over, np.int64) > queries.time_ns)

    @staticmethod
    def _with_questions(asked: Queries, messages: Messages) -> Hashes:
        """Return the messages' keys; that of a response without a question is its latest query's."""
        key = messages.key.copy()
        wanted = {*messages.exchange[messages.bare].tolist()}
        before = len(asked) - int(np.count_nonzero(~messages.response))
        its = np.flatnonzero(np.isin(asked.exchange[:before], messages.exchange[messages.bare]))
        rows = zip(
            asked.exchange[its].tolist(), asked.frame[its].tolist(), asked.key[its].tolist(), strict=True
        )
        latest = {exchange: key for exchange, _, key in sorted(rows, key=itemgetter(1))}
        columns = (messages.exchange, messages.response, messages.bare, messages.key)
        for row, (exchange, response, bare, its_key) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if exchange not in wanted:
                continue
            if not response:
                latest[exchange] = its_key
            elif bare:
                key[row] = latest.get(exchange, its_key)
        return key

    def _leave(self, asked: Queries, is_over: Flags) -> Queries:
        """Return the queries that are over, and keep the others, unless there are too many."""
        waiting = np.flatnonzero(~is_over)
        if (many := len(waiting) - self._most) > 0:
            is_over[waiting[np.argsort(asked.frame[waiting])[:many]]] = True
            waiting = np.flatnonzero(~is_over)
            self.counts[LooseEnd.GIVEN_UP] += many
        self._waiting = asked.only(waiting)
        return _sorted(asked, np.flatnonzero(is_over))


def _sorted(queries: Queries, rows: Ints) -> Queries:
    """Return some rows, in the order of the capture."""
    return queries.only(rows[np.argsort(queries.frame[rows], kind="stable")])


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
        fell=np.zeros(count, np.bool_),
        response_frame=nothing.copy(),
        response_ns=nothing.copy(),
        rcode=nothing - 1,
        answers=nothing - 1,
        key=messages.key,
        exchange=messages.exchange,
    )
