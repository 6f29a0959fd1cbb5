"""The words of a container's command line, as the programs themselves read them.

Go's package flag takes `-flag value` and `-flag=value`, with one hyphen or two; some are true by themselves.
dnsmasq takes getopt's forms: `-S value`, `-Svalue`, `-kN`, `--server value`, `--server=value`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.cluster.api import Object
from clusterdns.cluster.objects import texts

# Letters of dnsmasq's options that take a value. Source: dnsmasq's src/option.c, OPTSTRING.
_WITH_VALUE = frozenset("rmpclsitugaxSCATHQIBFGOMXVUjPJWY2467803")
_LONG = {
    "S": "server",
    "c": "cache-size",
    "N": "no-negcache",
    "R": "no-resolv",
    "r": "resolv-file",
    "0": "dns-forward-max",
}

_TAKES = frozenset({"server", "cache-size", "resolv-file", "max-tcp-connections", "dns-forward-max"})
"""Long options that take a value which may be the next word, as far as anybody asks for them."""


def words(containers: Iterable[Object]) -> list[str]:
    """Return every word of containers' command lines."""
    return [word for one in containers for word in (*texts(one, "command"), *texts(one, "args"))]


def flag(containers: Iterable[Object], name: str) -> str | None:
    """Return the last value of one of Go's flags; "" where it stands without one, None where it does not."""
    found = None
    line = words(containers)
    for index, word in enumerate(line):
        own, equals, value = word.partition("=")
        if own in (f"-{name}", f"--{name}"):
            found = value if equals else "".join(line[index + 1 : index + 2])
    return found


def is_off(containers: Iterable[Object], name: str) -> bool:
    """Return whether one of Go's flags that are true by themselves is set to false."""
    return any(
        word.lstrip("-").partition("=")[0] == name and word.partition("=")[2].lower() in ("false", "f", "0")
        for word in words(containers)
    )


@dataclass(frozen=True, slots=True)
class DnsmasqOptions:
    """dnsmasq's options, by their long names.

    Attributes:
        values: Name -> its values in order, "" for one that takes none.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def last(self, name: str) -> str | None:
        """Return the last value of an option; None where it is not there."""
        return self.values[name][-1] if name in self.values else None

    def servers(self) -> tuple[str, ...]:
        """Return the servers that are asked for every name, without their ports."""
        given = self.values.get("server", ())
        return tuple(
            server.partition("#")[0].partition("@")[0] for server in given if not server.startswith("/")
        )


def dnsmasq_options(line: Sequence[str]) -> DnsmasqOptions:
    """Return the options of a dnsmasq; behind "--", where a nanny has that, they are dnsmasq's own."""
    values: dict[str, list[str]] = {}
    own = line[line.index("--") + 1 :] if "--" in line else line
    for name, value in _options(iter(own)):
        values.setdefault(name, []).append(value)
    return DnsmasqOptions(values)


def _options(line: Iterator[str]) -> Iterator[tuple[str, str]]:
    for word in line:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and name in _TAKES:
                value = next(line, "")
            yield name, value
        elif word.startswith("-"):
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in _WITH_VALUE:
                    yield _LONG.get(letter, letter), letters or next(line, "")
                    break
                yield _LONG.get(letter, letter), ""
