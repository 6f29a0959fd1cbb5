"""Text that came from a cluster, made safe to show: names there are under nobody's control."""

import re

# What XML 1.0 (2.2 Char) cannot hold, what no UTF-8 file can (surrogates), and what
# drives a terminal (C0 and C1 controls). Tab and newline stay.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    r"""Return `text` with every unsafe character written as its escape, e.g. \x1b."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Return `text` on one line: runs of white space become one blank."""
    return " ".join(text.split())
