"""The stamps of lines that all have them in the same form, many at a time; `stamps` reads all the others."""

from collections.abc import Callable, Sequence

import numpy as np

from clusterdns.analysis.arrays import FIRST_OCTETS, Hashes, Ints, words
from clusterdns.analysis.dnsmasq_log.stamps import ISO_SECONDS, KLOG_SECONDS, Stamps
from clusterdns.analysis.texts import Texts

_POINT = 1  # octets, behind the seconds
_ZERO_DIGITS = np.uint64(int.from_bytes(b"0" * 8, "little"))
_PAIRS = np.uint64(0x00FF00FF00FF00FF)


def times(data: bytes, begin: Ints, program: Ints, stamps: Stamps) -> Ints | None:
    """Read klog's stamps, "I1123 12:54:57.163325", or the kubelet's, "2026-11-23T12:54:57.163325Z ".

    Args:
        data: Where the lines lie.
        begin: Of each.
        program: Where in each dnsmasq's name is; right behind the kubelet's stamp.
        stamps: Reads them down to the second, and remembers the year.

    Returns:
        Microseconds since 1970; None where a line has another stamp, klog's month changes, or a year is told
        that is another one than before: where both forms are mixed, it matters which was read first.
    """
    if data[begin[0] : begin[0] + 1].isdigit():
        digits = Texts(data, begin + ISO_SECONDS + _POINT, program - len("Z "))
        behind = _octets(data, digits.end) == ord("Z")
        if not behind.all() or (digits.lengths() > len("123456789")).any() or (digits.lengths() < 1).any():
            return None
        seconds = _seconds(data, begin, ISO_SECONDS, stamps.iso_second, year=b"%04d" % stamps.year)
    else:
        digits = Texts(data, begin + KLOG_SECONDS + _POINT, begin + KLOG_SECONDS + _POINT + 6)
        seconds = _seconds(data, begin, KLOG_SECONDS, stamps.klog_second)
    if seconds is None or not digits.are_digits() or (_octets(data, digits.begin - _POINT) != ord(".")).any():
        return None
    return seconds + _microseconds(digits)


def _octets(data: bytes, at: Ints) -> Ints:
    return np.frombuffer(data, np.uint8)[at].astype(np.int64)


def _seconds(
    data: bytes, begin: Ints, size: int, read: Callable[[bytes], int], *, year: bytes = b""
) -> Ints | None:
    """Read stamps of so many octets, all of this year, or of one month if they tell none; else None."""
    octets = words(data)
    new = np.zeros(len(begin), np.bool_)
    new[0] = True
    for place in {0, size - 8, min(8, size - 8)}:
        number = octets[begin + place]
        new[1:] |= number[1:] != number[:-1]
    firsts = np.flatnonzero(new)
    texts: Sequence[bytes] = [data[at : at + size] for at in begin[firsts].tolist()]
    told = {text[: len(year)] if year else text[1:3] for text in texts}
    if len(told) > 1 or (year and year not in told):
        return None
    try:
        seconds = np.array(list(map(read, texts)), np.int64)
    except ValueError:
        return None
    return np.repeat(seconds, np.diff(firsts, append=len(begin)))


def _microseconds(digits: Texts) -> Ints:
    """Return the numbers that their first six digits make; what is missing is 0."""
    six = (words(digits.data)[digits.begin] ^ _ZERO_DIGITS) & FIRST_OCTETS[np.minimum(digits.lengths(), 6)]
    pairs = (six * np.uint64(10) + (six >> np.uint64(8))) & _PAIRS
    low, middle, high = (pairs >> np.uint64(shift) & np.uint64(0xFF) for shift in (0, 16, 32))
    numbers: Hashes = low * np.uint64(10_000) + middle * np.uint64(100) + high
    return numbers.astype(np.int64)
