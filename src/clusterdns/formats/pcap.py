"""pcap files, as written by tcpdump and by the probe's capture.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LINKTYPE_ETHERNET = 1
LINKTYPE_RAW = 101
LINKTYPE_LINUX_SLL = 113
LINKTYPE_LINUX_SLL2 = 276

_MAGIC = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # -> nanoseconds per unit of the time's fraction
_PCAPNG = 0x0A0D0D0A
_HEADER = 24
_RECORD = 16
_LARGEST = 1 << 24  # no packet is longer: what says so is not a record


class PcapError(ValueError):
    """The file is no pcap file, or ends in the middle of one."""


class Record(NamedTuple):
    """A captured packet.

    Attributes:
        time_ns: When, in nanoseconds since 1970.
        linktype: What `data` begins with: a LINKTYPE_ number.
        data: The packet as far as it was captured.
    """

    time_ns: int
    linktype: int
    data: bytes


def read(file: BinaryIO) -> Iterator[Record]:
    """Reads a pcap file record by record, in constant memory.

    Args:
        file: Open for reading, at its beginning; either byte order, micro- or nanoseconds.

    Yields:
        The records in the order of the file.

    Raises:
        PcapError: Another format, or the file ends within its header or a record.
    """
    header = file.read(_HEADER)
    order, unit = _byte_order(header)
    if len(header) < _HEADER:
        raise PcapError("the pcap file ends within its header")
    # The upper bits of the link type's field tell about frame check sequences.
    linktype = struct.unpack(f"{order}I", header[20:])[0] & 0xFFFF
    record = struct.Struct(f"{order}IIII")
    while head := file.read(_RECORD):
        if len(head) < _RECORD:
            raise PcapError("the pcap file ends within a record: the capture was cut off")
        seconds, fraction, captured, _ = record.unpack(head)
        if captured > _LARGEST:
            raise PcapError(f"the pcap file is damaged: a packet of {captured} bytes")
        data = file.read(captured)
        if len(data) < captured:
            raise PcapError("the pcap file ends within a packet: the capture was cut off")
        yield Record(seconds * 1_000_000_000 + fraction * unit, linktype, data)


def _byte_order(header: bytes) -> tuple[str, int]:
    for order in "<>":
        magic = struct.unpack(f"{order}I", header[:4].ljust(4, b"\0"))[0]
        if magic in _MAGIC:
            return order, _MAGIC[magic]
    if magic == _PCAPNG:
        raise PcapError("this is a pcapng file: convert it with `editcap -F pcap`")
    raise PcapError("this is no pcap file: it does not begin with the magic number")
