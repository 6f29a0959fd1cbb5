"""pcapng files: sections of blocks.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

import numpy as np

from clusterdns.analysis.capture.arrays import Ints, numbers
from clusterdns.analysis.capture.records import LARGEST, PcapError, Records, Window

MAGIC = b"\x0a\x0d\x0d\x0a"

_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_NO_TIME = {2: "obsolete packet", 3: "simple packet"}
_BYTE_ORDER = 0x1A2B3C4D
_SMALLEST = 12  # type, length, length again
_HEAD = 28  # of a packet's block, up to its data
_TSRESOL, _TSOFFSET = 9, 14  # options of an interface
_IFDROP, _OSDROP = 5, 7  # options of its statistics
_MICROSECONDS = 6
_SECOND = 1_000_000_000


class _Interface(NamedTuple):
    """What a packet was captured on.

    Attributes:
        linktype: Its LINKTYPE_ number.
        ticks: Of its clock, per second.
        offset_s: What has to be added to its times.
    """

    linktype: int
    ticks: int
    offset_s: int


def read(file: BinaryIO, *, chunk: int) -> Iterator[Records]:
    """Reads a pcapng file whose first four octets, `MAGIC`, were read already; see `pcap.read`."""
    blocks = _Blocks()
    window = Window(file, 0, chunk, MAGIC)
    frame = 1
    while window.more():
        while starts := blocks.scan(window.data, len(window)):
            records = replace(blocks.records(window.data, np.array(starts)), frame=frame)
            if len(records):
                yield records
            frame += len(records)
            window.drop(blocks.end)
            if blocks.damage:
                break
        window.drop(blocks.end)
        if blocks.damage:
            raise PcapError(f"the pcapng file is damaged after {frame - 1} packets: {blocks.damage}")
    if len(window):
        raise PcapError(f"the pcapng file ends within a block, after {frame - 1} packets: it was cut off")


class _Blocks:
    """The blocks of a file, and what those before the packets say of them.

    Attributes:
        end: Up to where the latest scan came.
        damage: What is wrong there; None as long as nothing is.
    """

    def __init__(self) -> None:
        self.end = 0
        self.damage: str | None = None
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._drops: dict[int, int] = {}
        self._past_drops = 0  # of sections before

    def scan(self, data: bytes, size: int) -> list[int]:
        """Find the packets' blocks up to the end of the data, or of the section, or the damage."""
        starts: list[int] = []
        self.end, at = 0, 0
        head = struct.Struct(f"{self._order}II").unpack_from
        while at + _SMALLEST <= size:
            kind, length = head(data, at)
            if kind == _SECTION:
                if starts:  # they are this section's
                    break
                if not self._begin_section(data, at):
                    break
                head = struct.Struct(f"{self._order}II").unpack_from
                kind, length = head(data, at)
            if length < _SMALLEST or length % 4 or length > LARGEST:
                self.damage = f"a block of {length} octets"
                break
            if at + length > size:
                break
            if kind == _PACKET:
                starts.append(at)
            elif not self._take(kind, data[at + 8 : at + length - 4]):
                break
            at += length
        self.end = at
        return starts

    def records(self, data: bytes, starts: Ints) -> Records:
        """Take packets' blocks apart; those from the first damaged one on are left out."""
        order = f"{self._order}u4"
        lengths, interface, high, low, captured, length = (
            numbers(data, order, starts + at) for at in (4, 8, 12, 16, 20, 24)
        )
        wrong = np.flatnonzero((interface >= len(self._interfaces)) | (captured + _HEAD + 4 > lengths))
        if len(wrong):
            self.damage = "a packet without an interface, or longer than its block"
        good = slice(wrong[0] if len(wrong) else None)
        interface, ticks = interface[good], ((high << 32) + low)[good]
        time_ns, linktype = np.zeros_like(ticks), np.zeros_like(ticks)
        for index in np.unique(interface):
            its, one = interface == index, self._interfaces[index]
            seconds, fraction = np.divmod(ticks[its], one.ticks)
            time_ns[its] = (seconds + one.offset_s) * _SECOND + _nanoseconds(fraction, one.ticks)
            linktype[its] = one.linktype
        drops = self._past_drops + sum(self._drops.values())
        at = starts[good] + _HEAD
        return Records(data, 1, time_ns, linktype, at, captured[good], length[good], drops)

    def _begin_section(self, data: bytes, at: int) -> bool:
        """Learn a section's byte order and forget the last one's interfaces."""
        orders = {_BYTE_ORDER.to_bytes(4, "little"): "<", _BYTE_ORDER.to_bytes(4, "big"): ">"}
        order = orders.get(data[at + 8 : at + 12])
        if order is None:
            self.damage = "a section without a byte order"
            return False
        self._order = order
        self._interfaces = []
        self._past_drops += sum(self._drops.values())
        self._drops = {}
        return True

    def _take(self, kind: int, body: bytes) -> bool:
        """Take in a block that is no packet's."""
        if kind in _NO_TIME:
            self.damage = f"a {_NO_TIME[kind]} block, which tools no longer write: convert it with editcap"
        try:
            if kind == _INTERFACE:
                self._interfaces.append(self._interface(body))
            elif kind == _STATISTICS:
                lost = [value for code, value in self._options(body, 12) if code in (_IFDROP, _OSDROP)]
                index = struct.unpack_from(f"{self._order}I", body)[0]
                self._drops[index] = sum(struct.unpack(f"{self._order}Q", value)[0] for value in lost)
        except struct.error:
            self.damage = "a block that is shorter than what it holds"
        return self.damage is None

    def _interface(self, body: bytes) -> _Interface:
        linktype = struct.unpack_from(f"{self._order}H6x", body)[0]
        ticks, offset = 10**_MICROSECONDS, 0
        for code, value in self._options(body, 8):
            if code == _TSRESOL:
                (resolution,) = struct.unpack("B", value)
                ticks = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
                if ticks >= 1 << 63:
                    self.damage = f"an interface with {ticks} ticks per second"
                    ticks = _SECOND
            elif code == _TSOFFSET:
                (offset,) = struct.unpack(f"{self._order}q", value)
        return _Interface(linktype, ticks, offset)

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= len(body):
            code, size = struct.unpack_from(f"{self._order}HH", body, at)
            yield code, body[at + 4 : at + 4 + size]
            at += 4 + (size + 3) // 4 * 4


def _nanoseconds(fraction: Ints, ticks: int) -> Ints:
    """Return fractions of a second in nanoseconds."""
    if ticks > _SECOND:  # finer than that: in floating point, as the product may not fit
        return (fraction / ticks * _SECOND).astype(np.int64)
    return fraction * _SECOND // ticks
