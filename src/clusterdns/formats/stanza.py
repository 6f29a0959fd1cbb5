"""A directive's words, walked through as a plugin of CoreDNS walks through them when it is set up.

Source: github.com/coredns/caddy, caddyfile/dispenser.go.
"""

from collections.abc import Sequence

from clusterdns.formats.words import CorefileError, Position, Word, on_one_line


class Stanza:
    """A cursor in the words of one directive."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._cursor = -1
        self._in_block = False

    @property
    def text(self) -> str:
        """The word at the cursor; "" before the first."""
        return self._words[self._cursor].text if self._cursor >= 0 else ""

    @property
    def where(self) -> Position:
        """Where that word stands."""
        return self._words[max(self._cursor, 0)].where

    def next(self) -> bool:
        """Go to the next word; return whether there is one."""
        if self._cursor < len(self._words) - 1:
            self._cursor += 1
            return True
        return False

    def next_argument(self) -> bool:
        """Go to the next word if it stands on the same line; return whether it does."""
        if self._cursor < 0:
            return self.next()
        if self._cursor < len(self._words) - 1 and on_one_line(
            self._words[self._cursor], self._words[self._cursor + 1]
        ):
            self._cursor += 1
            return True
        return False

    def arguments(self) -> list[str]:
        """Take the other words of the line, up to an opening brace."""
        texts = []
        while self.next_argument():
            if self.text == "{":
                self._cursor -= 1
                break
            texts.append(self.text)
        return texts

    def next_in_block(self) -> bool:
        """Go to the next word of the block that begins on this line; return whether there is one."""
        if self._in_block:
            self._in_block = self.next() and self.text != "}"
            return self._in_block
        if not self.next_argument():
            return False
        if self.text != "{":
            self._cursor -= 1
            return False
        self._in_block = self.next() and self.text != "}"
        return self._in_block

    def error(self, problem: str) -> CorefileError:
        """Return the error that something is wrong here."""
        return CorefileError(problem, self.where)

    def miscounted(self) -> CorefileError:
        """Return the error that a line has too few or too many words."""
        return self.error(f"wrong number of arguments at {self.text!r}")
