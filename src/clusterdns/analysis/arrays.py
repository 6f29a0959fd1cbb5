"""Tables of columns, and numbers out of bytes, many at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]

FIRST_OCTETS = np.array([(1 << 8 * count) - 1 for count in range(8)] + [(1 << 64) - 1], np.uint64)
"""Masks of a little-endian number's first octets, by how many."""

_SPARE_SLOT_BITS = 3
_MULTIPLIER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@dataclass(frozen=True, slots=True)
class Columns:
    """A table; each field is a column of it, an array of the common length."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(getattr(self, fields(self)[0].name))

    def only(self, which: Flags | Ints) -> Self:
        """Return some of the rows, told by a flag for each or by their numbers: itself where that is all."""
        if which.dtype == np.bool_ and which.all():
            return self
        rows: NDArray[Any] = np.flatnonzero(which) if which.dtype == np.bool_ else which
        return type(self)(*(getattr(self, name).take(rows) for name in self.columns()))

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def joined(cls, tables: Iterable[Self]) -> Self:
        """Return the rows of tables one after the other; there must be a table."""
        tables = list(tables)
        return cls(*(np.concatenate([getattr(one, name) for one in tables]) for name in cls.columns()))


def view(data: bytes, dtype: str) -> NDArray[np.generic]:
    """Shows bytes as the numbers that begin at each of them, without copying.

    Args:
        data: Longer than such a number.
        dtype: numpy's code of the number, e.g. ">u2".
    """
    size = np.dtype(dtype).itemsize
    return np.ndarray((len(data) - size + 1,), dtype, data, strides=(1,))


def words(data: bytes) -> Hashes:
    """Shows the eight octets that begin at each of bytes as a number, without copying; see `view`."""
    return np.asarray(view(data, "<u8"), np.uint64)


def numbers(data: bytes, dtype: str, at: Ints) -> Ints:
    """Reads numbers that lie anywhere in bytes.

    Args:
        data: Where they lie.
        dtype: numpy's code of such a number, of at most 63 bits of value, e.g. ">u2".
        at: Where each begins.
    """
    return view(data, dtype)[at].astype(np.int64)


def mixed(key: Hashes, word: Hashes | np.uint64) -> Hashes:
    """Mixes 64 more bits into hashes; two different ones meet by chance alone."""
    key = (key ^ word) * _MULTIPLIER
    return key ^ (key >> _SHIFT)


def grouped(key: NDArray[Any]) -> tuple[Ints, Flags]:
    """Groups rows by an integer key.

    Returns:
        The rows' numbers, group by group and in their order within a group; and which of these begin a group.
    """
    order = np.argsort(key)  # by far the fastest sort, but without regard to the order of equals
    by_key = key[order]
    first = np.empty(len(key), np.bool_)
    first[:1] = True
    np.not_equal(by_key[1:], by_key[:-1], out=first[1:])
    ranked = (np.cumsum(first, dtype=np.int64) << 32) | order
    ranked.sort()
    return ranked & 0xFFFFFFFF, first


def alike(hashes: Hashes) -> tuple[Ints, Ints]:
    """Finds equal ones, without sorting most of them.

    Returns:
        For each the first and the last row with the same hash.
    """
    bits = min(len(hashes).bit_length() + _SPARE_SLOT_BITS, 32)
    slots = (hashes >> np.uint64(64 - bits)).astype(np.int64)
    rows = np.arange(len(hashes))
    table = np.empty(1 << bits, np.int64)
    table[slots[::-1]] = rows[::-1]  # of a slot that is assigned to several times the last one stays
    first = table[slots]
    table[slots] = rows
    last = table[slots]
    other = slots[hashes[first] != hashes]
    if len(other):  # several in a slot
        several = np.zeros(1 << bits, np.bool_)
        several[other] = True
        its = np.flatnonzero(several[slots])
        order, new = grouped(hashes[its])
        begins, group = np.flatnonzero(new), np.cumsum(new) - 1
        ends = np.append(begins[1:], len(order)) - 1
        first[its[order]], last[its[order]] = its[order[begins]][group], its[order[ends]][group]
    return first, last
