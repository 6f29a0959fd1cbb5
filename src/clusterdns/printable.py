"""Text from outside on a terminal's line: names, paths and messages are under nobody's control."""


def printable_line(text: str) -> str:
    r"""Return `text` as part of one line, with everything that is not plainly visible as its escape.

    That is what `str.isprintable` does not let pass: controls (a newline would begin a line of its own, an
    escape drives the terminal), marks that turn the direction of writing, separators of lines, surrogates:
    "\x1b", "\u202e".
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
