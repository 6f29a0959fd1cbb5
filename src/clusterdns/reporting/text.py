"""Text that came from a cluster, made safe to show: names there are under nobody's control."""

import re

# What XML 1.0 (2.2 Char) cannot hold, what no UTF-8 file can (surrogates), what drives a terminal (C0 and C1
# controls), and what shows text in another order or on another line than it is (UAX 9, 14: bidirectional
# marks and overrides, line and paragraph separators). Tab and newline stay.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_BREAKS = re.compile("[\t\n\r]+")
_LONGEST = 2000  # characters of a line: a screenful


def printable(text: str) -> str:
    r"""Return `text` with every unsafe character written as its escape, e.g. \x1b."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def shown(text: str) -> str:
    """Return `text` as one line of a terminal, printable and no longer than a screenful."""
    line = printable(_BREAKS.sub(" ", text))
    if len(line) <= _LONGEST:
        return line
    return f"{line[:_LONGEST]} ... ({len(line):,} characters)"


def one_line(text: str) -> str:
    """Return `text` on one line: runs of white space become one blank."""
    return " ".join(text.split())
