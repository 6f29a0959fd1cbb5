"""dnsmasq's query log as `--log-queries=extra` writes it -> requests.

    [stamp] dnsmasq[PID]: SERIAL ADDRESS/PORT ACTION NAME from|to|is VALUE

The stamp is klog's (kube-dns' nanny puts it there), the kubelet's (`kubectl logs --timestamps`), both,
syslog's, or none; all are taken for UTC. A request is all lines of one serial. A TCP connection has a process
to itself.
Source: dnsmasq's src/cache.c (log_query) and src/log.c.
"""

import re
from calendar import timegm
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import compress, islice

from clusterdns.analysis.dnsmasq_log.requests import Requests

_WINDOW = 1024  # lines that are read at a time: few enough to stay in the processor's cache
_WAITING = 16_384  # requests without an answer that are remembered; then the oldest is given up

_PROGRAM = b"dnsmasq["
_QUERY = b"query["
_ANSWER = b" is "
_BLANKS = 2  # in what all lines of a request have in common: "dnsmasq[PID]: SERIAL ADDRESS"
_FIRST_LINE = re.compile(rb"dnsmasq\[([^\]]+)\]: ([^ ]+) ([^ ]+) ([^ \n]+) ([^ \n]+) ")

_FORWARD_LIMIT = b"Maximum number of concurrent DNS queries"
_NO_SERIAL = re.compile(rb"dnsmasq\[\d+\]: \S+ \S+ (from|to|is) \S+\s*$")
_MESSAGE = re.compile(rb"dnsmasq(-\w+)?\[\d+\]: [a-zA-Z]\S* \S")
_OTHER_PROGRAM = re.compile(rb"(\d\S+Z )?[IWEF]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")

_KLOG = re.compile(rb"[IWEF](?P<month>\d\d)(?P<day>\d\d) (\d\d):(\d\d):(\d\d)")
_RFC3339 = re.compile(rb"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T(\d\d):(\d\d):(\d\d)")
_SYSLOG = re.compile(rb"(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (\d\d):(\d\d):(\d\d)")
_BOTH = re.compile(rb"\d{4}-\S+ [IWEF]\d{4} ")
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_SECONDS = 4096  # that are remembered
_HALF_YEAR = 6  # months: a longer step is one over New Year


class Kind(StrEnum):
    """What lines are that belong to no request, and what requests lack."""

    MESSAGE = "messages of dnsmasq"
    FORWARD_LIMIT = "messages that --dns-forward-max was reached"
    NO_SERIAL = "lines without a serial (dnsmasq lacks --log-queries=extra)"
    OTHER_PROGRAM = "lines of other programs"
    UNKNOWN = "unknown lines"
    NO_BEGINNING = "requests without a beginning"
    NO_ANSWER = "requests without an answer"


class DnsmasqLog:
    """The requests of a log, for one iteration.

    Attributes:
        lines: How many have been read.
        counts: How many of them belong to no request, and how many requests are not whole.
    """

    def __init__(self, lines: Iterable[bytes], year: int | None = None) -> None:
        """Read nothing yet.

        Args:
            lines: With their ends, as a file yields them; read once and not kept.
            year: Of the first stamp, if it does not tell it; the current one by default.
        """
        self.lines = 0
        self.counts: Counter[Kind] = Counter()
        self._source = iter(lines)
        self._seconds = _Seconds(year or datetime.now(UTC).year)
        # The first and the last line of the latest window's requests, and of those that wait for an answer.
        self._first: dict[bytes, bytes] = {}
        self._last: dict[bytes, bytes] = {}
        self._waiting: dict[bytes, tuple[bytes, bytes]] = {}

    def __iter__(self) -> Iterator[Requests]:
        """Yield the requests in batches, each when a window has brought no more of it, or at the end.

        What had to wait for its answer comes after requests that began later.
        """
        while window := list(islice(self._source, _WINDOW)):
            self.lines += len(window)
            first, last = self._grouped(window)
            for key in self._last.keys() & last.keys():
                first[key] = self._first.pop(key)
                del self._last[key]
            for key in self._waiting.keys() & last.keys():
                first[key], _ = self._waiting.pop(key)
            yield from self._ended()
            self._first, self._last = first, last
        yield from self._ended()
        yield from self._given_up(0)

    def _grouped(self, window: list[bytes]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the first and last line of each request, by "dnsmasq[PID]: SERIAL ADDRESS"."""
        if _BOTH.match(window[0]):  # klog's stamp is nearer to dnsmasq, but it does not tell the year
            self._seconds.year = int(window[0][:4])
            window = [line.partition(b" ")[2] for line in window]
        at = window[0].find(_PROGRAM)
        keys = [line[at:].partition(b"/")[0] for line in window]
        last = dict(zip(keys, window, strict=True))
        if not _regular(last):  # not all stamps have the same length, or other lines are among these
            keys = [_PROGRAM + line.partition(_PROGRAM)[2].partition(b"/")[0] for line in window]
            last = dict(zip(keys, window, strict=True))
        first = dict(zip(reversed(keys), reversed(window), strict=True))
        if not _regular(last):
            strays = {key for key in last if not _regular([key])}
            self.counts.update(_kind(line) for key, line in zip(keys, window, strict=True) if key in strays)
            for key in strays:
                del first[key], last[key]
        return first, last

    def _ended(self) -> Iterator[Requests]:
        """Yield the requests of the latest window that have an answer; the others begin to wait for it."""
        answers = _answers(self._last.values())
        if b"" in answers:
            for key in [key for key, answer in zip(self._last, answers, strict=True) if not answer]:
                self._waiting[key] = self._first.pop(key), self._last.pop(key)
            yield from self._given_up(_WAITING)
            answers = [answer for answer in answers if answer]
        firsts, lasts = [self._first[key] for key in self._last], list(self._last.values())
        yield from self._requests(firsts, lasts, answers)

    def _given_up(self, most: int) -> Iterator[Requests]:
        """Yield the oldest requests that wait for an answer, so that at most so many are left."""
        keys = list(islice(self._waiting, max(0, len(self._waiting) - most)))
        pairs = [self._waiting.pop(key) for key in keys]
        self.counts[Kind.NO_ANSWER] += len(keys)
        firsts, lasts = [first for first, _ in pairs], [last for _, last in pairs]
        yield from self._requests(firsts, lasts, [b""] * len(keys))

    def _requests(self, firsts: list[bytes], lasts: list[bytes], answers: list[bytes]) -> Iterator[Requests]:
        """Yield the requests with these first and last lines, as a batch if there are any."""
        found = _FIRST_LINE.findall(b"".join(firsts))
        if len(found) < len(firsts):  # some were cut off
            whole = [_FIRST_LINE.search(line) is not None for line in firsts]
            self.counts[Kind.UNKNOWN] += whole.count(False)
            firsts, lasts, answers = (list(compress(column, whole)) for column in (firsts, lasts, answers))
        if not found:
            return
        pids, serials, clients, actions, names = zip(*found, strict=True)
        self.counts[Kind.NO_BEGINNING] += sum(
            actions.count(action) for action in set(actions) if not action.startswith(_QUERY)
        )
        yield Requests(
            first_us=self._times(firsts),
            last_us=self._times(lasts),
            pids=pids,
            serials=serials,
            clients=clients,
            actions=actions,
            names=names,
            answers=answers,
        )

    def _times(self, lines: Sequence[bytes]) -> Sequence[int | None]:
        """Return the stamps of lines in microseconds since 1970, None where there is none."""
        seconds = self._seconds
        for form in (_klog, _kubelet, _syslog):
            try:
                return form(lines, seconds)
            except ValueError:
                continue
        return [self._times([line])[0] for line in lines] if len(lines) > 1 else [None]


def _klog(lines: Sequence[bytes], seconds: "_Seconds") -> list[int]:
    return [seconds[line[:14]] + int(line[15:21]) for line in lines]


def _kubelet(lines: Sequence[bytes], seconds: "_Seconds") -> list[int]:
    # Zeros at the end of the nanoseconds are left out.
    return [seconds[line[:19]] + int(line[20 : line.find(b"Z", 20)][:6].ljust(6, b"0")) for line in lines]


def _syslog(lines: Sequence[bytes], seconds: "_Seconds") -> list[int]:
    return [seconds[line[:15]] for line in lines]


class _Seconds(dict[bytes, int]):
    """Stamps up to the second -> microseconds since 1970; the latest are remembered."""

    def __init__(self, year: int) -> None:
        super().__init__()
        self.year = year
        self._month = 0

    def __missing__(self, stamp: bytes) -> int:
        """Read a stamp.

        Raises:
            ValueError: it is none.
        """
        found = _KLOG.fullmatch(stamp) or _RFC3339.fullmatch(stamp) or _SYSLOG.fullmatch(stamp)
        if not found:
            raise ValueError(stamp)
        parts = found.groupdict()
        month = _MONTHS.index(parts["month"]) + 1 if parts["month"].isalpha() else int(parts["month"])
        if "year" in parts:
            self.year = int(parts["year"])
        elif self._month and abs(month - self._month) > _HALF_YEAR:
            self.year += 1 if month < self._month else -1
        self._month = month
        clock = [int(part) for part in found.groups()[-3:]]
        if len(self) >= _SECONDS:
            self.clear()
        self[stamp] = timegm((self.year, month, int(parts["day"]), *clock)) * 1_000_000
        return self[stamp]


def _answers(lines: Iterable[bytes]) -> list[bytes]:
    """Return what each line says that the name is; empty where it says something else."""
    split = [line.rpartition(_ANSWER) for line in lines]
    return [value.rstrip() if found else b"" for _, found, value in split]


def _regular(keys: Collection[bytes]) -> bool:
    """Return whether every key has the form "dnsmasq[PID]: SERIAL ADDRESS"; messages begin otherwise."""
    joined = b"\n" + b"\n".join(keys) + b"\n"
    count = len(keys)
    return (
        joined.count(b"\n" + _PROGRAM) == joined.count(b"\n") - 1 == count
        and joined.count(b" ") == _BLANKS * count
        and b" \n" not in joined
    )


def _kind(line: bytes) -> Kind:
    """Return what a line is that belongs to no request."""
    at = line.find(_PROGRAM)
    if _FORWARD_LIMIT in line:
        return Kind.FORWARD_LIMIT
    if _NO_SERIAL.match(line[at:]):
        return Kind.NO_SERIAL
    if _MESSAGE.search(line):
        return Kind.MESSAGE
    return Kind.OTHER_PROGRAM if _OTHER_PROGRAM.match(line) else Kind.UNKNOWN
