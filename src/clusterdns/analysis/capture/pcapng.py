"""pcapng files: sections of blocks.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

import numpy as np

from clusterdns.analysis.arrays import Ints, numbers
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
        packets = blocks.scan(window.data, len(window))
        if packets:
            records = replace(blocks.records(window.data, np.array(packets)), frame=frame)
            if len(records):
                yield records
            frame += len(records)
        window.drop(blocks.end)
        if blocks.damage:
            raise PcapError(f"the pcapng file is damaged after {frame - 1} packets: {blocks.damage}")
    if len(window):
        raise PcapError(f"the pcapng file ends within a block, after {frame - 1} packets: it was cut off")


_Packet = tuple[int, int, int, bool]
"""Where a packet's block begins, the numbers of its section's first interface and of the first behind its
last one so far, and whether the section is big-endian."""


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
        self._interfaces: list[_Interface] = []  # of all sections
        self._first = 0  # of this section
        self._drops: dict[int, int] = {}
        self._past_drops = 0

    def scan(self, data: bytes, size: int) -> list[_Packet]:
        """Find the packets' blocks up to the end of the data, or the damage."""
        self._forget()
        packets: list[_Packet] = []
        at = 0
        head = struct.Struct(f"{self._order}II").unpack_from
        while at + _SMALLEST <= size:
            kind, length = head(data, at)
            if kind == _SECTION:
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
                packets.append((at, self._first, len(self._interfaces), self._order == ">"))
            elif not self._take(kind, data[at + 8 : at + length - 4]):
                break
            at += length
        self.end = at
        return packets

    def records(self, data: bytes, packets: Ints) -> Records:
        """Take packets' blocks apart; those from the first damaged one on are left out."""
        starts, first, after, big = packets.T
        lengths, interface, high, low, captured, length = (
            np.where(big == 1, numbers(data, ">u4", starts + at), numbers(data, "<u4", starts + at))
            for at in (4, 8, 12, 16, 20, 24)
        )
        wrong = np.flatnonzero((first + interface >= after) | (captured + _HEAD + 4 > lengths))
        if len(wrong):
            self.damage = "a packet without an interface, or longer than its block"
        good = slice(wrong[0] if len(wrong) else None)
        number, ticks = (first + interface)[good], ((high << 32) + low)[good]
        time_ns, linktype = np.zeros_like(ticks), np.zeros_like(ticks)
        kinds, which = np.unique(number, return_inverse=True)
        described = [self._interfaces[index] for index in kinds.tolist()]
        linktype = np.array([interface.linktype for interface in described], np.int64)[which]
        for clock in {(interface.ticks, interface.offset_s) for interface in described}:
            same = [(interface.ticks, interface.offset_s) == clock for interface in described]
            its = np.array(same)[which]
            seconds, fraction = np.divmod(ticks[its], clock[0])
            time_ns[its] = (seconds + clock[1]) * _SECOND + _nanoseconds(fraction, clock[0])
        return Records(
            data=data,
            frame=1,
            time_ns=time_ns,
            linktype=linktype,
            at=starts[good] + _HEAD,
            captured=captured[good],
            length=length[good],
            drops=self._past_drops + sum(self._drops.values()),
            interface=number,
            interfaces=len(self._interfaces) - self._first,
        )

    def _forget(self) -> None:
        """Forget the interfaces of earlier sections: there may be very many."""
        past = self._first
        self._past_drops += sum(lost for index, lost in self._drops.items() if index < past)
        self._drops = {index - past: lost for index, lost in self._drops.items() if index >= past}
        del self._interfaces[:past]
        self._first = 0

    def _begin_section(self, data: bytes, at: int) -> bool:
        """Learn a section's byte order and forget the last one's interfaces."""
        orders = {_BYTE_ORDER.to_bytes(4, "little"): "<", _BYTE_ORDER.to_bytes(4, "big"): ">"}
        order = orders.get(data[at + 8 : at + 12])
        if order is None:
            self.damage = "a section without a byte order"
            return False
        self._order = order
        self._first = len(self._interfaces)
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
                self._drops[self._first + index] = sum(
                    struct.unpack(f"{self._order}Q", value)[0] for value in lost
                )
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
