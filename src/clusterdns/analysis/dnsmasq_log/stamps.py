"""The times that log lines begin with, whoever put them there.

Where there are several, klog's is taken: it is the nearest to dnsmasq. What tells no zone is taken for UTC.
"""

import re
from calendar import timegm
from collections.abc import Sequence
from datetime import UTC, datetime

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_CLOCK = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
# Where a stamp begins: not within a word.
_EDGE = rb"(?<![\w.:-])"
_KLOG = re.compile(_EDGE + rb"[IWEF](?P<month>\d\d)(?P<day>\d\d) +" + _CLOCK)
_ISO = re.compile(
    _EDGE
    + rb"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]"
    + _CLOCK
    + rb"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?"
)
_SYSLOG = re.compile(
    rb"(?<![\w.])(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<year>\d{4}) )?" + _CLOCK
)
_EPOCH = re.compile(
    rb"\[?(?P<seconds>\d{1,10})\.(?P<fraction>\d{6})\]?(?= )"
)  # journalctl -o short-unix, -monotonic
_FORMS = (_KLOG, _ISO, _SYSLOG)
KLOG_SECONDS, ISO_SECONDS = len("I1123 12:54:57"), len("2026-11-23T12:54:57")
"""Octets of such stamps, down to the second."""

_SECONDS = 4096  # that are remembered
_HALF_YEAR = 6  # months: a longer step is one over New Year
_MILLION = 1_000_000


class Stamps:
    """Reads the stamps of lines that follow each other, so that those without a year get one.

    Attributes:
        year: Of the last one.
    """

    def __init__(self, year: int | None = None) -> None:
        """Begin in this year, if the first stamp does not tell it; the current one by default."""
        self.year = year or datetime.now(UTC).year
        self._month = 0
        self._known: dict[bytes, int] = {}

    def of(self, lines: Sequence[bytes]) -> Sequence[int | None]:
        """Return the stamps of lines in microseconds since 1970, None where there is none."""
        if not lines:
            return []
        for form in (self._klog, self._kubelet, self._syslog):
            try:
                return form(lines)
            except (ValueError, IndexError):
                continue
        return [self._any(line) for line in lines]

    def _klog(self, lines: Sequence[bytes]) -> list[int]:
        """Read lines that all begin with klog's stamp."""
        return [self.klog_second(line[:KLOG_SECONDS]) + int(line[15:21]) for line in lines]

    def klog_second(self, stamp: bytes) -> int:
        """Return the time of klog's stamp up to its seconds, in microseconds since 1970.

        Raises:
            ValueError: It is none.
        """
        return self._second(stamp, _KLOG)

    def iso_second(self, stamp: bytes) -> int:
        """Return the time of a stamp of RFC 3339 in UTC, the same way."""
        return self._second(stamp, _ISO)

    def _kubelet(self, lines: Sequence[bytes]) -> list[int]:
        """Read lines that all begin with an RFC 3339 stamp in UTC and nothing nearer to dnsmasq."""
        if b" I" in lines[0][:45] or not lines[0][:4].isdigit():
            raise ValueError(lines[0])
        # Zeros at the end of the nanoseconds are left out.
        return [
            self.iso_second(line[:ISO_SECONDS])
            + (
                int(line[20 : line.index(b"Z", 20, 31)][:6].ljust(6, b"0"))
                if line[19:20] == b"."
                else _zero(line)
            )
            for line in lines
        ]

    def _syslog(self, lines: Sequence[bytes]) -> list[int]:
        """Read lines that all begin with syslog's stamp."""
        if any(line[15:16] != b" " for line in lines):
            raise ValueError(lines[0])
        return [self._second(line[:15], _SYSLOG) for line in lines]

    def _second(self, stamp: bytes, form: re.Pattern[bytes]) -> int:
        known = self._known.get(stamp)
        if known is None:
            match = form.fullmatch(stamp)
            if not match:
                raise ValueError(stamp)
            if len(self._known) >= _SECONDS:
                self._known.clear()
            known = self._known[stamp] = self._time(match.groupdict())
        return known

    def _any(self, line: bytes) -> int | None:
        """Read the stamp of a line in any form."""
        head = line[: line.find(b"dnsmasq") if b"dnsmasq" in line else 64]
        while head.endswith((b" ", b"/", b"\t")) and not _stamped(head):
            # "dnsmasq" was a container's name before the stamp
            after = line.find(b"dnsmasq", len(head) + 1)
            if after < 0:
                break
            head = line[:after]
        parts: dict[str, bytes | None] = {}
        for form in _FORMS:
            match = form.search(head)
            if match and not parts:
                parts = match.groupdict()
            elif match and form is _ISO and "year" not in parts:
                self._turn(int(match["year"]))
        try:
            if parts:
                return self._time(parts)
            if match := _EPOCH.match(head):
                return int(match["seconds"]) * _MILLION + int(match["fraction"])
        except (ValueError, OverflowError):
            return None  # a month or a day that there is not
        return None

    def _time(self, parts: dict[str, bytes | None]) -> int:
        """Return a stamp's time in microseconds.

        Raises:
            ValueError: It is no time.
        """
        told = parts["month"] or b""
        month = _MONTHS.index(told) + 1 if told.isalpha() else int(told)
        if parts.get("year"):
            self._turn(int(parts["year"] or b""))
        elif self._month and abs(month - self._month) > _HALF_YEAR:
            self._turn(self.year + (1 if month < self._month else -1))
        self._month = month
        day, hour, minute, second = (int(parts[name] or b"0") for name in ("day", "hour", "minute", "second"))
        datetime(self.year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # raises ValueError
        zone = parts.get("zone") or b"Z"
        offset = 0 if zone == b"Z" else int(zone[:1] + b"1") * (int(zone[1:3]) * 60 + int(zone[-2:])) * 60
        fraction = (parts.get("fraction") or b"")[:6].ljust(6, b"0")
        return (timegm((self.year, month, day, hour, minute, second)) - offset) * _MILLION + int(fraction)

    def _turn(self, year: int) -> None:
        """Go on in this year; what was read without one was of another."""
        if year != self.year:
            self.year = year
            self._known.clear()


def _stamped(head: bytes) -> bool:
    return any(form.search(head) for form in _FORMS) or _EPOCH.match(head) is not None


def _zero(line: bytes) -> int:
    """Return the fraction of a stamp without one."""
    if line[19:20] != b"Z":
        raise ValueError(line)
    return 0
