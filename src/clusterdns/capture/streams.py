"""DNS messages out of TCP segments."""

from clusterdns.capture.packets import TCP_FIN, TCP_RST, TCP_SYN, Packet

_SEQUENCES = 1 << 32
_HALF = 1 << 31
_PREFIX = 2  # octets of a message's length


class Streams:
    """Puts the segments of many connections in order, each direction on its own."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, int, str, int], _Stream] = {}

    def messages(self, packet: Packet) -> list[bytes]:
        """Takes a TCP segment and returns the DNS messages that it completes (RFC 1035, 4.2.2).

        A connection that was open before the capture is followed from its first segment with data, which is
        taken to begin a message.
        """
        key = packet[1:5]
        if packet.flags & (TCP_SYN | TCP_RST):
            self._streams.pop(key, None)
        if packet.flags & TCP_SYN:
            self._streams[key] = _Stream(packet.sequence + 1)
        if not packet.payload:
            return []
        stream = self._streams.setdefault(key, _Stream(packet.sequence))
        found = stream.take(packet)
        if packet.flags & TCP_FIN:
            self._streams.pop(key, None)
        return found


class _Stream:
    """One direction of a connection."""

    def __init__(self, sequence: int) -> None:
        self._expected = sequence % _SEQUENCES
        self._early: dict[int, bytes] = {}
        self._buffer = bytearray()

    def take(self, packet: Packet) -> list[bytes]:
        self._early[packet.sequence] = packet.payload
        while (payload := self._next()) is not None:
            self._buffer += payload
            self._expected = (self._expected + len(payload)) % _SEQUENCES
        found = []
        while len(self._buffer) >= (end := _PREFIX + int.from_bytes(self._buffer[:_PREFIX], "big")):
            found.append(bytes(self._buffer[_PREFIX:end]))
            del self._buffer[:end]
        return found

    def _next(self) -> bytes | None:
        """Takes the segment that continues the stream, less what of it was seen before."""
        for sequence, payload in self._early.items():
            seen = (self._expected - sequence) % _SEQUENCES
            if seen < _HALF:
                del self._early[sequence]
                return payload[seen:]
        return None
