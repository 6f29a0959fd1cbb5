"""What a C library's resolver asks for one name: the arithmetic of search list and ndots.

The rules are those of glibc (resolv.conf(5), res_search(3), `__res_context_search` in resolv/res_query.c) and
of musl (`name_from_dns_search` in src/network/lookup_name.c). Where the manual is silent they were read off
glibc 2.36 and musl 1.2.3 with a DNS server that answers as told;
tests/proof/test_resolver_model_against_libc.py repeats that.

Retries are left out: a query sent again, after a time-out or at once after SERVFAIL, carries the id of the
first try.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_NDOTS = 15
MAX_NAME = 253
"""Characters of a name written without its final dot: 255 octets on the wire (RFC 1035, 2.3.4)."""
MAX_LABEL = 63
MUSL_LINE = 255
"""musl skips longer lines of resolv.conf, the newline counted (src/network/resolvconf.c)."""


class Libc(StrEnum):
    """The C libraries whose resolvers are modelled."""

    GLIBC = "glibc"
    MUSL = "musl"


class Reply(StrEnum):
    """What a zone says to one question."""

    ANSWER = "ANSWER"
    NODATA = "NODATA"
    NXDOMAIN = "NXDOMAIN"
    SERVFAIL = "SERVFAIL"


@dataclass(frozen=True, slots=True)
class Question:
    """What one query asks.

    Attributes:
        name: Absolute, in lower case, without the final dot.
        rtype: The type's mnemonic, such as "A".
    """

    name: str
    rtype: str


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """A resolv.conf(5), with the meaning that glibc gives it.

    Attributes:
        nameservers: Addresses in the order of the file.
        search: The search list in its order, without final dots; the root stays ".".
        options: (name, value), the value None where there is none. Each name once, the last one given,
            sorted: the kubelet writes options in no particular order, and equal configurations are to compare
            equal.
    """

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[tuple[str, str | None], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(sorted(dict(self.options).items())))

    @property
    def ndots(self) -> int:
        """The dots a name needs to be tried as is first; 1 when not set, at most 15."""
        return self._number("ndots", 1, MAX_NDOTS) & MAX_NDOTS  # glibc keeps it in four bits: -1 is 15

    @property
    def timeout(self) -> int:
        """Seconds until a query is sent again; 5 when not set, at most 30."""
        return self._number("timeout", 5, 30)

    @property
    def attempts(self) -> int:
        """How often each nameserver is asked; 2 when not set, at most 5."""
        return self._number("attempts", 2, 5)

    def _number(self, name: str, default: int, most: int) -> int:
        options = dict(self.options)
        if name not in options:
            return default
        # As atoi(3) reads it: leading digits, or nothing; what is too large for an int is cut.
        digits = re.match(r"[+-]?[0-9]+", options[name] or "")
        number = max(-(1 << 63), min(int(digits[0]), (1 << 63) - 1)) if digits else 0
        return min((number + (1 << 31)) % (1 << 32) - (1 << 31), most)


def search_candidates(name: str, conf: ResolvConf, libc: Libc) -> tuple[str, ...]:
    """Lists the absolute names that are asked for, in order, as long as none resolves.

    A trailing dot makes the name absolute: one candidate. Else, with at least ndots dots, glibc tries the
    name as is first and the search list after it, musl the name as is only; with fewer dots both try the
    search list first and the name as is last. What does not fit in a message ends the list; glibc still tries
    the name as is, musl does not (and skips suffixes that make more than 255 characters). musl sends a
    malformed message for a root entry (".") and gives up: the candidates end there.

    Args:
        name: A host name as an application gives it; not an address, which is never asked for.
        conf: The resolver's configuration.
        libc: Whose rules.

    Returns:
        Names in lower case without final dot; a name listed twice is asked for twice.

    Raises:
        ValueError: The root, or a name that no message can hold, for which neither library asks anything.
    """
    bare = name.lower().removesuffix(".")
    if not _fits(bare):
        raise ValueError(f"{name!r} is not a host name: an empty label, or longer than a DNS message holds")
    if name.endswith("."):
        return (bare,)
    as_is_first = bare.count(".") >= conf.ndots
    return (_glibc if libc is Libc.GLIBC else _musl)(bare, conf, as_is_first=as_is_first)


def expected_queries(
    name: str, families: Sequence[str], conf: ResolvConf, libc: Libc, zone: Callable[[Question], Reply]
) -> tuple[Question, ...]:
    """Lists the queries of one getaddrinfo(3) call, in the order they are sent, retries left out.

    Both libraries ask for all families of a candidate back to back before the next. glibc ends at the first
    candidate that answers for any family and goes on after everything else, SERVFAIL too. musl looks at the
    replies in order: NXDOMAIN goes on to the next candidate (though the other family answers), SERVFAIL ends
    the lookup, and so does a candidate that exists, NODATA or not. musl sends each query to all its
    nameservers at once: it is listed once.

    Args:
        name: As for `search_candidates`.
        families: ("A",) for AF_INET, ("AAAA",) for AF_INET6, ("A", "AAAA") for AF_UNSPEC.
        conf: The resolver's configuration.
        libc: Whose rules.
        zone: What the nameserver replies.

    Returns:
        One question per query.

    Raises:
        ValueError: As for `search_candidates`.
    """
    queries: list[Question] = []
    for candidate in search_candidates(name, conf, libc):
        questions = [Question(candidate, family) for family in families]
        queries += questions
        if _ends(libc, [zone(question) for question in questions]):
            break
    return tuple(queries)


def _glibc(name: str, conf: ResolvConf, *, as_is_first: bool) -> tuple[str, ...]:
    candidates = [name] if as_is_first else []
    as_is_done = as_is_first
    for suffix in conf.search:
        candidate = name if suffix == "." else f"{name}.{suffix.lower()}"
        if not _fits(candidate):
            break
        candidates.append(candidate)
        as_is_done |= suffix == "."
    return tuple(candidates) if as_is_done else (*candidates, name)


def _musl(name: str, conf: ResolvConf, *, as_is_first: bool) -> tuple[str, ...]:
    if as_is_first:
        return (name,)
    line = f"search {' '.join(conf.search)}\n"
    candidates: list[str] = []
    for suffix in conf.search if len(line) <= MUSL_LINE else ():
        candidate = f"{name}.{suffix.lower()}"
        if len(candidate) > MUSL_LINE:
            continue
        if not _fits(candidate):
            return tuple(candidates)
        candidates.append(candidate)
    return (*candidates, name)


def _ends(libc: Libc, replies: Sequence[Reply]) -> bool:
    if libc is Libc.GLIBC:
        return Reply.ANSWER in replies
    decisive = (reply for reply in replies if reply in {Reply.NXDOMAIN, Reply.SERVFAIL})
    return next(decisive, None) is not Reply.NXDOMAIN


def _fits(name: str) -> bool:
    return len(name) <= MAX_NAME and all(1 <= len(label) <= MAX_LABEL for label in name.split("."))
