"""dnsmasq's query log as `--log-queries=extra` writes it -> requests.

    [stamp] dnsmasq[PID]: SERIAL ADDRESS/PORT ACTION NAME from|to|is VALUE

What collectors add to such a line is told in `entries`, stamps in `stamps`. A request is all lines of one
serial. A TCP connection has a process to itself.
Source: dnsmasq's src/cache.c (log_query) and src/log.c.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from itertools import compress, islice, pairwise

from clusterdns.analysis.compression import LONGEST_LINE, CompressionError
from clusterdns.analysis.dnsmasq_log.entries import PROGRAM, entries
from clusterdns.analysis.dnsmasq_log.requests import Requests
from clusterdns.analysis.dnsmasq_log.stamps import Stamps

_WINDOW = 1024  # lines that are read at a time: few enough to stay in the processor's cache
_WAITING = 16_384  # requests without an answer that are remembered; then the oldest is given up
_LONGEST = 4096  # octets of a line of a request: a name has at most 1,011 in text

_QUERY = b"query["
_ANSWER = b" is "
_REMARK = b" ("  # "(DNSSEC signed)", "(EDE: …)"
_MARKS = (b'"', b"]: UDP ", b"]: TCP ")  # JSON; FTL
_BLANKS = 2  # in what all lines of a request have in common: "dnsmasq[PID]: SERIAL ADDRESS"
_FIRST_LINE = re.compile(rb"dnsmasq\[([^\]\n]*)\]: ([^ \n]+) ([^ \n]+) ([^ \n]+) ([^ \n]+) ")
_BOTH = re.compile(rb"\d{4}-\S+Z [IWEF]\d{4} ")

_FORWARD_LIMIT = b"Maximum number of concurrent DNS queries"
_NO_SERIAL = re.compile(rb"dnsmasq\[\d*\]: (?!\d+ )\S+ \S+ (from|to|is) \S+\s*$")
_MESSAGE = re.compile(rb"(?<![\w/])dnsmasq(-\w+)?(\[\d*\])?: [a-zA-Z]\S* \S")
_OTHER_PROGRAM = re.compile(rb"(\d\S+Z )?[IWEF]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")


class LogError(ValueError):
    """The log cannot be read as it is; the message says what to do."""


class LineKind(StrEnum):
    """What lines are that belong to no request, and what requests lack."""

    MESSAGE = "messages of dnsmasq"
    FORWARD_LIMIT = "messages that --dns-forward-max was reached"
    NO_SERIAL = "lines without a serial (dnsmasq lacks --log-queries=extra)"
    OTHER_PROGRAM = "lines of other programs"
    UNKNOWN = "unknown lines"
    TOO_LONG = "lines that are too long for a request"
    NO_BEGINNING = "requests without a beginning"
    NO_ANSWER = "requests without an answer"


class DnsmasqLog:
    """The requests of a log, for one iteration.

    Attributes:
        lines: How many have been read.
        counts: How many of them belong to no request, and how many requests are not whole.
        damage: Why it was not read to its end; None where it was.
    """

    def __init__(self, lines: Iterable[bytes], year: int | None = None) -> None:
        """Read nothing yet.

        Args:
            lines: With or without their ends, as a file yields them; read once and not kept.
            year: Of the first stamp, if it does not tell it; the current one by default.
        """
        self.lines = 0
        self.counts: Counter[LineKind] = Counter()
        self.damage: str | None = None
        self._source = self._undamaged(lines)
        self._stamps = Stamps(year)
        # The first and the last line of the latest window's requests, and of those that wait for an answer.
        self._first: dict[bytes, bytes] = {}
        self._last: dict[bytes, bytes] = {}
        self._waiting: dict[bytes, tuple[bytes, bytes]] = {}

    def __iter__(self) -> Iterator[Requests]:
        """Yield the requests in batches, each when a window has brought no more of it, or at the end.

        What had to wait for its answer comes after requests that began later.

        Raises:
            LogError: The newest entries come first.
        """
        begun = False
        while window := list(islice(self._source, _WINDOW)):
            self.lines += len(window)
            window = self._plain(window)
            if not begun:
                self._check_order(window)
                begun = True
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

    @property
    def not_understood(self) -> int:
        """How many lines may be requests, and were not understood."""
        return (
            self.counts[LineKind.UNKNOWN] + self.counts[LineKind.NO_SERIAL] + self.counts[LineKind.TOO_LONG]
        )

    def _undamaged(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from lines
        except CompressionError as error:
            self.damage = str(error)

    def _plain(self, window: list[bytes]) -> list[bytes]:
        """Return the entries of lines in dnsmasq's own form: mostly the lines as they are."""
        joined = b"\n".join(window)
        if len(joined) > LONGEST_LINE and max(map(len, window)) > _LONGEST:
            self.counts[LineKind.TOO_LONG] += sum(len(line) > _LONGEST for line in window)
            window = [line for line in window if len(line) <= _LONGEST]
            joined = b"\n".join(window)
        regular = joined.count(PROGRAM) == len(window) <= joined.count(b"]: ")
        if not regular or any(mark in joined for mark in _MARKS):
            window = [entry for line in window for entry in entries(line)]
        if window and _BOTH.match(window[0]):  # klog's stamp is nearer to dnsmasq, but does not tell the year
            self._stamps.of(window[:1])
            window = [line.partition(b" ")[2] if _BOTH.match(line) else line for line in window]
        return window

    def _check_order(self, window: list[bytes]) -> None:
        """Look whether the log begins with its end, as consoles show it."""
        times = [time for time in self._stamps.of(window) if time is not None]
        back = sum(after < before for before, after in pairwise(times))
        if back > sum(after > before for before, after in pairwise(times)) and times[-1] < times[0]:
            raise LogError("the newest entries come first: turn it round, with tac for example")

    def _grouped(self, window: list[bytes]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the first and last line of each request, by "dnsmasq[PID]: SERIAL ADDRESS"."""
        first, last, strays = self._by_key(window)
        if any(_QUERY not in line for line in first.values()) and len(first) > len(strays):
            # Lines may have come in disorder.
            times = [time for time in self._stamps.of(window) if time is not None]
            whole = len(times) == len(window)
            if whole and any(after < before for before, after in pairwise(times)):
                order = sorted(range(len(window)), key=times.__getitem__)
                first, last, strays = self._by_key([window[index] for index in order])
        self.counts.update(_kind(line) for line in strays)
        return first, last

    @staticmethod
    def _by_key(window: list[bytes]) -> tuple[dict[bytes, bytes], dict[bytes, bytes], list[bytes]]:
        """Return the same, and the lines that belong to no request."""
        if not window:
            return {}, {}, []
        at = max(window[0].find(PROGRAM), 0)
        keys = [line[at:].partition(b"/")[0] for line in window]
        last = dict(zip(keys, window, strict=True))
        if not _regular(last):  # not all stamps have the same length, or other lines are among these
            keys = [PROGRAM + line.partition(PROGRAM)[2].partition(b"/")[0] for line in window]
            last = dict(zip(keys, window, strict=True))
        first = dict(zip(reversed(keys), reversed(window), strict=True))
        strays: list[bytes] = []
        if not _regular(last):
            others = {key for key in last if not _regular([key])}
            strays = [line for key, line in zip(keys, window, strict=True) if key in others]
            for key in others:
                del first[key], last[key]
        return first, last, strays

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
        self.counts[LineKind.NO_ANSWER] += len(keys)
        firsts, lasts = [first for first, _ in pairs], [last for _, last in pairs]
        yield from self._requests(firsts, lasts, [b""] * len(keys))

    def _requests(self, firsts: list[bytes], lasts: list[bytes], answers: list[bytes]) -> Iterator[Requests]:
        """Yield the requests with these first and last lines, as a batch if there are any."""
        found = _FIRST_LINE.findall(b"\n".join(firsts))
        if len(found) != len(firsts):  # some were cut off, some hold the beginning of another
            matches = [_FIRST_LINE.search(line) for line in firsts]
            found = [match.groups() for match in matches if match]
            whole = [match is not None for match in matches]
            self.counts[LineKind.UNKNOWN] += whole.count(False)
            firsts, lasts, answers = (list(compress(column, whole)) for column in (firsts, lasts, answers))
        if not found:
            return
        pids, serials, clients, actions, names = zip(*found, strict=True)
        self.counts[LineKind.NO_BEGINNING] += sum(
            actions.count(action) for action in set(actions) if not action.startswith(_QUERY)
        )
        yield Requests(
            first_us=self._stamps.of(firsts),
            last_us=self._stamps.of(lasts),
            pids=pids,
            serials=serials,
            clients=clients,
            actions=actions,
            names=names,
            answers=answers,
        )


def _answers(lines: Collection[bytes]) -> list[bytes]:
    """Return what each line says that the name is; empty where it says something else."""
    if _REMARK in b"\n".join(lines):
        lines = [line.partition(_REMARK)[0] for line in lines]
    split = [line.rpartition(_ANSWER) for line in lines]
    return [value.rstrip() if found else b"" for _, found, value in split]


def _regular(keys: Collection[bytes]) -> bool:
    """Return whether every key has the form "dnsmasq[PID]: SERIAL ADDRESS"; messages begin otherwise."""
    joined = b"\n" + b"\n".join(keys) + b"\n"
    count = len(keys)
    return (
        joined.count(b"\n" + PROGRAM) == joined.count(b"\n") - 1 == count
        and joined.count(b" ") == _BLANKS * count
        and b" \n" not in joined
    )


def _kind(line: bytes) -> LineKind:
    """Return what a line is that belongs to no request."""
    at = max(line.find(PROGRAM), 0)
    if _FORWARD_LIMIT in line:
        return LineKind.FORWARD_LIMIT
    if _NO_SERIAL.match(line[at:]):
        return LineKind.NO_SERIAL
    if _MESSAGE.search(line):
        return LineKind.MESSAGE
    return LineKind.OTHER_PROGRAM if _OTHER_PROGRAM.match(line) else LineKind.UNKNOWN
