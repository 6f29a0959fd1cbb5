"""Capture files as written by tcpdump, Wireshark and the probe's capture: pcap, and by its own module pcapng.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from clusterdns.analysis.arrays import Ints, numbers
from clusterdns.analysis.capture import pcapng
from clusterdns.analysis.capture.records import CHUNK, LARGEST, PcapError, Records, Window

_MAGIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # -> nanoseconds per unit of the time's fraction
_HEADER = 24
_RECORD = 16
_SECOND = 1_000_000_000
_MOST = 1 << 16  # records at a time: there may be very many that are empty


def read(file: BinaryIO, *, chunk: int = CHUNK) -> Iterator[Records]:
    """Reads a capture file piece by piece, in constant memory.

    Args:
        file: Open for reading, at its beginning: pcap of either byte order, micro- or nanoseconds, or pcapng.
        chunk: How many octets to read at a time.

    Yields:
        The records in the order of the file.

    Raises:
        PcapError: Another format, or the file is damaged; what lies before the damage was yielded.
    """
    magic = file.read(4)
    if not magic:
        raise PcapError("the file is empty")
    if magic == pcapng.MAGIC:
        yield from pcapng.read(file, chunk=chunk)
        return
    order, unit = _byte_order(magic)
    header = file.read(_HEADER - len(magic))
    if len(header) < _HEADER - len(magic):
        raise PcapError("the pcap file ends within its header")
    # The upper bits of the link type's field tell about frame check sequences.
    linktype = struct.unpack(f"{order}I", header[-4:])[0] & 0xFFFF
    frame = 1
    window = Window(file, _HEADER, chunk)
    while window.more():
        starts, end = _starts(window.data, len(window), order)
        for some in range(0, len(starts), _MOST):
            which = np.array(starts[some : some + _MOST])
            yield _records(window.data, which, order, unit, linktype, frame + some)
        frame += len(starts)
        window.drop(end)
        if len(window) >= _RECORD and _length(window.data, order) > LARGEST:
            raise PcapError(f"the pcap file is damaged at octet {window.at}, after {frame - 1} packets")
    if len(window):
        raise PcapError(f"the pcap file ends within packet {frame}: the capture was cut off")


def _byte_order(magic: bytes) -> tuple[str, int]:
    for order in "<>":
        number = int.from_bytes(magic, "little" if order == "<" else "big")
        if number in _MAGIC:
            return order, _MAGIC[number]
    raise PcapError("this is no capture file: it begins with the magic number of neither pcap nor pcapng")


def _starts(data: bytes, size: int, order: str) -> tuple[list[int], int]:
    """Find where the whole records begin, and where the last of them ends."""
    starts, at, last = [], 0, size - _RECORD
    length = struct.Struct(f"{order}I").unpack_from
    while at <= last:
        after = at + _RECORD + length(data, at + 8)[0]
        if after > last + _RECORD:
            break
        starts.append(at)
        at = after
    return starts, at


def _length(data: bytes, order: str) -> int:
    """Return how long the first record says to be."""
    return int(struct.unpack_from(f"{order}I", data, 8)[0])


def _records(  # noqa: PLR0913, PLR0917 - what a file's header tells
    data: bytes, starts: Ints, order: str, unit: int, linktype: int, frame: int
) -> Records:
    seconds, fraction, captured, length = (numbers(data, f"{order}u4", starts + at) for at in (0, 4, 8, 12))
    return Records(
        data=data,
        frame=frame,
        time_ns=seconds * _SECOND + fraction * unit,
        linktype=np.full(len(starts), linktype),
        at=starts + _RECORD,
        captured=captured,
        length=length,
        drops=0,
        interface=np.zeros(len(starts), np.int64),
        interfaces=1,
    )
