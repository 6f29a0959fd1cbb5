"""dnsmasq's log by column: lines of the common form, many at a time.

    STAMP … dnsmasq[PID]: SERIAL ADDRESS/PORT ACTION NAME from|to|is VALUE

Whatever `lines` would not read as such lines, or would read in another way, is left to it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from clusterdns.analysis.arrays import FIRST_OCTETS, Columns, Flags, Hashes, Ints, alike, view, words
from clusterdns.analysis.dnsmasq_log.entries import PROGRAM
from clusterdns.analysis.dnsmasq_log.requests import UNTIMED, Requests
from clusterdns.analysis.dnsmasq_log.stamp_columns import times
from clusterdns.analysis.dnsmasq_log.stamps import Stamps
from clusterdns.analysis.texts import SPARE, Texts

FIRST_LINE = re.compile(
    rb"dnsmasq\[([^\]\n]*)\]: ([^ \n]+) (?P<client>[^ \n]+) (?P<action>[^ \n]+) (?P<name>[^ \n]+) "
)
"""What a request's first line tells: PID, serial, client, action, name."""
QUERY = b"query["
"""What its action begins with."""
LONGEST = 4096
"""Octets of a line of a request: a name has at most 1,011 in text."""

_BLANKS = 6  # of a line, behind PROGRAM
_COMMON = 0.9  # of the lines, at least: with fewer there is little to gain
_WIDEST_PORT = 6  # octets, with the slash


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


_PROGRAM, _PID_ENDS = _number(PROGRAM), _number(b"]:")
_IS, _TO, _FROM = map(_number, (b" is ", b" to ", b" from "))
_LF, _BLANK, _SLASH = b"\n /"

_COLUMNS = ("pids", "serials", "clients", "addresses", "actions", "names", "answers")


@dataclass(frozen=True, slots=True)
class _Lines(Columns):
    """Lines, by where they begin and end, and by where what is in them does."""

    begin: Ints
    program: Ints
    slash: Ints
    serial: Ints
    client: Ints
    action: Ints
    name: Ints
    word: Ints
    value: Ints
    end: Ints


class Window:
    """The requests of a piece of log, by column, in the order of their first lines.

    Attributes:
        lines: How many there are.
        strays: Those that are not of the common form.
        newest_first: Whether time goes back from line to line, by and large.
        hashes: Of each request's key, as `hashes` gives them.
    """

    def __init__(self, data: bytes, lines: _Lines, times_us: Ints, strays: Sequence[bytes]) -> None:
        """Group lines.

        Args:
            data: Where they lie.
            lines: In their order.
            times_us: When they were written.
            strays: The other lines.
        """
        self.lines = len(lines) + len(strays)
        self.strays = strays
        self._data = data
        steps = np.diff(times_us)
        back, forth = np.count_nonzero(steps < 0), np.count_nonzero(steps > 0)
        self.newest_first = bool(back > forth and times_us[-1] < times_us[0])
        hashes = Texts(data, lines.program + len(PROGRAM), lines.slash).hashes()
        first, last = _ends(hashes)
        self.is_clear = True
        if back and not _actions(data, lines.only(first)).begin_with(QUERY).all():  # lines came in disorder
            self.is_clear = not strays
            in_time = np.argsort(times_us, kind="stable")
            lines, times_us, hashes = lines.only(in_time), times_us[in_time], hashes[in_time]
            first, last = _ends(hashes)
        self.hashes = hashes[first]
        self._rows = np.arange(len(first))
        self._first_us, self._last_us = times_us[first], times_us[last]
        firsts, lasts = lines.only(first), lines.only(last)
        answer = np.where(view(data, "<u4")[lasts.word - 1] == _IS, lasts.value, lasts.end)
        self._texts = {
            "first": Texts(data, firsts.begin, firsts.end),
            "last": Texts(data, lasts.begin, lasts.end),
            "keys": Texts(data, firsts.program, firsts.slash),
            "pids": Texts(data, firsts.program + len(PROGRAM), firsts.serial - len("]: ")),
            "serials": Texts(data, firsts.serial, firsts.client - 1),
            "clients": Texts(data, firsts.client, firsts.action - 1),
            "addresses": Texts(data, firsts.client, firsts.slash),
            "actions": _actions(data, firsts),
            "names": Texts(data, firsts.name, firsts.word - 1),
            "answers": Texts(data, answer, lasts.end),
        }

    @classmethod
    def of(cls, text: bytes, stamps: Stamps) -> Self | None:
        """Read lines; None where not all are so plain that `lines` would read them in the same way."""
        if b'"' in text or (b"(" in text and b" (" in text):  # JSON; a remark behind an answer
            return None
        data = b"".join((text, b"\n", bytes(SPARE)))
        read = _read(data, text)
        times_us = read and times(data, read[0].begin, read[0].program, stamps)
        if read is None or times_us is None:
            return None
        window = cls(data, read[0], times_us, read[1])
        return window if window.is_clear and window._is_plain() else None

    def _is_plain(self) -> bool:
        """Return whether PIDs and serials are numbers, addresses hold no slash, and nothing is empty."""
        texts = self._texts
        numbers = texts["pids"].are_digits() and texts["serials"].are_digits()
        whole = texts["actions"].lengths().all() and texts["names"].lengths().all()
        return bool(numbers and whole and not texts["addresses"].hold(_SLASH))

    def rows_of(self, hashes: Hashes) -> tuple[list[int], list[int]]:
        """Return which of these keys go on here, and as which requests."""
        first, _ = alike(np.concatenate([self.hashes, hashes]))
        own = first[len(self.hashes) :]
        theirs = np.flatnonzero(own < len(self.hashes))
        return theirs.tolist(), own[theirs].tolist()

    def first_lines(self, rows: Sequence[int]) -> list[bytes]:
        """Return the first lines of some requests."""
        return list(self._texts["first"].take(np.array(rows, np.int64)))

    def begin_earlier(
        self, rows: Sequence[int], firsts: Sequence[re.Match[bytes]], times_us: Sequence[int | None]
    ) -> None:
        """Let requests begin with lines of an earlier piece, as `FIRST_LINE` matches them."""
        at, end = np.array(rows, np.int64), len(self._data)
        self._first_us[at] = [UNTIMED if time is None else time for time in times_us]
        earlier = {
            "first": [match.string for match in firsts],
            "clients": [match["client"] for match in firsts],
            "addresses": [match["client"].partition(b"/")[0] for match in firsts],
            "actions": [match["action"] for match in firsts],
            "names": [match["name"] for match in firsts],
        }
        data = b"".join((self._data, *chain.from_iterable(earlier.values()), bytes(SPARE)))
        for column, replaced in earlier.items():
            lengths = np.array([len(word) for word in replaced], np.int64)
            ends = end + np.cumsum(lengths)
            begin, stop = self._texts[column].begin.copy(), self._texts[column].end.copy()
            begin[at], stop[at] = ends - lengths, ends
            self._texts[column] = Texts(data, begin, stop)
            end = int(ends[-1])

    def leave(self, rows: Sequence[int]) -> None:
        """Leave requests out: they go on elsewhere."""
        self._rows = np.setdiff1d(self._rows, rows, assume_unique=True)

    def by_key(self) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return the first and the last line of each request, as `lines` has them."""
        keys, firsts, lasts = (self._texts[column].take(self._rows) for column in ("keys", "first", "last"))
        return dict(zip(keys, firsts, strict=True)), dict(zip(keys, lasts, strict=True))

    def unanswered(self) -> list[tuple[bytes, bytes, bytes]]:
        """Return and leave out the requests without an answer: key, first and last line."""
        rows = self._rows[self._texts["answers"].lengths()[self._rows] == 0]
        self.leave(rows.tolist())
        columns = (self._texts[column].take(rows) for column in ("keys", "first", "last"))
        return list(zip(*columns, strict=True))

    def requests(self) -> Requests:
        """Return what is not left out."""
        texts = (self._texts[column] for column in _COLUMNS)
        whole = Requests(self._first_us, self._last_us, *texts)
        return whole.only(self._rows) if len(self._rows) < len(whole) else whole


def hashes(keys: Sequence[bytes]) -> Hashes:
    """Hash what all lines of a request have in common: "dnsmasq[PID]: SERIAL ADDRESS"."""
    texts = Texts.of(keys)
    return Texts(texts.data, texts.begin + len(PROGRAM), texts.end).hashes()


def _read(data: bytes, text: bytes) -> tuple[_Lines, list[bytes]] | None:
    """Cut a text at its blanks.

    Args:
        data: The text, an end of line, and spare octets.
        text: Lines.

    Returns:
        The lines of the common form, and the others; None where too few are, or there are odd characters.
    """
    program = text.find(PROGRAM)
    if program < 0:
        return None
    before = text.count(b" ", text.rfind(b"\n", 0, program) + 1, program)
    octets = np.frombuffer(data, np.uint8, len(text) + 1)
    places = np.flatnonzero(octets <= _BLANK)
    found = octets[places]
    ends_at = np.flatnonzero(found == _LF)
    blanks = np.diff(ends_at, prepend=-1) - 1  # in each line
    end = places[ends_at]
    begin = np.concatenate([[0], end[:-1] + 1])
    cut = blanks == before + _BLANKS
    at = ends_at[cut]
    if np.count_nonzero(found == _BLANK) + len(end) != len(places) or len(at) < _COMMON * len(end):
        return None
    serial, client, action, name, word, value = (places[at - place] + 1 for place in range(_BLANKS, 0, -1))
    lines = _Lines(
        begin=begin[cut],
        program=places[at - _BLANKS - 1] + 1 if before else begin[cut],
        slash=_slashes(octets, action - 1),
        serial=serial,
        client=client,
        action=action,
        name=name,
        word=word,
        value=value,
        end=end[cut],
    )
    common = _are_common(data, lines)
    cut[cut] = common
    if np.count_nonzero(cut) < _COMMON * len(cut):
        return None
    return lines.only(common), list(Texts(data, begin, end).take(np.flatnonzero(~cut)))


def _actions(data: bytes, lines: _Lines) -> Texts:
    return Texts(data, lines.action, lines.name - 1)


def _ends(hashes: Hashes) -> tuple[Ints, Ints]:
    """Return the first and the last line of each key, in the order of the first ones."""
    first, last = alike(hashes)
    firsts = np.flatnonzero(first == np.arange(len(first)))
    return firsts, last[firsts]


def _slashes(octets: NDArray[np.uint8], ends: Ints) -> Ints:
    """Find the slashes before ports that end there; 0 where there is none."""
    slash = np.zeros(len(ends), np.int64)
    for back in range(2, _WIDEST_PORT + 1):
        its = octets[ends - back] == _SLASH
        slash[its] = (ends - back)[its]
    return slash


def _are_common(data: bytes, lines: _Lines) -> Flags:
    """Return which lines have in the right places what all of them have."""
    word = words(data)[lines.word - 1]
    short = word & FIRST_OCTETS[len(" is ")]
    return np.asarray(
        (words(data)[lines.program] == _PROGRAM)
        & (view(data, "<u2")[lines.serial - 3] == _PID_ENDS)
        & ((short == _IS) | (short == _TO) | (word & FIRST_OCTETS[len(" from ")] == _FROM))
        & (lines.slash > lines.client)
        & (lines.end - lines.begin <= LONGEST)
    )
