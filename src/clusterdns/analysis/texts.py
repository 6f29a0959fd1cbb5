"""A column of texts that lie anywhere in bytes: compared and counted many at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from clusterdns.analysis.arrays import FIRST_OCTETS, Flags, Hashes, Ints, alike, mixed, words

_EACH = 0x0101010101010101
_ZEROS, _BEYOND_NINE, _HIGH_BITS = (np.uint64(octet * _EACH) for octet in (0x30, 0x76, 0x80))

SPARE = 8
"""Octets that must lie behind the last text."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts, by where they lie; two are taken for the same if a hash of 64 bits is.

    Attributes:
        data: Where they lie, with `SPARE` octets behind the last.
        begin, end: Of each.
    """

    data: bytes
    begin: Ints
    end: Ints

    @classmethod
    def of(cls, words: Sequence[bytes]) -> Self:
        """Return these."""
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        end = np.cumsum(lengths)
        return cls(b"".join(words) + bytes(SPARE), end - lengths, end)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.begin)

    def __getitem__(self, row: int | np.integer[Any]) -> bytes:
        """Return one of them."""
        return self.data[self.begin[row] : self.end[row]]

    def __iter__(self) -> Iterator[bytes]:
        """Return an iterator of them."""
        data = self.data
        return iter(
            [data[begin:end] for begin, end in zip(self.begin.tolist(), self.end.tolist(), strict=True)]
        )

    def take(self, rows: Ints) -> Self:
        """Return some of them, told by their numbers."""
        return type(self)(self.data, self.begin.take(rows), self.end.take(rows))

    def lengths(self) -> Ints:
        """Return how long they are."""
        return self.end - self.begin

    def are(self, word: bytes) -> Flags:
        """Return which of them are this word of at most eight octets."""
        same: Flags = self.begin_with(word) & (self.lengths() == len(word))
        return same

    def begin_with(self, word: bytes) -> Flags:
        """Return which of them begin with this word of at most eight octets."""
        first = words(self.data)[self.begin] & FIRST_OCTETS[np.minimum(self.lengths(), len(word))]
        return np.asarray(first == int.from_bytes(word, "little"), np.bool_)

    def are_digits(self) -> bool:
        """Return whether all of them are numbers, and none is empty."""
        lengths = self.lengths()
        if not lengths.all():
            return False
        values = (words(self.data)[self.begin] ^ _ZEROS) & FIRST_OCTETS[np.minimum(lengths, 8)]
        if (((values + _BEYOND_NINE) | values) & _HIGH_BITS).any():
            return False
        longer = np.flatnonzero(lengths > 8)  # noqa: PLR2004 - octets of a number
        return not len(longer) or Texts(self.data, self.begin[longer] + 8, self.end[longer]).are_digits()

    def hold(self, octet: int) -> bool:
        """Return whether there is this octet in any of them."""
        at = self.begin
        left = self.lengths()
        same = words(self.data)[at] ^ np.uint64(octet * _EACH) | ~FIRST_OCTETS[np.clip(left, 0, 8)]
        if ((same - np.uint64(_EACH)) & ~same & _HIGH_BITS).any():
            return True
        longer = np.flatnonzero(left > 8)  # noqa: PLR2004 - octets of a number
        return bool(len(longer)) and Texts(self.data, at[longer] + 8, self.end[longer]).hold(octet)

    def hashes(self) -> Hashes:
        """Return a hash of each, eight octets at a time; the last eight may overlap those before."""
        octets, lengths = words(self.data), self.lengths()
        key = mixed(lengths.astype(np.uint64), np.uint64(0))
        shortest = int(lengths.min()) if len(self) else 0
        at = self.begin
        for _ in range((shortest - 1) // 8):
            key = mixed(key, octets[at])
            at = at + 8
        going = np.flatnonzero(at + 8 < self.end)
        while len(going):
            key[going] = mixed(key[going], octets[at[going]])
            at = at + 8
            going = going[at[going] + 8 < self.end[going]]
        if shortest >= 8:  # noqa: PLR2004 - octets of a number
            return mixed(key, octets[self.end - 8])
        begin = np.maximum(self.begin, self.end - 8)
        return mixed(key, octets[begin] & FIRST_OCTETS[np.minimum(lengths, 8)])

    def coded(self) -> tuple[Ints, list[bytes]]:
        """Return for each text the number of its like, and the different ones by these numbers."""
        first, _ = alike(self.hashes())
        is_first = first == np.arange(len(self))
        return (np.cumsum(is_first) - 1)[first], list(self.take(np.flatnonzero(is_first)))

    def counts(self) -> dict[bytes, int]:
        """Return how often each of the different ones is there, in order of their first occurrence."""
        first, _ = alike(self.hashes())
        counts = np.bincount(first)
        firsts = np.flatnonzero(counts)
        return dict(zip(self.take(firsts), counts[firsts].tolist(), strict=True))
