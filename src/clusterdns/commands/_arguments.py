"""What commands offer their arguments to, and the numbers among these."""

import argparse
from collections.abc import Callable
from typing import Any

Commands = Any
"""argparse's sub-parsers: their type has no public name."""


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not below another."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < least:  # noqa: PLR2004
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
        return int(text)

    return read
