"""The text of a resolv.conf(5), as the C libraries read it.

Sources: glibc's resolv/res_init.c, musl's src/network/resolvconf.c and lookup_ipliteral.c.
"""

import ipaddress
import re
import socket
from collections.abc import Iterator

from clusterdns.model.resolver import MUSL_LINE, Libc, ResolvConf

_MOST_NAMESERVERS = 3  # MAXNS of both
_NUMBERED = ("ndots", "timeout", "attempts")
_SPACE = " \t\n\v\f\r"  # isspace(3) of the C locale
_ATOI = re.compile(rf"[{_SPACE}]*([+-]?[0-9]+)")


class ResolvConfError(ValueError):
    """A line that the resolver would silently ignore; the message quotes it."""


def parse(text: str, libc: Libc = Libc.GLIBC) -> ResolvConf:
    """Reads a resolv.conf as a C library does.

    glibc: keywords and the comment signs `#` and `;` count in the first column only, blanks are spaces and
    tabs. The last `search` or `domain` line with a value wins (`domain` takes one), options accumulate over
    lines, and what is unknown is passed over. musl differs in blanks (all white space), in `domain` (as
    `search`), and in lines of more than 255 characters, which it passes over.

    Args:
        text: The file's content.
        libc: Whose rules.

    Returns:
        The configuration, of the first three nameservers; a file that is empty gives the resolver's defaults.

    Raises:
        ResolvConfError: A nameserver is not an address: the C library would go on without it and say nothing.
    """
    return _glibc(text) if libc is Libc.GLIBC else _musl(text)


def _glibc(text: str) -> ResolvConf:
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[tuple[str, str | None]] = []
    for line in text.split("\n"):
        keyword, blank, rest = _split(line.partition("\0")[0])
        words = re.findall(r"[^ \t]+", rest)
        if not blank and keyword != "nameserver":
            continue
        if keyword == "nameserver":
            nameservers.append(_address(line, words[:1], scopes=False))
        elif keyword in {"search", "domain"} and words:
            search = _domains(words if keyword == "search" else words[:1])
        elif keyword == "options":
            options += _glibc_options(rest)
    return ResolvConf(tuple(nameservers[:_MOST_NAMESERVERS]), search, tuple(options))


def _musl(text: str) -> ResolvConf:
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: dict[str, str | None] = {}
    *ended, last = text.split("\n")
    for line in (*(f"{line}\n" for line in ended), last):
        if len(line.rstrip("\n").encode("utf-8", "surrogateescape")) >= MUSL_LINE:
            continue
        told = line.partition("\0")[0]
        words = re.findall(rf"[^{_SPACE}]+", told)
        keyword = next(
            (word for word in ("nameserver", "search", "domain", "options") if told.startswith(word)), ""
        )
        if not keyword or not told[len(keyword) :].startswith(tuple(_SPACE)):
            continue
        if keyword == "options":
            for name in _NUMBERED:
                if number := re.search(rf"{name}:(?P<digits>.[0-9]*)", told, re.DOTALL):
                    digits = number["digits"]
                    if re.fullmatch("[0-9]+", digits):
                        options[name] = digits
            plain = (word for word in words[1:] if word.partition(":")[0] not in _NUMBERED)
            options |= dict(map(_option, plain))
        elif keyword == "nameserver":
            nameservers.append(_address(line.rstrip("\n"), words[1:2], scopes=True))
        else:
            search = _domains(words[1:])
    return ResolvConf(tuple(nameservers[:_MOST_NAMESERVERS]), search, tuple(options.items()))


def _split(line: str) -> tuple[str, str, str]:
    """Cut a line into its keyword, the blank behind it, and the rest."""
    match = re.match(r"([^ \t]*)([ \t]?)(.*)", line, re.DOTALL)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _domains(words: list[str]) -> tuple[str, ...]:
    return tuple(domain.removesuffix(".") or "." for domain in words)


def _glibc_options(rest: str) -> Iterator[tuple[str, str | None]]:
    """Yield options; a number may stand behind blanks, as atoi(3) passes over them."""
    for word in re.finditer(r"[^ \t]+", rest):
        name, colon, value = word[0].partition(":")
        if colon and name in _NUMBERED:
            number = _ATOI.match(rest, word.start() + len(name) + 1)
            yield name, number[1] if number else value or None
        else:
            yield _option(word[0])


def _option(text: str) -> tuple[str, str | None]:
    name, _, value = text.partition(":")
    return name, value or None


def _address(line: str, words: list[str], *, scopes: bool) -> str:
    """Return the address that a line tells; IPv4 as inet_aton(3) reads it: octal, hexadecimal, or short."""
    word = words[0] if words else ""
    try:
        if "%" not in word and re.fullmatch("[0-9a-fA-FxX.]+", word):
            return socket.inet_ntoa(socket.inet_aton(word))
        address, percent, scope = word.partition("%")
        if ":" in address and (not scopes or not percent or scope):
            return str(ipaddress.IPv6Address(address))
    except (OSError, ValueError):
        pass
    raise ResolvConfError(f"resolv.conf: no address in the line {line!r}")
