"""One direction of a TCP connection, segment by segment: messages out of what is there, whatever is missing.

What is there of a stream lies in stretches with gaps between them. Behind a gap a stretch is taken up at the
first place where a message plausibly begins, at once; what lies before that place is kept for the gap, which
a late segment may still fill.
"""

from collections.abc import Iterator
from typing import NamedTuple

SEQUENCES = 1 << 32
_HALF = 1 << 31
_PREFIX = 2  # octets of a message's length (RFC 1035, 4.2.2)
_HEADER = 12
_RESPONSE, _OPCODE, _RESERVED = 0x8000, 0x7800, 0x0040
_LONGEST_LABEL, _LONGEST_NAME = 63, 255
_CLASSES = frozenset({1, 3, 4, 254, 255})  # IN, CH, HS, NONE, ANY
_SMALLEST_RECORD = 11
_ONE_QUESTION = b"\0\1"
_MOST_UNREAD = 1 << 16  # octets without the beginning of a message; then only the end of them is kept
_KEPT_UNREAD = 512
_MOST_STRETCHES = 16
_PATIENCE_NS = 10_000_000_000  # a segment that is so late was lost


class WholeMessage(NamedTuple):
    """A message put together.

    Attributes:
        wire: As much of it as was captured.
        length: How long it is.
        first_ns: When its first segment came.
    """

    wire: bytes
    length: int
    first_ns: int


class _Stretch:
    """A part of a stream without gaps.

    Attributes:
        begin, end: Sequence numbers of its first octet, and of the one behind its last.
        synchronised: Whether a message is known to begin at the buffer's first octet.
        skipped: What lies before the first message: the end of one that began in the gap.
        buffer: What is no whole message yet.
        first_ns: When the buffer's first octet came.
        since_ns: When its first segment came.
    """

    __slots__ = ("begin", "buffer", "end", "first_ns", "since_ns", "skipped", "synchronised")

    def __init__(self, begin: int, *, synchronised: bool, since_ns: int) -> None:
        self.begin = self.end = begin
        self.synchronised = synchronised
        self.skipped = b""
        self.buffer = bytearray()
        self.first_ns = self.since_ns = since_ns

    @property
    def raw(self) -> bytes:
        """What it hands to the stretch before it when the gap is filled."""
        return self.skipped if self.synchronised else bytes(self.buffer)

    def append(self, payload: bytes, time_ns: int, *, response: bool) -> Iterator[WholeMessage]:
        if not self.buffer:
            self.first_ns = time_ns
        self.buffer += payload
        self.end = (self.end + len(payload)) % SEQUENCES
        if not self.synchronised:
            at = beginning(bytes(self.buffer), response=response)
            if at is None:
                if len(self.buffer) > _MOST_UNREAD:
                    del self.buffer[:-_KEPT_UNREAD]
                    self.begin = (self.end - len(self.buffer)) % SEQUENCES
                return
            self.skipped, self.synchronised = bytes(self.buffer[:at]), True
            if at:
                self.first_ns = time_ns
            del self.buffer[:at]
        at = 0
        while len(self.buffer) >= (
            end := at + _PREFIX + int.from_bytes(self.buffer[at : at + _PREFIX], "big")
        ):
            yield WholeMessage(bytes(self.buffer[at + _PREFIX : end]), end - at - _PREFIX, self.first_ns)
            self.first_ns, at = time_ns, end
        del self.buffer[:at]


class Stream:
    """One direction of a connection.

    Attributes:
        lost: When what lies behind each gap came that is given up, since `lost` was last emptied.
    """

    def __init__(self, expected: int | None, first: int, time_ns: int, *, response: bool) -> None:
        """Know of nothing yet.

        Args:
            expected: Where the next message begins; None where that is not known.
            first: The sequence number of the first segment.
            time_ns: When that came.
            response: Whether it is the server's direction.
        """
        begin = first if expected is None else expected
        self.lost: list[int] = []
        self._response = response
        self._stretches = [_Stretch(begin, synchronised=expected is not None, since_ns=time_ns)]

    @property
    def expected(self) -> int:
        """Its next sequence number."""
        return self._stretches[-1].end

    @property
    def is_even(self) -> bool:
        """Whether it waits for nothing."""
        last = self._stretches[-1]
        return len(self._stretches) == 1 and last.synchronised and not last.buffer

    @property
    def size(self) -> int:
        """How many octets it holds."""
        return sum(len(stretch.buffer) + len(stretch.skipped) for stretch in self._stretches)

    def take(self, sequence: int, payload: bytes, length: int, time_ns: int) -> Iterator[WholeMessage]:
        """Take a segment; yield the messages that it completes.

        Args:
            sequence: Of its first octet.
            payload: As much of it as was captured.
            length: How long it is.
            time_ns: When it came.
        """
        self._give_up(time_ns)
        last = self._stretches[-1]
        cut = len(payload) < length
        if cut and _ahead(sequence, last.end) >= 0 and _is_one_message(payload, length):
            # It is one message, of which the capture cut off the end.
            if last.end == sequence and not last.buffer:
                last.synchronised = True
            else:
                last = _Stretch(sequence, synchronised=True, since_ns=time_ns)
                self._stretches.append(last)
            last.end = (sequence + length) % SEQUENCES
            yield WholeMessage(payload[_PREFIX:], length - _PREFIX, time_ns)
            return
        index = 0
        while payload and index < len(self._stretches):
            stretch = self._stretches[index]
            seen = _ahead(stretch.end, sequence)
            if seen > 0:  # what this stretch has already
                inside = _ahead(sequence, stretch.begin) >= 0
                if inside or index == 0:
                    payload, sequence = payload[seen:], (sequence + min(seen, len(payload))) % SEQUENCES
                    continue
            after = self._stretches[index + 1] if index + 1 < len(self._stretches) else None
            room = len(payload) if after is None else _ahead(after.begin, sequence)
            if room <= 0:
                index += 1
                continue
            part, rest = payload[:room], payload[room:]
            if sequence != stretch.end:
                stretch = _Stretch(sequence, synchronised=False, since_ns=time_ns)
                index += 1
                self._stretches.insert(index, stretch)
            yield from stretch.append(part, time_ns, response=self._response)
            payload, sequence = rest, (sequence + len(part)) % SEQUENCES
            if after is not None and stretch.end == after.begin:
                yield from self._joined(index, time_ns)

    def close(self, sequence: int, time_ns: int) -> None:
        """Take note that its last octet is the one before this: what is missing before it is a gap."""
        if _ahead(sequence, self.expected) > 0:
            self._stretches.append(_Stretch(sequence, synchronised=True, since_ns=time_ns))

    def end(self) -> None:
        """Give up all gaps."""
        self.lost += [stretch.since_ns for stretch in self._stretches[1:]]
        del self._stretches[:-1]

    def _joined(self, index: int, time_ns: int) -> Iterator[WholeMessage]:
        """Put a stretch and the next one together: the gap between them was filled."""
        stretch, after = self._stretches[index], self._stretches[index + 1]
        yield from stretch.append(after.raw, time_ns, response=self._response)
        if after.synchronised:
            after.skipped, after.begin = stretch.raw, stretch.begin
            del self._stretches[index]
        else:
            del self._stretches[index + 1]

    def _give_up(self, now_ns: int) -> None:
        """Give up gaps that are old, or too many."""
        while len(self._stretches) > 1 and (
            len(self._stretches) > _MOST_STRETCHES or now_ns - self._stretches[1].since_ns > _PATIENCE_NS
        ):
            self.lost.append(self._stretches[1].since_ns)
            del self._stretches[0]


def beginning(data: bytes, *, response: bool) -> int | None:
    """Find where the first message begins in a part of a stream; None without one.

    Args:
        data: The part, from anywhere.
        response: Whether it is of a server's.
    """
    if response and _is_bare(data):
        return 0
    at = data.find(_ONE_QUESTION, _PREFIX + 4)
    while at >= 0:
        start = at - _PREFIX - 4
        if _begins(data, start, response=response):
            return start
        at = data.find(_ONE_QUESTION, at + 1)
    return None


def _begins(data: bytes, at: int, *, response: bool) -> bool:
    """Tell whether a message with one question plausibly begins here."""
    if len(data) < at + _PREFIX + _HEADER:
        return False
    size, _, flags, _, answers, authorities, additional = (
        int.from_bytes(data[at + 2 * field : at + 2 * field + 2], "big") for field in range(7)
    )
    if bool(flags & _RESPONSE) is not response or flags & (_OPCODE | _RESERVED):
        return False
    records = authorities + additional + answers
    if (not response and (answers or flags & 0x0F)) or records * _SMALLEST_RECORD > size:
        return False
    place, end = at + _PREFIX + _HEADER, min(len(data), at + _PREFIX + size)
    limit = place + _LONGEST_NAME
    while place < end and data[place]:
        if data[place] > _LONGEST_LABEL or place > limit:
            return False
        place += 1 + data[place]
    return place + 5 <= end and int.from_bytes(data[place + 3 : place + 5], "big") in _CLASSES


def _is_bare(data: bytes) -> bool:
    """Tell whether this is a response that is nothing but its header, as some that tell errors are."""
    return len(data) == _PREFIX + _HEADER and data[:2] == b"\0\x0c" and data[4] & 0x80 != 0


def _is_one_message(payload: bytes, length: int) -> bool:
    return len(payload) > _PREFIX and int.from_bytes(payload[:_PREFIX], "big") + _PREFIX == length


def _ahead(sequence: int, other: int) -> int:
    """Return by how much a sequence number is ahead of another one; negative where it is behind."""
    distance = (sequence - other) % SEQUENCES
    return distance if distance < _HALF else distance - SEQUENCES
