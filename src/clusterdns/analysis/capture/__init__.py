"""Captures, from packets to DNS queries, TCP connections and what they tell: pure."""

from collections.abc import Sequence
from typing import BinaryIO

from clusterdns.analysis.capture.decoder import PORTS, Decoder
from clusterdns.analysis.capture.load_names import read_names
from clusterdns.analysis.capture.pcap import read
from clusterdns.analysis.capture.queries import Query, first_tries, read_queries, retries
from clusterdns.analysis.capture.records import PcapError, Records
from clusterdns.analysis.capture.report import Analysed, facts, lines
from clusterdns.analysis.capture.summary import CaptureSummary
from clusterdns.analysis.compression import CompressionError

__all__ = [
    "PORTS",
    "Analysed",
    "PcapError",
    "Query",
    "Records",
    "analyse",
    "facts",
    "first_tries",
    "lines",
    "read",
    "read_names",
    "read_queries",
    "retries",
]


def analyse(file: BinaryIO, *, ports: Sequence[int] = PORTS, worst: int = 10) -> Analysed:
    """Read a capture to its end, or up to where it is damaged, in bounded memory.

    Args:
        file: Open for reading, at its beginning: pcap or pcapng, not compressed.
        ports: The servers'.
        worst: How many of the slowest transactions and connections are kept.
    """
    summary, damage = CaptureSummary(worst), None
    decoder = Decoder(read(file), ports)
    try:
        for decoded in decoder:
            summary.take(decoded)
    except (PcapError, CompressionError) as error:
        damage = str(error)
    return Analysed(decoder, summary, damage)
