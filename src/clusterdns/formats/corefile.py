"""The Corefile: CoreDNS' configuration, in the Caddyfile's grammar, read as Caddy reads it.

    blocks:  key [, key ...] { directives }   or keys on one line, then directives to the end of the file
    snippet: (name) { directives }            imported by its name
    lines:   name arguments [{ lines }]       # comments; "quoted words"; {$VARIABLE} or {%VARIABLE%}
    import:  import snippet | file | pattern  with one * or ? at most, relative to the importing file

A directive's words are kept in a row, as a plugin receives them: `stanza` walks through them.
Source: github.com/coredns/caddy, caddyfile/lexer.go and parse.go.
"""

import posixpath
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise

from clusterdns.formats.words import (
    CorefileError,
    Position,
    Word,
    expanded,
    is_known,
    on_one_line,
    readable,
    words_of,
)

_MOST_SNIPPETS = 10_000  # Caddy's own cap: imports that go in circles end here
_MOST_FILES = 1_000  # Caddy's is 100,000; no file system of a pod has as many
_MOST_WORDS = 200_000


class UnseenFileError(CorefileError):
    """The Corefile imports what cannot be seen: what CoreDNS makes of it is not known."""


@dataclass(frozen=True, slots=True)
class ServerBlock:
    """A server and its plugins.

    Attributes:
        keys: Zones as written, e.g. "cluster.local:53".
        directives: Plugin -> its words in the order of the file, all of its lines in a row, imports expanded.
        where: Where its first key stands.
    """

    keys: tuple[str, ...]
    directives: Mapping[str, tuple[Word, ...]]
    where: Position


def parse(
    files: Mapping[str, str],
    path: str,
    variables: Mapping[str, str | None] | None = None,
    known: Collection[str] | None = None,
    unseen: Collection[str] = (),
) -> tuple[ServerBlock, ...]:
    """Parse a Corefile with all that it imports.

    Args:
        files: Absolute path -> text of every file that can be imported, as mounted into the pod.
        path: Of the Corefile, a key of `files`.
        variables: The environment of CoreDNS, None where a value is not known; as in CoreDNS, a variable that
            is not there is empty.
        known: The directives of this CoreDNS; None takes any.
        unseen: Paths of files and folders whose content is not known.

    Raises:
        CorefileError: CoreDNS would not take it.
        UnseenFileError: It imports something unseen.
    """
    return tuple(_Parser(files, path, variables or {}, known, unseen).blocks())


class _Parser:
    """Caddy's parser: a cursor in a list of words, into which imports are spliced."""

    def __init__(
        self,
        files: Mapping[str, str],
        path: str,
        variables: Mapping[str, str | None],
        known: Collection[str] | None,
        unseen: Collection[str],
    ) -> None:
        self._unseen = tuple(posixpath.normpath(place) for place in unseen)
        self._files = files
        self._variables = variables
        self._known = known
        self._words = words_of(files[path], path)
        self._cursor = -1
        self._start = Position(path, 1, 1)
        self._snippets: dict[str, list[Word]] = {}
        self._snippets_imported = self._files_imported = 0

    def blocks(self) -> list[ServerBlock]:
        blocks = []
        while self._next():
            where = self._where()
            keys, ended = self._keys()
            directives: dict[str, list[Word]] = {}
            if ended:
                pass  # nothing but keys, up to the end
            elif len(keys) == 1 and keys[0].startswith("(") and keys[0].endswith(")"):
                self._define(keys[0][1:].removesuffix(")"))
                continue
            else:
                self._block(directives)
            if keys:
                told = {name: tuple(words) for name, words in directives.items()}
                blocks.append(ServerBlock(tuple(keys), told, where))
        return blocks

    def _keys(self) -> tuple[list[str], bool]:
        """Return a block's keys, and whether the text ends with them; the cursor is behind them."""
        keys: list[str] = []
        more = False  # a comma came last
        while True:
            key = self._expanded(self._text())
            if key == "import" and self._begins_line():
                self._import()
                continue
            if key == "{":
                if more:
                    raise self._error("another zone must follow the comma, not '{'")
                return keys, False
            if key:
                more = key.endswith(",")
                keys.append(key.removesuffix(","))
            if not self._next():
                if more:
                    raise self._error("the file ends after a comma: another zone must follow")
                return keys, True
            if not more and self._begins_line():
                return keys, False

    def _block(self, directives: dict[str, list[Word]]) -> None:
        """Take a server block's directives, with or without braces around them."""
        braces = self._text() == "{"
        if not braces:
            self._cursor -= 1
        while self._next():
            if self._text() == "}":
                break
            if self._text() == "import":
                self._import()
                self._cursor -= 1
                continue
            self._directive(directives)
        if braces and self._text() != "}":
            raise self._error("the file ends inside a block: '}' is missing")

    def _directive(self, directives: dict[str, list[Word]]) -> None:
        name = self._expanded(self._text())
        if self._known is not None and name not in self._known:
            raise self._error(f"unknown directive {name!r}")
        words = directives.setdefault(name, [])
        words.append(self._words[self._cursor])
        depth = 0
        while self._next():
            text = self._text()
            if text == "{":
                depth += 1
            elif self._begins_line() and depth == 0:
                self._cursor -= 1
                break
            elif text == "}":
                if depth == 0:
                    raise self._error("'}' closes nothing: it must stand on a line of its own")
                depth -= 1
            elif text == "import" and self._begins_line():
                self._import()
                self._cursor -= 1
                continue
            word = self._words[self._cursor]
            self._words[self._cursor] = replace(word, text=self._expanded(text))
            words.append(self._words[self._cursor])
        if depth > 0:
            raise self._error("the file ends inside a block: '}' is missing")

    def _define(self, name: str) -> None:
        """Keep a snippet's words; they are parsed where it is imported."""
        if name in self._snippets:
            raise self._error(f"snippet ({name}) is there twice")
        if self._text() != "{":
            raise self._error(f"snippet ({name}) needs '{{'")
        body: list[Word] = []
        depth = 1
        while self._next():
            depth += (self._text() == "{") - (self._text() == "}")
            if depth == 0:
                break
            body.append(self._words[self._cursor])
        if depth:
            raise self._error(f"the file ends inside snippet ({name}): '}}' is missing")
        for index, (word, argument) in enumerate(pairwise(body)):
            begins = index == 0 or body[index - 1].where.line != word.where.line
            if word.text == "import" and begins and self._expanded(argument.text) == name:
                raise CorefileError(f"imports of {name} go in circles", word.where)
        self._snippets[name] = body

    def _import(self) -> None:
        """Put what an import names in its place; the next word is then the one before the first of it."""
        if not self._next_argument():
            raise self._error("import needs a snippet, a file or a pattern")
        wanted = self._expanded(self._text())
        if not wanted:
            raise self._error("import needs a snippet, a file or a pattern")
        where = self._where()
        if self._next_argument():
            raise self._error("import takes one argument")
        words = self._imported(wanted, where)
        self._words[self._cursor - 1 : self._cursor + 1] = words
        self._cursor -= 1
        if len(self._words) > _MOST_WORDS:
            raise CorefileError(f"imports of {wanted} go in circles", where)

    def _imported(self, wanted: str, where: Position) -> list[Word]:
        if wanted in self._snippets:
            self._snippets_imported += 1
            if self._snippets_imported > _MOST_SNIPPETS:
                raise CorefileError(f"imports of {wanted} go in circles", where)
            return self._snippets[wanted]
        self._files_imported += 1
        if self._files_imported > _MOST_FILES:
            raise CorefileError(f"imports of {wanted} go in circles", where)
        pattern = posixpath.normpath(posixpath.join(posixpath.dirname(where.file), wanted))
        if pattern.count("*") > 1 or pattern.count("?") > 1 or ("[" in pattern and "]" in pattern):
            raise CorefileError(f"pattern {wanted} has more than one wildcard", where)
        if pattern not in self._files and f"{pattern}/".startswith(
            tuple(f"{place}/" for place in self._unseen)
        ):
            raise UnseenFileError(f"{pattern} cannot be seen", where)
        if not is_known(wanted):
            raise UnseenFileError(f"what {readable(wanted)} stands for is not known", where)
        if re.search(r"[*?]", pattern):
            folder = posixpath.dirname(pattern)
            names = [
                name
                for name in sorted(self._files)
                if posixpath.dirname(name) == folder and fnmatchcase(name, pattern)
            ]
        elif pattern in self._files:
            names = [pattern]
        else:
            raise CorefileError(f"no snippet and no file {wanted}", where)
        return [word for name in names for word in words_of(self._files[name], name)]

    def _expanded(self, text: str) -> str:
        return expanded(text, self._variables, self._where())

    def _next(self) -> bool:
        if self._cursor < len(self._words) - 1:
            self._cursor += 1
            return True
        return False

    def _next_argument(self) -> bool:
        if 0 <= self._cursor < len(self._words) - 1 and on_one_line(
            self._words[self._cursor], self._words[self._cursor + 1]
        ):
            self._cursor += 1
            return True
        return False

    def _begins_line(self) -> bool:
        if self._cursor < 1:
            return True
        if self._cursor >= len(self._words):
            return False
        before, word = self._words[self._cursor - 1], self._words[self._cursor]
        return before.where.file != word.where.file or before.last_line < word.where.line

    def _text(self) -> str:
        return self._words[self._cursor].text if 0 <= self._cursor < len(self._words) else ""

    def _where(self) -> Position:
        if not self._words:
            return self._start
        return self._words[min(max(self._cursor, 0), len(self._words) - 1)].where

    def _error(self, problem: str) -> CorefileError:
        return CorefileError(problem, self._where())
