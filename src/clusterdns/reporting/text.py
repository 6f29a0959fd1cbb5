"""Text that came from a cluster, made safe to show: names there are under nobody's control."""

import re

# What XML 1.0 (2.2 Char) cannot hold, what no UTF-8 file can (surrogates), what drives a terminal (C0 and C1
# controls), and what shows text in another order or on another line than it is (UAX 9, 14: bidirectional
# marks and overrides, line and paragraph separators). Tab and newline stay.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_BREAKS = re.compile("[\t\n\r]+")
# What CI systems take for a command where it stands in a job's log: GitHub Actions ::error:: at the beginning
# of a line, blanks left out, and ##[error] anywhere, as Azure Pipelines ##vso[task.complete] and TeamCity
# ##teamcity[message]. Source: docs.github.com, "Workflow commands"; actions/runner, ActionCommand.
_COMMAND = re.compile(r"^(\s*):(?=:[a-z-]+(?:\s|::))|#(?=#[a-z]*\[)", re.IGNORECASE)
_LONGEST = 2000  # characters of a line: a screenful


def printable(text: str) -> str:
    r"""Return `text` with every unsafe character written as its escape, e.g. \x1b."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def shown(text: str) -> str:
    """Return `text` as one line of a terminal or log: printable, bounded, and no command to a CI system."""
    line = bounded(_BREAKS.sub(" ", text))
    return _COMMAND.sub(lambda match: f"{match[1] or ''}\\x{ord(match[0][-1]):x}", line)


def bounded(text: str) -> str:
    """Return `text` printable, and no longer than a screenful."""
    safe = printable(text)
    if len(safe) <= _LONGEST:
        return safe
    return f"{safe[:_LONGEST]} ... ({len(safe):,} characters)"


def one_line(text: str) -> str:
    """Return `text` on one line: runs of white space become one blank."""
    return " ".join(text.split())
