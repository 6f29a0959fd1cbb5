"""Text -> the words of a Corefile, and variables in them, as Caddy's lexer reads them.

Source: github.com/coredns/caddy, caddyfile/lexer.go, and replaceEnvVars in parse.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Go's unicode.IsSpace; str.isspace knows more.
_SPACES = frozenset(" \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}
_REFERENCES = (("{%", "%}"), ("{$", "}"))
_MOST_EXPANSIONS = 1000  # Caddy goes on for ever where a value names its own variable
_NOT_KNOWN = "\ufffc"  # "object replacement character": it stands for a value


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
class Word:
    """A word of a Corefile, without its quotes, and where it begins."""

    text: str
    where: Position

    @property
    def last_line(self) -> int:
        """The line it ends on: a word in quotes may hold lines."""
        return self.where.line + self.text.count("\n")


def on_one_line(word: Word, following: Word) -> bool:
    """Return whether a word stands on the line that the one before it ends on."""
    return word.where.file == following.where.file and word.last_line == following.where.line


def words_of(text: str, file: str) -> list[Word]:
    r"""Return the words of a file.

    A word in quotes may hold anything, and lines; \" is a quote in it, and nothing else is escaped; where the
    closing quote is missing, it goes to the end. A # begins a comment wherever it stands outside quotes, and
    one that stands in a word goes to the next space only, as in Caddy.
    """
    words: list[Word] = []
    position = 1 if text.startswith("\ufeff") else 0
    line, line_start = 1, position
    while position < len(text):
        word, position, line, line_start = _word(text, position, line, line_start, file)
        if word is not None:
            words.append(word)
    return words


def _word(
    text: str, position: int, line: int, line_start: int, file: str
) -> tuple[Word | None, int, int, int]:
    """Return the next word, the position behind it, the line there and where that line begins."""
    letters: list[str] = []
    where = Position(file, line, 1)
    comment = False
    while position < len(text):
        character = text[position]
        position += 1
        if character in _SPACES:
            if character == "\r":
                continue
            if character == "\n":
                line, line_start, comment = line + 1, position, False
            if letters:
                return Word("".join(letters), where), position, line, line_start
            continue
        comment = comment or character == "#"
        if comment:
            continue
        if not letters:
            where = Position(file, line, position - line_start)
            if character == '"':
                quoted, position = _quoted(text, position)
                if quoted is None:
                    return None, position, line, line_start
                line += quoted.count("\n")
                return Word(quoted, where), position, line, max(text.rfind("\n", 0, position) + 1, line_start)
        letters.append(character)
    return (Word("".join(letters), where) if letters else None), position, line, line_start


def _quoted(text: str, position: int) -> tuple[str | None, int]:
    """Return what stands in quotes and the position behind; None for an empty word that is not closed."""
    letters: list[str] = []
    escaped = False
    while position < len(text):
        character = text[position]
        position += 1
        if escaped:
            letters.append(character if character == '"' else f"\\{character}")
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            return "".join(letters), position
        else:
            letters.append(character)
    return ("".join(letters) or None), position


def expanded(text: str, variables: Mapping[str, str | None], where: Position) -> str:
    """Return a word with its variables replaced; what is not known is marked, see `is_known`.

    Raises:
        CorefileError: variables name each other in circles.
    """
    for start, end in _REFERENCES:
        for _ in range(_MOST_EXPANSIONS):
            index = text.find(start)
            if index < 0:
                break
            close = text.find(end, index)
            if close < 0:
                break
            if close <= index + len(start):
                return text
            name = text[index + len(start) : close]
            value = variables.get(name, "")
            text = text.replace(text[index : close + len(end)], not_known(name) if value is None else value)
        else:
            raise CorefileError(f"variables in {text[:60]!r} name each other in circles", where)
    return text


def is_known(text: str) -> bool:
    """Return whether no value in a word is left open."""
    return _NOT_KNOWN not in text


def readable(text: str) -> str:
    """Return a word for people: the name of a variable where its value is not known."""
    return text.replace(_NOT_KNOWN, "$")


def not_known(name: str) -> str:
    """Return what stands in a text for a value that is not known: see `is_known`."""
    return f"{_NOT_KNOWN}{name.replace('{', '').replace('}', '')}"
