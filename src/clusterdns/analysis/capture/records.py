"""What capture files hold, whatever their format: packets, many at a time."""

import io
from dataclasses import dataclass
from typing import BinaryIO

from clusterdns.analysis.arrays import Ints

LINKTYPE_ETHERNET = 1
LINKTYPE_RAW = 101
LINKTYPE_LINUX_SLL = 113
LINKTYPE_LINUX_SLL2 = 276

CHUNK = 2 << 20  # octets that are read at a time: few enough packets for the processor's cache
LARGEST = 1 << 24  # no packet is longer: what says so is not a record
SPARE = bytes(128)  # behind the octets, so that headers may be read before it is known that they are whole


class PcapError(ValueError):
    """The file is no capture file, or is damaged, or ends in the middle of a packet."""


@dataclass(frozen=True, slots=True)
class Records:
    """Captured packets that follow each other in a file, by column.

    Attributes:
        data: Octets in which they lie, and at least as many as `SPARE` behind the last.
        frame: The first one's number in the file, counted from 1.
        time_ns: When each was captured, in nanoseconds since 1970.
        linktype: What each begins with: a LINKTYPE_ number.
        at: Where in `data` each begins.
        captured: How many octets of each are there.
        length: How many there were on the wire.
        drops: Packets that the file says were lost so far.
        interface: Which of the file's interfaces each was captured on.
        interfaces: How many of these there are so far.
    """

    data: bytes
    frame: int
    time_ns: Ints
    linktype: Ints
    at: Ints
    captured: Ints
    length: Ints
    drops: int
    interface: Ints
    interfaces: int

    def __len__(self) -> int:
        """Return the number of packets, not of columns."""
        return len(self.at)


class Window:
    """A file's octets, a piece at a time, behind what was left of the piece before.

    Attributes:
        data: The octets, and `SPARE` behind them.
        at: Where in the file they begin.
    """

    def __init__(self, file: BinaryIO, at: int, chunk: int, data: bytes = b"") -> None:
        """Begin to read where the file stands; `data` is what was read already, from octet `at` on."""
        self.data = data + SPARE
        self.at = at
        self._file = file
        self._chunk = chunk

    def __len__(self) -> int:
        """Return the number of octets without the spare ones."""
        return len(self.data) - len(SPARE)

    def more(self) -> bool:
        """Read on; tell whether there was more.

        Raises:
            CompressionError: The file is damaged; what lies before the damage was read.
        """
        piece = (
            self._file.read1(self._chunk)
            if isinstance(self._file, io.BufferedReader)
            else self._file.read(self._chunk)
        )
        self.data = b"".join((memoryview(self.data)[: len(self)], piece, SPARE))
        return bool(piece)

    def drop(self, used: int) -> None:
        """Leave the first octets behind."""
        self.data = self.data[used:]
        self.at += used
