"""Packets that a capture has several times, as they passed several interfaces on their way."""

import numpy as np

from clusterdns.analysis.arrays import Flags, Hashes, Ints, grouped, mixed, view
from clusterdns.analysis.capture.packets import Packets

WINDOW_NS = 10_000_000
"""How long a packet takes through a host at most; the C libraries ask again after a second or more."""

_ODD = np.uint64(0x9E3779B97F4A7C15)


class Sightings:
    """Tells a packet's first sighting from the others.

    The same packet from another interface within `WINDOW_NS` is another sighting of it; from the same one
    it is a packet of its own, sent again, whose other sightings follow.
    """

    def __init__(self) -> None:
        self._key: Hashes = np.zeros(0, np.uint64)
        self._time_ns: Ints = np.zeros(0, np.int64)
        self._point: Ints = np.zeros(0, np.int64)

    def first(self, data: bytes, packets: Packets) -> Flags:
        """Tell which packets are seen for the first time.

        Args:
            data: Where their payloads lie, with spare octets behind them.
            packets: In the order of the capture.
        """
        before = len(self._key)
        key = np.concatenate([self._key, _keys(data, packets)])
        time_ns = np.concatenate([self._time_ns, packets.time_ns])
        point = np.concatenate([self._point, packets.point])
        order, begins = grouped(key)
        # Sightings of one packet follow each other within the window.
        begins[1:] |= np.abs(np.diff(time_ns[order])) > WINDOW_NS
        run = np.empty(len(key), np.int64)
        run[order] = np.cumsum(begins)
        # The nth packet of a run is seen by each interface for the nth time.
        nth = run * len(key) + _occurrences(run, point)
        _, first = np.unique(nth, return_index=True)
        is_first = np.zeros(len(key), np.bool_)
        is_first[first] = True
        is_first[before:] |= ~packets.several
        if len(time_ns):
            recent = time_ns > time_ns[-1] - WINDOW_NS
            self._key, self._time_ns, self._point = key[recent], time_ns[recent], point[recent]
        return is_first[before:]


def _occurrences(run: Ints, point: Ints) -> Ints:
    """Count for each row how many earlier ones have both in common with it."""
    points, rank = np.unique(point, return_inverse=True)
    key = run * len(points) + rank
    order, begins = grouped(key)
    place = np.arange(len(key))
    count = np.empty(len(key), np.int64)
    count[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return count


def _keys(data: bytes, packets: Packets) -> Hashes:
    """Hash what a router leaves as it is; a UDP checksum may be filled in on the way."""
    sequence = np.where(packets.tcp, packets.sequence << 8 | packets.flags, 0)
    ends = packets.source << 32 | packets.source_port << 16 | packets.destination_port
    key = mixed(ends.astype(np.uint64), _ODD)  # ports and addresses alone might cancel out each other
    for column in (packets.destination, packets.ident << 32 | packets.length, sequence):
        key = mixed(key, column.astype(np.uint64))
    words = view(data, "<u8")
    for at in (0, 8, 16, 24):  # a DNS message's header and the beginning of its name
        word = words[np.minimum(packets.at + at, len(words) - 1)]
        key = mixed(key, np.where(packets.captured >= at + 8, word, np.uint64(0)))
    return key
