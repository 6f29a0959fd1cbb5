"""DNS messages out of TCP segments: whole ones many at a time, the others one by one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import compress
from typing import NamedTuple

import numpy as np

from clusterdns.analysis.capture.arrays import Flags, Ints, grouped, numbers
from clusterdns.analysis.capture.messages import Payloads
from clusterdns.analysis.capture.packets import TCP_SYN, Packets
from clusterdns.analysis.capture.records import SPARE

_SEQUENCES = 1 << 32
_HALF = 1 << 31
_PREFIX = 2  # octets of a message's length (RFC 1035, 4.2.2)
_EARLY = 64  # segments of a stream that wait for an earlier one; then that one is lost
_UNKNOWN = -1


class Streams:
    """Puts the segments of connections in order, each direction on its own: a stream.

    A stream that was open before the capture is followed from its first segment with data, which is taken to
    begin a message.

    Attributes:
        gaps: How often a part of a stream is missing, and with it a message.
    """

    def __init__(self) -> None:
        self.gaps = 0
        self._expected: dict[int, int] = {}  # stream -> its next sequence number
        self._disordered: dict[int, _Stream] = {}  # those that wait for something

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
        for key, sequence in zip(stream[syn].tolist(), packets.sequence[syn].tolist(), strict=True):
            self._expected.setdefault(key, (sequence + 1) % _SEQUENCES)
        carrying = np.flatnonzero((packets.length > 0) & ~syn)
        by_stream, first = grouped(stream[carrying])
        order = carrying[by_stream]
        whole = self._whole(data, packets, stream, order, first)
        payloads = _payloads(packets, connection, np.sort(order[whole]))
        pieced = list(self._pieced(data, packets, stream, order[~whole]))
        if not pieced:
            return data, payloads
        wires = [one.wire for one in pieced]
        size = np.array([len(wire) for wire in wires])
        at = len(data) - len(SPARE) + np.cumsum(size) - size
        others = replace(
            _payloads(packets, connection, np.array([one.segment for one in pieced])),
            first_ns=np.array([one.first_ns for one in pieced]),
            at=at,
            captured=size,
            length=size,
        )
        data = b"".join([data[: len(data) - len(SPARE)], *wires, SPARE])
        payloads = Payloads.joined([payloads, others])
        return data, payloads.only(np.argsort(payloads.frame, kind="stable"))

    def forget(self, connections: Ints) -> None:
        """Takes note that connections are over."""
        for key in [stream for number in connections.tolist() for stream in (2 * number, 2 * number + 1)]:
            self._expected.pop(key, None)
            if self._disordered.pop(key, None):
                self.gaps += 1

    def _whole(self, data: bytes, packets: Packets, stream: Ints, order: Ints, first: Flags) -> Flags:
        """Tell which segments are of a stream of which every segment is in order, and one whole message.

        Segments come stream by stream; `first` tells where one begins.
        """
        if not len(order):
            return first
        begin = np.flatnonzero(first)
        keys = stream[order[begin]].tolist()
        sequence, length = packets.sequence[order], packets.length[order]
        after = (sequence + length) % _SEQUENCES
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
        for index in order.tolist():
            key = int(stream[index])
            sequence = int(packets.sequence[index])
            one = self._disordered.get(key)
            if one is None:
                one = self._disordered[key] = _Stream(self._expected.get(key, sequence))
            at, captured = int(packets.at[index]), int(packets.captured[index])
            before = one.gaps
            if captured < packets.length[index]:
                one.lose((sequence + int(packets.length[index])) % _SEQUENCES)
            else:
                payload = data[at : at + captured]
                for wire, first_ns in one.take(sequence, payload, int(packets.time_ns[index])):
                    yield _Pieced(index, wire, first_ns)
            self.gaps += one.gaps - before
            if one.is_even:
                self._expected[key] = one.expected
                del self._disordered[key]


class _Pieced(NamedTuple):
    """A message put together: which segment completed it, and when its first one came."""

    segment: int
    wire: bytes
    first_ns: int


class _Stream:
    """A stream that waits for something: an earlier segment, or the rest of a message.

    Attributes:
        expected: Its next sequence number.
        gaps: How often it gave up waiting.
    """

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.gaps = 0
        self._early: dict[int, tuple[bytes, int]] = {}
        self._buffer = bytearray()
        self._first_ns = 0

    @property
    def is_even(self) -> bool:
        """Whether it waits for nothing."""
        return not self._buffer and not self._early

    def take(self, sequence: int, payload: bytes, time_ns: int) -> Iterator[tuple[bytes, int]]:
        """Take a segment; yield the messages that it completes, and when their first octets came."""
        self._early[sequence] = payload, time_ns
        if len(self._early) > _EARLY:
            self.lose(min(self._early, key=lambda early: (early - self.expected) % _SEQUENCES))
        while (segment := self._next()) is not None:
            payload, time_ns = segment
            if not self._buffer:
                self._first_ns = time_ns
            self._buffer += payload
            self.expected = (self.expected + len(payload)) % _SEQUENCES
            while len(self._buffer) >= (end := _PREFIX + int.from_bytes(self._buffer[:_PREFIX], "big")):
                yield bytes(self._buffer[_PREFIX:end]), self._first_ns
                del self._buffer[:end]
                self._first_ns = time_ns

    def lose(self, expected: int) -> None:
        """Go on behind what is missing, where a message is taken to begin."""
        self.gaps += 1
        self._buffer.clear()
        self.expected = expected

    def _next(self) -> tuple[bytes, int] | None:
        """Take the segment that continues the stream, less what of it was seen before."""
        for sequence, (payload, time_ns) in self._early.items():
            seen = (self.expected - sequence) % _SEQUENCES
            if seen < _HALF:
                del self._early[sequence]
                return payload[seen:], time_ns
        return None


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
