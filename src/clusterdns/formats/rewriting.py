"""The rules of a Corefile's `rewrite`, as far as CoreDNS refuses some: regular expressions are not compiled.

Source: github.com/coredns/coredns, plugin/rewrite.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import dns.rdatatype

from clusterdns.formats.forwarding import RCODES
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import choice, counted
from clusterdns.formats.words import is_known

_MATCHES = ("exact", "prefix", "suffix", "substring", "regex")
_CLASSES = ("IN", "CS", "CH", "HS", "NONE", "ANY")
_LARGEST_RCODE = 23


def rewrite(stanza: Stanza) -> None:
    """Make sure that CoreDNS takes every rule of a server block.

    Raises:
        CorefileError: it refuses one's form.
        ValueError: it refuses a value.
    """
    while stanza.next():
        words = stanza.arguments()
        if len(words) < 2:  # noqa: PLR2004 - a kind and what it is about
            while stanza.next_in_block():
                words.append(stanza.text)
        _rule(words)


def _rule(words: Sequence[str]) -> None:
    if not words:
        raise ValueError("a rule names its kind")
    if words[0].lower() in ("continue", "stop"):
        words = words[1:]
        if not words:
            raise ValueError("a rule names its kind")
    kind, *rest = words
    if not is_known(kind):
        return
    if kind.lower() not in _RULES:
        raise ValueError(f"there is no rule {kind!r}")
    _RULES[kind.lower()](rest)


def _counted(words: Sequence[str], least: int, most: int | None = None) -> None:
    if len(words) < least or (most is not None and len(words) > most):
        raise ValueError(f"{len(words)} words are too {'few' if len(words) < least else 'many'} for the rule")


def _name(words: Sequence[str]) -> None:
    _counted(words, 2)
    if len(words) > 2:  # noqa: PLR2004 - more than from and to
        choice(words[0].lower(), *_MATCHES)
    if len(words) > 3:  # noqa: PLR2004 - rules for answers follow
        _answers(words[3:])


def _answers(words: Sequence[str]) -> None:
    _counted(words, 2)
    if words[0] != "answer":
        raise ValueError(f"{words[0]!r} stands where answer is expected")
    rest = list(words)
    automatic = named = False
    while rest:
        if rest[0] == "answer":
            rest.pop(0)
        if not rest:
            raise ValueError("a rule for answers names its kind")
        kind = rest.pop(0)
        choice(kind, "auto", "name", "value")
        if kind == "auto":
            automatic = True
            continue
        _counted(rest, 2)
        del rest[:2]
        named = named or kind == "name"
    if automatic and named:
        raise ValueError("answer auto and answer name exclude each other")


def _class(words: Sequence[str]) -> None:
    _counted(words, 2, 2)
    for word in words:
        choice(word.upper(), *_CLASSES)


def _type(words: Sequence[str]) -> None:
    _counted(words, 2, 2)
    for word in words:
        if is_known(word):
            try:
                dns.rdatatype.from_text(word)
            except (dns.rdatatype.UnknownRdatatype, ValueError):
                raise ValueError(f"there is no type {word!r}") from None


def _ttl(words: Sequence[str]) -> None:
    _counted(words, 2, 3)
    if len(words) == 3:  # noqa: PLR2004 - how to match, from, to
        choice(words[0].lower(), *_MATCHES)
    text = words[-1]
    if is_known(text):
        if text == "-" or not re.fullmatch(r"[0-9]{1,10}|[0-9]{0,10}-[0-9]{0,10}", text):
            raise ValueError(f"{text!r} is no TTL")
        least, _, most = text.partition("-")
        counted(least or "0")
        counted(most or "4294967295")
        if most and int(least or 0) > int(most):
            raise ValueError(f"{text} has its least behind its most")


def _rcode(words: Sequence[str]) -> None:
    _counted(words, 3, 4)
    if len(words) == 4:  # noqa: PLR2004 - how to match, name, from, to
        choice(words[0].lower(), *_MATCHES)
    for word in words[-2:]:
        if word.isdigit() and int(word) <= _LARGEST_RCODE:
            continue
        choice(word.upper(), *RCODES)


def _cname(words: Sequence[str]) -> None:
    _counted(words, 2, 3)
    if len(words) == 3:  # noqa: PLR2004 - how to match, from, to
        choice(words[0].lower(), *_MATCHES)


def _edns0(words: Sequence[str]) -> None:
    _counted(words, 2)
    choice(words[0].lower(), "local", "nsid", "subnet")
    choice(words[1].lower(), "append", "replace", "set", "unset")


_RULES: Mapping[str, Callable[[Sequence[str]], None]] = {
    "name": _name,
    "class": _class,
    "type": _type,
    "ttl": _ttl,
    "rcode": _rcode,
    "cname": _cname,
    "edns0": _edns0,
}
