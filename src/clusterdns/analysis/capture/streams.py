"""DNS messages out of TCP segments: whole ones many at a time, the others one by one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress
from typing import NamedTuple

import numpy as np

from clusterdns.analysis.arrays import Flags, Ints, grouped, numbers
from clusterdns.analysis.capture.messages import Payloads
from clusterdns.analysis.capture.packets import TCP_FIN, TCP_SYN, Packets
from clusterdns.analysis.capture.reassembly import SEQUENCES, Stream, WholeMessage
from clusterdns.analysis.capture.records import SPARE

_PREFIX = 2  # octets of a message's length (RFC 1035, 4.2.2)
_UNKNOWN = -1
_MOST_HELD = 1 << 25  # octets of all streams that wait for others; then those with the most are given up
_MOST_GAPS = 1 << 18  # connections of which gaps are remembered


class Streams:
    """Puts the segments of connections in order, each direction on its own: a stream.

    A stream that was open before the capture is followed from the first message that is found in it.

    Attributes:
        gaps: How often a part of a stream is missing: of those from clients, and of those from servers.
        gap_ns: Connection -> when the latest gap in what its server sent was over.
    """

    def __init__(self) -> None:
        self.gaps = [0, 0]
        self.gap_ns: dict[int, int] = {}
        self._expected: dict[int, int] = {}  # stream -> its next sequence number
        self._disordered: dict[int, Stream] = {}  # those that wait for something

    def take(self, data: bytes, packets: Packets, connection: Ints, stream: Ints) -> tuple[bytes, Payloads]:
        """Takes segments and returns the messages that they complete.

        Args:
            data: Where they lie, with spare octets behind them.
            packets: The segments, in the order of the capture.
            connection: The number of each one's connection.
            stream: That of its stream: twice its connection's, and one more from the server.

        Returns:
            Data, and the messages that lie in it, in the order in which they are complete.
        """
        syn = packets.flags & TCP_SYN != 0
        # A SYN takes a number of its own, before that of data that may come with it (RFC 7413).
        sequence = (packets.sequence + syn) % SEQUENCES
        packets = replace(packets, sequence=sequence)
        for key, begin in zip(stream[syn].tolist(), sequence[syn].tolist(), strict=True):
            self._expected.setdefault(key, begin)
        carrying = np.flatnonzero(packets.length > 0)
        by_stream, first = grouped(stream[carrying])
        order = carrying[by_stream]
        whole = self._whole(data, packets, stream, order, first)
        payloads = _payloads(packets, connection, np.sort(order[whole]))
        pieced = list(self._pieced(data, packets, stream, order[~whole]))
        self._close(packets, stream)
        if not pieced:
            return data, payloads
        wires = [piece.message.wire for piece in pieced]
        size = np.array([len(wire) for wire in wires])
        at = len(data) - len(SPARE) + np.cumsum(size) - size
        others = replace(
            _payloads(packets, connection, np.array([piece.segment for piece in pieced])),
            first_ns=np.array([piece.message.first_ns for piece in pieced]),
            at=at,
            captured=size,
            length=np.array([piece.message.length for piece in pieced]),
        )
        data = b"".join([data[: len(data) - len(SPARE)], *wires, SPARE])
        payloads = Payloads.joined([payloads, others])
        return data, payloads.only(np.argsort(payloads.frame, kind="stable"))

    def forget(self, connections: Ints) -> None:
        """Takes note that connections are over."""
        for key in [stream for number in connections.tolist() for stream in (2 * number, 2 * number + 1)]:
            self._expected.pop(key, None)
            if ended := self._disordered.pop(key, None):
                self._count(key, ended)

    def finish(self) -> None:
        """Takes note that there is no more to come."""
        for key, ended in self._disordered.items():
            self._count(key, ended)
        self._disordered.clear()

    def _whole(self, data: bytes, packets: Packets, stream: Ints, order: Ints, first: Flags) -> Flags:
        """Tell which segments are of a stream of which every segment is in order, and one whole message.

        Segments come stream by stream; `first` tells where one begins.
        """
        if not len(order):
            return first
        begin = np.flatnonzero(first)
        keys = stream[order[begin]].tolist()
        sequence, length = packets.sequence[order], packets.length[order]
        after = (sequence + length) % SEQUENCES
        expected = np.concatenate([[_UNKNOWN], after[:-1]])
        expected[begin] = [self._expected.get(key, _UNKNOWN) for key in keys]
        in_order = (sequence == expected) | (expected == _UNKNOWN)
        size = numbers(data, ">u2", packets.at[order]) + _PREFIX
        good = in_order & (packets.captured[order] > _PREFIX) & (size == length)
        streams_good = np.logical_and.reduceat(good, begin)
        streams_good &= [key not in self._disordered for key in keys]
        last = after[np.concatenate([begin[1:], [len(order)]]) - 1].tolist()
        self._expected.update(compress(zip(keys, last, strict=True), streams_good.tolist()))
        all_good: Flags = streams_good[np.cumsum(first) - 1]
        return all_good

    def _pieced(self, data: bytes, packets: Packets, stream: Ints, order: Ints) -> Iterator["_Pieced"]:
        """Yield the messages of the other streams."""
        if not len(order):
            return
        segments = packets.only(order)
        columns = (segments.sequence, segments.at, segments.captured, segments.length, segments.time_ns)
        rows = zip(
            order.tolist(), stream[order].tolist(), *(column.tolist() for column in columns), strict=True
        )
        for index, key, sequence, at, captured, length, time_ns in rows:
            disordered = self._disordered.get(key)
            if disordered is None:
                expected = self._expected.get(key)
                disordered = Stream(expected, sequence, time_ns, response=key & 1 == 1)
                self._disordered[key] = disordered
            for message in disordered.take(sequence, data[at : at + captured], length, time_ns):
                yield _Pieced(index, message)
            if disordered.lost:
                self._remember(key, disordered)
            if disordered.is_even:
                self._expected[key] = disordered.expected
                del self._disordered[key]
        self._keep_small()

    def _close(self, packets: Packets, stream: Ints) -> None:
        """Find what is missing at the ends of streams."""
        fin = np.flatnonzero(packets.flags & TCP_FIN != 0)
        after = (packets.sequence[fin] + packets.length[fin]) % SEQUENCES
        rows = zip(stream[fin].tolist(), after.tolist(), packets.time_ns[fin].tolist(), strict=True)
        for key, end, time_ns in rows:
            expected = self._expected.get(key)
            if key not in self._disordered:
                if expected is None or expected == end:
                    continue
                self._disordered[key] = Stream(expected, end, time_ns, response=key & 1 == 1)
            closed = self._disordered[key]
            closed.close(end, time_ns)
            if closed.is_even:
                del self._disordered[key]

    def _keep_small(self) -> None:
        """Give up streams that hold the most where they all hold too much."""
        held = {key: disordered.size for key, disordered in self._disordered.items()}
        total = sum(held.values())
        for key in sorted(held, key=lambda key: -held[key]):
            if total <= _MOST_HELD:
                break
            given_up = self._disordered.pop(key)
            self._count(key, given_up)
            self._expected.pop(key, None)  # it is taken up again at the next message
            self.gaps[key & 1] += 1
            total -= held[key]

    def _count(self, key: int, ended: Stream) -> None:
        ended.end()
        self._remember(key, ended)

    def _remember(self, key: int, stream: Stream) -> None:
        """Count the gaps that a stream has given up."""
        self.gaps[key & 1] += len(stream.lost)
        if key & 1 and stream.lost:
            self.gap_ns[key >> 1] = max(*stream.lost, self.gap_ns.pop(key >> 1, 0))
            if len(self.gap_ns) > _MOST_GAPS:
                del self.gap_ns[next(iter(self.gap_ns))]
        stream.lost.clear()


class _Pieced(NamedTuple):
    """A message put together, and which segment completed it."""

    segment: int
    message: WholeMessage


def _payloads(packets: Packets, connection: Ints, index: Ints) -> Payloads:
    """Return what follows the length in segments that hold a message each."""
    segments = packets.only(index)
    return Payloads(
        frame=segments.frame,
        first_ns=segments.time_ns,
        time_ns=segments.time_ns,
        source=segments.source,
        source_port=segments.source_port,
        destination=segments.destination,
        destination_port=segments.destination_port,
        tcp=segments.tcp,
        connection=connection[index],
        at=segments.at + _PREFIX,
        captured=segments.captured - _PREFIX,
        length=segments.length - _PREFIX,
    )
