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

import numpy as np

from clusterdns.analysis.compression import LONGEST_LINE, CompressionError
from clusterdns.analysis.dnsmasq_log.columns import FIRST_LINE, LONGEST, QUERY, Window, hashes
from clusterdns.analysis.dnsmasq_log.entries import PROGRAM, entries
from clusterdns.analysis.dnsmasq_log.requests import Requests
from clusterdns.analysis.dnsmasq_log.stamps import Stamps

_WINDOW, _OCTETS = 1024, 1 << 19  # lines, octets that are read at a time, at least one of them
_WAITING = 16_384  # requests without an answer that are remembered; then the oldest is given up
_ANSWER = b" is "
_NO_ANSWER = (b"from ", b"to ")
_REMARK = b" ("  # "(DNSSEC signed)", "(EDE: …)"
_MARKS = (b'"', b"]: UDP ", b"]: TCP ")  # JSON; FTL
_BLANKS = 2  # in what all lines of a request have in common: "dnsmasq[PID]: SERIAL ADDRESS"
_YEAR = re.compile(rb"\d{4}-\d\d-\d\d")
_BOTH = re.compile(rb"\d{4}-\S+Z [IWEF]\d{4} ")

_NEWEST_FIRST = "the newest entries come first: turn it round, with tac for example"
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

    def __init__(self, blocks: Iterable[bytes], year: int | None = None) -> None:
        """Read nothing yet.

        Args:
            blocks: Of whole lines, with or without the end of the last: a file's lines, or many at a time;
                read once and not kept.
            year: Of the first stamp, if it does not tell it; the current one by default.
        """
        self.lines = 0
        self.counts: Counter[LineKind] = Counter()
        self.damage: str | None = None
        self._windows = self._undamaged(blocks)
        self._stamps = Stamps(year)
        # The requests of the latest piece: by column, or else the first and the last line of each.
        self._latest: Window | None = None
        self._first: dict[bytes, bytes] = {}
        self._last: dict[bytes, bytes] = {}
        # The first and the last line of requests that wait for an answer.
        self._waiting: dict[bytes, tuple[bytes, bytes]] = {}

    def __iter__(self) -> Iterator[Requests]:
        """Yield the requests in batches, each when a window has brought no more of it, or at the end.

        What had to wait for its answer comes after requests that began later.

        Raises:
            LogError: The newest entries come first.
        """
        begun = False
        for text in self._windows:
            window = self._by_column(text, begun=begun)
            grouped = ({}, {}) if window else self._by_line(text, begun=begun)
            begun = True
            yield from self._ended()
            self._latest, (self._first, self._last) = window, grouped
            self.lines += window.lines if window else text.count(b"\n") + 1
        yield from self._ended()
        yield from self._given_up(0)

    def _by_line(self, text: bytes, *, begun: bool) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the first and last line of each request of a piece, line by line."""
        window = self._plain(text.split(b"\n"))
        if not begun:
            self._check_order(window)
        first, last = self._grouped(window)
        if self._latest:
            self._first, self._last = self._latest.by_key()
            self._latest = None
        for key in self._last.keys() & last.keys():
            first[key] = self._first.pop(key)
            del self._last[key]
        for key in self._waiting.keys() & last.keys():
            first[key], _ = self._waiting.pop(key)
        return first, last

    def _by_column(self, text: bytes, *, begun: bool) -> Window | None:
        """Return the requests of a piece by column; None where its lines must be read one by one."""
        window = Window.of(text, self._stamps)
        if window is None or (window.strays and not begun):
            return None
        strays = [entry for line in window.strays for entry in entries(line)]
        if any(_regular([_key(line)]) or _YEAR.search(line) for line in strays):
            return None
        if window.newest_first and not begun:
            raise LogError(_NEWEST_FIRST)
        keys, waiting = list(self._last), list(self._waiting)
        before, rows = window.rows_of(self._latest.hashes if self._latest else hashes(keys))
        if self._latest:
            firsts = self._latest.first_lines(before)
        else:
            firsts = [self._first[keys[row]] for row in before]
        waited, waited_rows = window.rows_of(hashes(waiting))
        firsts += [self._waiting[waiting[row]][0] for row in waited]
        matches = [match for line in firsts if (match := FIRST_LINE.search(line))]
        if len(matches) < len(firsts):
            return None
        if firsts:
            times = [self._stamps.of([line])[0] for line in firsts]
            window.begin_earlier(rows + waited_rows, matches, times)
        if self._latest:
            self._latest.leave(before)
        for key in map(keys.__getitem__, [] if self._latest else before):
            del self._first[key], self._last[key]
        for row in waited:
            del self._waiting[waiting[row]]
        self.counts.update(map(_kind, strays))
        return window

    @property
    def not_understood(self) -> int:
        """How many lines may be requests, and were not understood."""
        return (
            self.counts[LineKind.UNKNOWN] + self.counts[LineKind.NO_SERIAL] + self.counts[LineKind.TOO_LONG]
        )

    def _undamaged(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield pieces of the log: a block, or some lines."""
        pieces: list[bytes] = []
        octets = 0
        try:
            for block in blocks:
                pieces.append(block.removesuffix(b"\n"))
                octets += len(block)
                if len(pieces) >= _WINDOW or octets >= _OCTETS:
                    yield b"\n".join(pieces)
                    pieces, octets = [], 0
        except CompressionError as error:
            self.damage = str(error)
        if pieces:
            yield b"\n".join(pieces)

    def _plain(self, window: list[bytes]) -> list[bytes]:
        """Return the entries of lines in dnsmasq's own form: mostly the lines as they are."""
        joined = b"\n".join(window)
        if len(joined) > LONGEST_LINE and max(map(len, window)) > LONGEST:
            self.counts[LineKind.TOO_LONG] += sum(len(line) > LONGEST for line in window)
            window = [line for line in window if len(line) <= LONGEST]
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
            raise LogError(_NEWEST_FIRST)

    def _grouped(self, window: list[bytes]) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the first and last line of each request, by "dnsmasq[PID]: SERIAL ADDRESS"."""
        first, last, strays = self._by_key(window)
        if any(QUERY not in line for line in first.values()) and len(first) > len(strays):
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
            keys = list(map(_key, window))
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
        if self._latest:
            self._waiting |= {key: (first, last) for key, first, last in self._latest.unanswered()}
            yield from self._given_up(_WAITING)
            yield from self._counted(self._latest.requests())
            return
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
        found = FIRST_LINE.findall(b"\n".join(firsts))
        if len(found) != len(firsts):  # some were cut off, some hold the beginning of another
            matches = [FIRST_LINE.search(line) for line in firsts]
            found = [match.groups() for match in matches if match]
            whole = [match is not None for match in matches]
            self.counts[LineKind.UNKNOWN] += whole.count(False)
            firsts, lasts, answers = (list(compress(column, whole)) for column in (firsts, lasts, answers))
        if not found:
            return
        yield from self._counted(Requests.of(self._stamps.of(firsts), self._stamps.of(lasts), found, answers))

    def _counted(self, batch: Requests) -> Iterator[Requests]:
        """Yield a batch, if there is anything in it."""
        if len(batch):
            self.counts[LineKind.NO_BEGINNING] += int(np.count_nonzero(~batch.actions.begin_with(QUERY)))
            yield batch


def _answers(lines: Collection[bytes]) -> list[bytes]:
    """Return what each line says that the name is; empty where it says something else."""
    said = [line.partition(PROGRAM)[2] for line in lines]  # what writes logs may put anything before it
    if _REMARK in b"\n".join(said):
        said = [text.partition(_REMARK)[0] for text in said]
    split = [text.rpartition(_ANSWER) for text in said]
    # A name may be "is", too.
    return [value.rstrip() if word and not value.startswith(_NO_ANSWER) else b"" for _, word, value in split]


def _key(line: bytes) -> bytes:
    """Return what all lines of a request have in common, if it is one of a request."""
    return PROGRAM + line.partition(PROGRAM)[2].partition(b"/")[0]


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
