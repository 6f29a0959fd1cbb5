"""The Corefile: CoreDNS' configuration, in the Caddyfile's grammar.

    blocks:  key [, key ...] { directives }   or keys on one line, then directives to the end of the file
    snippet: (name) { directives }            imported by its name
    lines:   name arguments [{ lines }]       # comments; "quoted words"; {$VARIABLE} or {%VARIABLE%}
    import:  import snippet | file | pattern  with one * or ? at most, relative to the importing file

Source: github.com/coredns/caddy, caddyfile/lexer.go and parse.go. One difference: what an
import brings in always begins a line of its own, where Caddy compares line numbers.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain

_MOST_IMPORTS = 10_000  # Caddy's own cap for snippets: imports that go in circles end here
_DEEPEST_IMPORT = 100
_VARIABLE = re.compile(r"\{%(.+?)%\}|\{\$(.+?)\}", re.DOTALL)


class CorefileError(ValueError):
    """CoreDNS would not start with this Corefile.

    Attributes:
        problem: In words.
        file: Its path.
        line: From 1.
        column: From 1, in characters.
    """

    def __init__(self, message: str, where: "Position") -> None:
        super().__init__(f"{where}: {message}")
        self.problem = message
        self.file, self.line, self.column = where.file, where.line, where.column


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Line:
    """A directive, or a line of a directive's block.

    Attributes:
        name: Its first word: a plugin or an option.
        arguments: The other words.
        block: The lines in braces after it.
        where: Where its first word stands.
    """

    name: str
    arguments: tuple[str, ...]
    block: tuple["Line", ...]
    where: Position


@dataclass(frozen=True, slots=True)
class ServerBlock:
    """A server and its plugins.

    Attributes:
        keys: Zones as written, e.g. "cluster.local:53".
        directives: In the order of the file, imports expanded.
    """

    keys: tuple[str, ...]
    directives: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    where: Position
    starts_line: bool


def parse(
    files: Mapping[str, str], path: str, variables: Mapping[str, str] | None = None
) -> tuple[ServerBlock, ...]:
    """Parse a Corefile with all that it imports.

    Args:
        files: Absolute path -> text of every file that can be imported, as mounted into the pod.
        path: Of the Corefile, a key of `files`.
        variables: The environment of CoreDNS; as in CoreDNS, a variable that is not there is empty.

    Raises:
        CorefileError: CoreDNS would not take it.
    """
    return tuple(_Parser(files, variables or {}).blocks(path))


class _Parser:
    def __init__(self, files: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._files = files
        self._variables = variables
        self._snippets: dict[str, tuple[_Token, ...]] = {}
        self._sources: list[Iterator[_Token]] = []  # the innermost import is last
        self._ahead: list[_Token] = []
        self._imports = 0
        self._last = Position("", 1, 1)
        self._fresh_line = False  # an import has just begun or ended

    def blocks(self, path: str) -> Iterator[ServerBlock]:
        self._last = Position(path, 1, 1)
        self._sources.append(iter(_tokens(self._files[path], path)))
        while self._peek():
            keys, braces = self._keys()
            if len(keys) == 1 and keys[0].startswith("(") and keys[0].endswith(")"):
                self._define(keys[0][1:-1], braces=braces)
                continue
            directives = self._lines(braces=braces)
            if keys:
                yield ServerBlock(keys, directives)

    def _keys(self) -> tuple[tuple[str, ...], bool]:
        """Return a block's keys, and whether a brace opens it; the brace is taken."""
        keys: list[str] = []
        more = False  # a comma came last
        first = True
        while token := self._peek():
            if token.text == "import" and (first or token.starts_line):
                self._import()
                continue
            if token.starts_line and not first and not more and token.text != "{":
                return tuple(keys), False
            self._next()
            if token.text == "{":
                if more:
                    raise CorefileError("another zone must follow the comma, not '{'", token.where)
                return tuple(keys), True
            first = False  # '}' would be a key, too: CoreDNS starts with one brace too many at the end
            key = self._expanded(token.text)
            more = key.endswith(",")
            if key.removesuffix(","):
                keys.append(key.removesuffix(","))
        if more:
            raise CorefileError("the file ends after a comma: another zone must follow", self._last)
        return tuple(keys), False

    def _define(self, name: str, *, braces: bool) -> None:
        """Keep a snippet's tokens; they are parsed where it is imported."""
        if name in self._snippets:
            raise CorefileError(f"snippet ({name}) is there twice", self._last)
        if not braces:
            raise CorefileError(f"snippet ({name}) needs '{{'", self._last)
        body: list[_Token] = []
        depth = 1
        while token := self._next():
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                self._snippets[name] = tuple(body)
                return
            body.append(token)
        raise CorefileError(f"the file ends inside snippet ({name}): '}}' is missing", self._last)

    def _lines(self, *, braces: bool) -> tuple[Line, ...]:
        """Return a server block's lines up to its closing brace, or to the end where it has none."""
        done: list[list[Line]] = [[]]  # the lines of each open block, the innermost last
        open_: list[list[_Token]] = []  # the words of each line whose block is open
        while token := self._peek():
            begins = token.starts_line or bool(open_ and not done[-1])
            if token.text == "import" and begins:
                self._import()
                continue
            self._next()
            if token.text == "}":
                if not open_:
                    return tuple(done[0])
                words, block = open_.pop(), done.pop()
                done[-1].append(self._line(words, tuple(block)))
                continue
            if token.text == "{":
                raise CorefileError("'{' opens nothing", token.where)
            words = self._words(token)
            after = self._peek()
            if after and after.text == "{":
                self._next()
                open_.append(words)
                done.append([])
                continue
            if after and after.text == "}" and not after.starts_line and not open_:
                raise CorefileError("'}' must stand on a line of its own", after.where)
            done[-1].append(self._line(words, ()))
        if braces or open_:
            raise CorefileError("the file ends inside a block: '}' is missing", self._last)
        return tuple(done[0])

    def _words(self, first: _Token) -> list[_Token]:
        """Return the words of the line that `first` begins."""
        words = [first]
        while (token := self._peek()) and not token.starts_line and token.text not in ("{", "}"):
            self._next()
            words.append(token)
        return words

    def _line(self, words: list[_Token], block: tuple[Line, ...]) -> Line:
        name, *arguments = (self._expanded(word.text) for word in words)
        return Line(name, tuple(arguments), block, words[0].where)

    def _import(self) -> None:
        """Take an import and its argument; what it names is read next."""
        where = self._taken().where
        argument = self._peek()
        if argument is None or argument.starts_line:
            raise CorefileError("import needs a snippet, a file or a pattern", where)
        self._next()
        wanted = self._expanded(argument.text)
        extra = self._peek()
        if extra and not extra.starts_line:
            raise CorefileError("import takes one argument", extra.where)
        if not wanted:
            raise CorefileError("import needs a snippet, a file or a pattern", argument.where)
        self._imports += 1
        if self._imports > _MOST_IMPORTS or len(self._sources) > _DEEPEST_IMPORT:
            raise CorefileError(f"imports of {wanted} go in circles", argument.where)
        tokens = self._imported(wanted, argument.where)
        if extra:  # it was looked at, and comes after the import
            self._ahead.clear()
            self._sources[-1] = chain([extra], self._sources[-1])
        self._sources.append(iter(tokens))
        self._fresh_line = True

    def _imported(self, wanted: str, where: Position) -> tuple[_Token, ...]:
        if wanted in self._snippets:
            return self._snippets[wanted]
        pattern = posixpath.normpath(posixpath.join(posixpath.dirname(where.file), wanted))
        if wanted.count("*") > 1 or wanted.count("?") > 1 or re.search(r"\[.*\]", wanted):
            raise CorefileError(f"pattern {wanted} has more than one wildcard", where)
        folder = posixpath.dirname(pattern)
        if re.search(r"[*?]", pattern):
            names = [
                name
                for name in sorted(self._files)
                if posixpath.dirname(name) == folder and fnmatchcase(name, pattern)
            ]
        elif pattern in self._files:
            names = [pattern]
        else:
            raise CorefileError(f"no snippet and no file {wanted}", where)
        return tuple(token for name in names for token in _tokens(self._files[name], name))

    def _expanded(self, text: str) -> str:
        return _VARIABLE.sub(lambda found: self._variables.get(found[1] or found[2], ""), text)

    def _peek(self) -> _Token | None:
        if self._ahead:
            return self._ahead[-1]
        while self._sources:
            token = next(self._sources[-1], None)
            if token is not None:
                self._ahead.append(replace(token, starts_line=True) if self._fresh_line else token)
                self._fresh_line = False
                return self._ahead[-1]
            self._sources.pop()
            self._fresh_line = True
        return None

    def _next(self) -> _Token | None:
        token = self._peek()
        if token is not None:
            self._ahead.pop()
            self._last = token.where
        return token

    def _taken(self) -> _Token:
        token = self._next()
        if token is None:
            raise CorefileError("the file ends too early", self._last)
        return token


def _tokens(text: str, file: str) -> Iterator[_Token]:
    r"""Yield the words of a file.

    A word in quotes may hold anything, and lines; \" is a quote in it, and nothing else is
    escaped. A # begins a comment wherever it stands outside quotes, inside a word too.
    """
    text = text.removeprefix("\ufeff")
    position, line, line_start, last_line = 0, 1, 0, 0
    while position < len(text):
        character = text[position]
        if character == "\n":
            line, line_start = line + 1, position + 1
        if character.isspace():
            position += 1
            continue
        if character == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        where = Position(file, line, position - line_start + 1)
        starts_line = line != last_line
        if character == '"':
            word, position = _quoted(text, position + 1, where)
            line += word.count("\n")
            line_start = text.rfind("\n", 0, position) + 1
        else:
            word, position = _bare(text, position)
        last_line = line
        yield _Token(word, where, starts_line)


def _quoted(text: str, start: int, where: Position) -> tuple[str, int]:
    """Return what stands in quotes, and the position after the closing one."""
    found = re.compile(r'((?:[^"\\]|\\.)*)"', re.DOTALL).match(text, start)
    if not found:
        raise CorefileError("the file ends inside quotes", where)
    return found[1].replace('\\"', '"'), found.end()


def _bare(text: str, start: int) -> tuple[str, int]:
    """Return the word that begins at `start`, and the position after it; a carriage return ends no word."""
    end = start
    while end < len(text) and text[end] != "#" and (text[end] == "\r" or not text[end].isspace()):
        end += 1
    return text[start:end].replace("\r", ""), end
