"""IP addresses as small numbers."""

import socket

import numpy as np

from clusterdns.analysis.arrays import Hashes, Ints, view
from clusterdns.analysis.capture.records import PcapError

_IPV4_OCTETS = 4
_IPV6_MARK = np.uint64(1 << 63)
_ODD = np.uint64(0x9E3779B97F4A7C15)
MOST = 1 << 20


class Addresses:
    """Numbers addresses as they come, from 0."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        # Sorted keys, and the numbers that belong to them.
        self._keys: Hashes = np.zeros(0, np.uint64)
        self._numbers: Ints = np.zeros(0, np.int64)

    def __getitem__(self, number: int) -> str:
        """Return an address as text."""
        return self._texts[number]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._texts)

    def numbers(self, data: bytes, at: Ints, octets: int) -> Ints:
        """Return the numbers of addresses.

        Args:
            data: Where they lie.
            at: Where in `data` each begins.
            octets: The length of each: 4 or 16.

        Raises:
            PcapError: More than `MOST` addresses.
        """
        if octets == _IPV4_OCTETS:
            keys = view(data, ">u4")[at].astype(np.uint64)
        else:
            high, low = (view(data, ">u8")[at + half].astype(np.uint64) for half in (0, 8))
            keys = (high * _ODD ^ low) | _IPV6_MARK
        if not self._has(keys).all():
            self._learn(keys, data, at, octets)
        return self._numbers[np.searchsorted(self._keys, keys)]

    def _has(self, keys: Hashes) -> np.ndarray:
        places = np.searchsorted(self._keys, keys)
        found = np.zeros(len(keys), np.bool_)
        within = places < len(self._keys)
        found[within] = self._keys[places[within]] == keys[within]
        return found

    def _learn(self, keys: Hashes, data: bytes, at: Ints, octets: int) -> None:
        new = np.flatnonzero(~self._has(keys))
        fresh, first = np.unique(keys[new], return_index=True)
        order = np.argsort(first)  # numbers go by appearance
        family = socket.AF_INET if octets == _IPV4_OCTETS else socket.AF_INET6
        numbers = np.empty(len(fresh), np.int64)
        numbers[order] = np.arange(len(fresh)) + len(self._texts)
        starts = at[new[first[order]]].tolist()
        self._texts += [socket.inet_ntop(family, data[start : start + octets]) for start in starts]
        if len(self._texts) > MOST:
            raise PcapError(f"more than {MOST} addresses: too many to follow")
        keys = np.concatenate([self._keys, fresh])
        by_key = np.argsort(keys)
        self._keys = keys[by_key]
        self._numbers = np.concatenate([self._numbers, numbers])[by_key]
