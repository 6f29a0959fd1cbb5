"""The upper bits of a response's code, which lie in its OPT record (RFC 6891, 6.1.3)."""

import numpy as np

from clusterdns.analysis.arrays import Flags, Ints, numbers

_OPT = 41
_POINTER = 0xC0
_RECORD = 10  # octets behind a record's name: type, class, TTL, and the length of its data
_PLAIN = 11  # of an OPT record without options
_MOST_RECORDS, _MOST_LABELS = 256, 128


def upper_rcodes(data: bytes, start: Ints, end: Ints, records: Ints) -> tuple[Ints, int]:
    """Return the upper eight bits of the codes of responses.

    Args:
        data: Where the responses lie, with spare octets behind them.
        start: Where each one's first record begins.
        end: Where each one ends, as far as it was captured.
        records: How many each has in all sections.

    Returns:
        The bits, 0 for a response without an OPT record; and of how many responses not all records were read.
    """
    upper, at, left = np.zeros(len(start), np.int64), start.copy(), records.copy()
    # Nearly always the OPT record is the last one, and has no options.
    last = np.maximum(end - _PLAIN, start)
    plain = _is_plain(data, last)
    plain &= end - _PLAIN >= start
    upper[plain] = numbers(data, "u1", last[plain] + 5)
    going = np.flatnonzero(~plain)
    for _ in range(_MOST_RECORDS):
        going = going[left[going] > 0]
        if not len(going):
            break
        at[going] = _behind_names(data, at[going], end[going])
        going = going[at[going] + _RECORD <= end[going]]
        kind = numbers(data, ">u2", at[going])
        opt = kind == _OPT
        upper[going[opt]] = numbers(data, "u1", at[going[opt]] + 4)
        left[going[opt]] = 0
        at[going] += _RECORD + numbers(data, ">u2", at[going] + 8)
        left[going] -= 1
        going = going[~opt]
    return upper, int(np.count_nonzero((left > 0) & ~plain))


def _is_plain(data: bytes, at: Ints) -> Flags:
    """Tell where an OPT record without options lies."""
    root_and_kind = numbers(data, ">u4", at) >> 8
    plain: Flags = (root_and_kind == _OPT) & (numbers(data, ">u2", at + 9) == 0)
    return plain


def _behind_names(data: bytes, at: Ints, end: Ints) -> Ints:
    """Return where names end; beyond `end` where they are not whole."""
    at, going = at.copy(), np.arange(len(at))
    for _ in range(_MOST_LABELS):
        going = going[at[going] < end[going]]
        if not len(going):
            break
        size = numbers(data, "u1", at[going])
        pointer = size >= _POINTER
        at[going] += np.where(pointer, 2, size + 1)
        going = going[~pointer & (size > 0)]
    return at
