"""Which TCP segment is of which connection, and what the segments say of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clusterdns.analysis.arrays import Flags, Ints, grouped
from clusterdns.analysis.capture.connections import NEVER, Connections
from clusterdns.analysis.capture.messages import Messages
from clusterdns.analysis.capture.packets import TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, Packets
from clusterdns.analysis.capture.transactions import Queries

QUIET_NS = 60_000_000_000
"""A connection is over when it is closed and has been quiet this long: Linux' TIME_WAIT."""
MOST_OPEN = 1 << 19
"""Connections that are followed; beyond it those that were quiet for longest are taken to be over."""

_UNKNOWN = -1
_SEQUENCES, _HALF = 1 << 32, 1 << 31


class Tracker:
    """Follows TCP connections. A SYN with another sequence number begins a new one on the same ports."""

    def __init__(self, ports: Sequence[int]) -> None:
        """Know of none yet; a connection's server is the side with the earlier one of the ports."""
        self._ranks = np.full(1 << 16, len(ports))
        self._ranks[list(reversed(ports))] = np.arange(len(ports))[::-1]
        self._replaced: Ints = np.zeros(0, np.int64)  # those whose ports have another connection now
        self._current: dict[int, int] = {}  # client and server, as one number -> the latest connection
        self._begun = 0
        self._table = Connections(*[np.zeros(0, np.int64)] * len(Connections.columns()))

    def take(self, packets: Packets) -> tuple[Ints, Ints]:
        """Takes segments in the order of the capture.

        Returns:
            The number of each one's connection, and that of its stream: each connection has two.
        """
        source, destination = self._ranks[packets.source_port], self._ranks[packets.destination_port]
        # Between equals the address that was seen first is the client's.
        from_server = (source < destination) | (
            (source == destination) & (packets.source > packets.destination)
        )
        number = self._numbers(packets, from_server)
        rows, table = np.searchsorted(self._table.number, number), self._table
        flags, time_ns = packets.flags, packets.time_ns
        opening = flags & (TCP_SYN | TCP_ACK) == TCP_SYN
        fin, reset, data = flags & TCP_FIN != 0, flags & TCP_RST != 0, packets.length > 0
        syn_ack = (flags & TCP_SYN != 0) & from_server
        taken = from_server & ~syn_ack & ~reset
        beyond = (packets.acknowledged - table.sequence[rows] - 1) % _SEQUENCES
        taken &= data | fin | (table.sequence[rows] == _UNKNOWN) | ((beyond > 0) & (beyond < _HALF))
        for column, seen in (
            (table.opened_ns, opening & ~from_server),
            (table.answered_ns, syn_ack),
            (table.confirmed_ns, ~from_server & ~opening & (flags & TCP_ACK != 0)),
            (table.taken_ns, taken),
            (table.client_fin_ns, fin & ~from_server),
            (table.server_fin_ns, fin & from_server),
            (table.client_reset_ns, reset & ~from_server),
            (table.server_reset_ns, reset & from_server),
            (table.queried_ns, data & ~from_server),
            (table.replied_ns, data & from_server),
        ):
            np.minimum.at(column, rows[seen], time_ns[seen])
        told = ~from_server & (data | fin) & (time_ns < table.taken_ns[rows])
        self._tell(rows[told], time_ns[told])
        np.minimum.at(table.first_ns, rows, time_ns)
        np.maximum.at(table.last_ns, rows, time_ns)
        np.add.at(table.syns, rows[opening], 1)
        np.add.at(table.syn_acks, rows[syn_ack], 1)
        return number, number * 2 + from_server

    def asked(self, messages: Messages) -> None:
        """Counts the queries of connections."""
        queries = messages.connection[~messages.response & messages.tcp]
        np.add.at(self._table.queries, np.searchsorted(self._table.number, queries), 1)

    def answered(self, queries: Queries) -> None:
        """Takes note of transactions that are over."""
        over = queries.only(queries.tcp & queries.answered & np.isin(queries.connection, self._table.number))
        rows = np.searchsorted(self._table.number, over.connection)
        table, wait = self._table, over.response_ns - over.first_ns
        np.add.at(table.responses, rows, 1)
        np.maximum.at(table.longest_ns, rows, wait)
        order = np.lexsort((over.first_ns, rows))
        rows, start, end = rows[order], over.first_ns[order], over.response_ns[order]
        np.add.at(table.busy_ns, rows, _not_counted(rows, start, end, table.busy_until_ns))
        np.maximum.at(table.busy_until_ns, rows, end)

    def over(self, now_ns: int) -> Connections:
        """Returns the connections that are over by then, and forgets them."""
        table = self._table
        over = (table.closed_ns < NEVER) & (table.last_ns < now_ns - QUIET_NS)
        over |= np.isin(table.number, self._replaced)
        self._replaced = self._replaced[:0]
        if (many := np.count_nonzero(~over) - MOST_OPEN) > 0:
            over[np.argsort(np.where(over, NEVER, table.last_ns))[:many]] = True
        ended = table.only(over)
        rank = self._ranks[ended.server_port]
        keys = self._keys(ended.client, ended.server, rank, ended.client_port)
        for key, number in zip(keys.tolist(), ended.number.tolist(), strict=True):
            if self._current[key] == number:
                del self._current[key]
        self._table = table.only(~over)
        return replace(ended, ended_ns=np.where(ended.closed_ns < NEVER, ended.closed_ns, ended.last_ns))

    def finish(self) -> Connections:
        """Returns the others, closed or not: there is no more to come."""
        return replace(self._table, ended_ns=self._table.closed_ns)

    def _tell(self, rows: Ints, time_ns: Ints) -> None:
        """Note what clients sent before their connections were taken: the last, and the one before."""
        table = self._table
        before = table.told_ns.copy()
        np.maximum.at(table.told_ns, rows, time_ns)
        earlier = time_ns < table.told_ns[rows]
        np.maximum.at(table.ignored_ns, rows[earlier], time_ns[earlier])
        replaced = before < table.told_ns
        np.maximum(table.ignored_ns, before, out=table.ignored_ns, where=replaced)

    @staticmethod
    def _keys(client: Ints, server: Ints, rank: Ints, client_port: Ints) -> Ints:
        """Return client and server as one number: an address' number has 20 bits, a server's port few."""
        return (client << 43) | (server << 23) | (rank << 16) | client_port

    def _numbers(self, packets: Packets, from_server: Flags) -> Ints:
        """Return the number of each segment's connection; those that begin get a row in the table."""
        client = np.where(from_server, packets.destination, packets.source)
        client_port = np.where(from_server, packets.destination_port, packets.source_port)
        server = np.where(from_server, packets.source, packets.destination)
        server_port = np.where(from_server, packets.source_port, packets.destination_port)
        key = self._keys(client, server, self._ranks[server_port], client_port)
        order, changed = grouped(key)
        key, sequence = key[order], packets.sequence[order]
        syn = ((packets.flags & (TCP_SYN | TCP_ACK) == TCP_SYN) & ~from_server)[order]
        begin, which, place = np.flatnonzero(changed), np.cumsum(changed) - 1, np.arange(len(key))
        known = np.array([self._current.get(one, _UNKNOWN) for one in key[begin].tolist()], np.int64)

        # The sequence number of the SYN before: of the same connection, if it is the same.
        latest = np.concatenate([[-1], np.maximum.accumulate(np.where(syn, place, -1))])[: len(key)]
        before = np.where(latest >= begin[which], sequence[latest], self._sequences(known)[which])
        starts = (changed & (known == _UNKNOWN)[which]) | (syn & (sequence != before))
        if (again := syn & ~starts).any():
            starts |= again & self._past_opening(packets.only(order), from_server[order], begin, which, known)

        number = np.zeros(len(key), np.int64)
        new = np.flatnonzero(starts)
        new = new[np.argsort(order[new])]
        number[new] = self._begun + np.arange(len(new))
        latest = np.maximum.accumulate(np.where(starts, place, -1)) if len(key) else place
        number = np.where(latest >= begin[which], number[latest], known[which])
        self._begun += len(new)
        self._add(
            number[new],
            [column[order[new]] for column in (client, client_port, server, server_port)],
            np.where(syn[new], sequence[new], _UNKNOWN),
        )
        last = number[np.concatenate([begin[1:], [len(key)]])[: len(begin)] - 1]
        self._current.update(zip(key[begin].tolist(), last.tolist(), strict=True))
        earlier = np.concatenate([known[known != _UNKNOWN], number[new]])
        self._replaced = np.setdiff1d(earlier, last)
        in_order = np.empty_like(number)
        in_order[order] = number
        return in_order

    def _past_opening(
        self, packets: Packets, from_server: Flags, begin: Ints, which: Ints, known: Ints
    ) -> Flags:
        """Tell for each segment whether its connection was closed, or had data from its server, before.

        A SYN then begins another one: nobody sends it again who has come so far.

        Args:
            packets: Connection by connection.
            from_server: Which are the server's.
            begin: Where each connection's begin.
            which: Whose each is.
            known: The connections' numbers so far.
        """
        place = np.arange(len(packets))
        opening = packets.flags & (TCP_SYN | TCP_ACK) == TCP_SYN
        fin, reset = packets.flags & TCP_FIN != 0, packets.flags & TCP_RST != 0
        replied = from_server & (packets.length > 0) & (packets.flags & TCP_SYN == 0)
        client_fin, server_fin, past_it, opened = (
            np.concatenate([[-1], np.maximum.accumulate(np.where(seen, place, -1))[:-1]])
            for seen in (fin & ~from_server, fin & from_server, reset | replied, opening)
        )
        since = np.maximum(begin[which], opened)
        past = (np.minimum(client_fin, server_fin) >= since) | (past_it >= since)
        was_past = np.zeros(len(known), np.bool_)
        there = np.flatnonzero(known != _UNKNOWN)
        rows = np.searchsorted(self._table.number, known[there])
        was_past[there] = np.minimum(self._table.closed_ns[rows], self._table.replied_ns[rows]) < NEVER
        past_before: Flags = past | (was_past[which] & (opened < begin[which]))
        return past_before

    def _sequences(self, number: Ints) -> Ints:
        """Return the clients' first sequence numbers of connections."""
        found = np.full(len(number), _UNKNOWN)
        known = number != _UNKNOWN
        found[known] = self._table.sequence[np.searchsorted(self._table.number, number[known])]
        return found

    def _add(self, number: Ints, ends: list[Ints], sequence: Ints) -> None:
        """Give connections rows in the table."""
        never, nothing = np.full(len(number), NEVER), np.zeros(len(number), np.int64)
        columns = dict.fromkeys(Connections.columns(), nothing)
        columns |= {name: never for name in columns if name.endswith("_ns")}
        columns |= dict.fromkeys(
            ("last_ns", "told_ns", "ignored_ns", "busy_ns", "busy_until_ns", "longest_ns"),
            nothing,
        )
        columns |= {"number": number, "sequence": sequence}
        columns |= dict(zip(("client", "client_port", "server", "server_port"), ends, strict=True))
        self._table = Connections.joined([self._table, Connections(**columns)])


def _not_counted(rows: Ints, start: Ints, end: Ints, until: Ints) -> Ints:
    """Return how much of each time adds to the union of those of its row, of which some is counted.

    Args:
        rows: In order.
        start: Of the times, in order within a row.
        end: Of the times.
        until: Up to when the times of each row have been counted.
    """
    if not len(rows):
        return rows
    # The latest end so far within the row: ends by their rank, as these and the row fit into one number.
    by_end = np.argsort(end, kind="stable")
    rank = np.empty_like(by_end)
    rank[by_end] = np.arange(len(end))
    latest = end[by_end[np.maximum.accumulate(rows * len(end) + rank) % len(end)]]
    first = np.concatenate([[True], rows[1:] != rows[:-1]])
    covered = np.where(first, until[rows], np.maximum(np.concatenate([[0], latest[:-1]]), until[rows]))
    return np.maximum(end - np.maximum(start, covered), 0)
