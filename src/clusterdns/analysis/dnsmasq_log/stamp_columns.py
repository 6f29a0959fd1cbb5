"""The stamps of lines that all have them in the same form, many at a time; `stamps` reads all the others."""

import numpy as np

from clusterdns.analysis.arrays import Hashes, Ints, words
from clusterdns.analysis.dnsmasq_log.stamps import Stamps

_EACH = 0x0101010101010101
_ZEROS, _BEYOND_NINE, _HIGH_BITS = (np.uint64(octet * _EACH) for octet in (0x30, 0x76, 0x80))
_SIX = np.uint64((1 << 48) - 1)  # octets of a number
_PAIRS = np.uint64(0x00FF00FF00FF00FF)
_KLOG, _FRACTION = 14, 15  # octets of klog's stamp up to its seconds, and with the point behind them


def times(data: bytes, begin: Ints, stamps: Stamps) -> Ints | None:
    """Read klog's stamps, "I1123 12:54:57.163325".

    Args:
        data: Where the lines lie.
        begin: Of each.
        stamps: Reads them down to the second, and remembers the year.

    Returns:
        Microseconds since 1970; None where a line has another stamp, or the month changes.
    """
    octets = words(data)
    date, clock = octets[begin], octets[begin + (_KLOG - 8)]
    new = np.flatnonzero((date[1:] != date[:-1]) | (clock[1:] != clock[:-1])) + 1
    firsts = np.concatenate([[0], new])
    texts = [data[at : at + _KLOG] for at in begin[firsts].tolist()]
    if len({text[1:3] for text in texts}) > 1:  # of which year depends on what was read before
        return None
    point_and_six = octets[begin + _KLOG]
    digits = ((point_and_six >> np.uint64(8)) & _SIX) ^ (_ZEROS & _SIX)
    not_digits = ((digits + (_BEYOND_NINE & _SIX)) | digits) & _HIGH_BITS
    if not_digits.any() or ((point_and_six & np.uint64(0xFF)) != ord(".")).any():
        return None
    try:
        seconds = np.array([stamps.klog_second(text) for text in texts], np.int64)
    except ValueError:
        return None
    return np.repeat(seconds, np.diff(firsts, append=len(begin))) + _six_digits(digits)


def _six_digits(digits: Hashes) -> Ints:
    """Return the numbers that six digits make, an octet each, the first one lowest."""
    pairs = (digits * np.uint64(10) + (digits >> np.uint64(8))) & _PAIRS
    low, middle, high = (pairs >> np.uint64(shift) & np.uint64(0xFF) for shift in (0, 16, 32))
    numbers: Hashes = low * np.uint64(10_000) + middle * np.uint64(100) + high
    return numbers.astype(np.int64)
