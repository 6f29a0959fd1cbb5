"""The text of a resolv.conf(5)."""

import ipaddress

from clusterdns.model.resolver import ResolvConf


class ResolvConfError(ValueError):
    """A line that the resolver would silently ignore; the message quotes it."""


def parse(text: str) -> ResolvConf:
    """Reads a resolv.conf as glibc does.

    Keywords and the comment signs `#` and `;` count in the first column only. The last `search` or `domain`
    line with a value wins (`domain` takes one), options accumulate over lines, and what is unknown is passed
    over.

    Args:
        text: The file's content.

    Returns:
        The configuration; a file that is empty gives the resolver's defaults.

    Raises:
        ResolvConfError: A nameserver is not an address: the C library would go on without it and say nothing.
    """
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[tuple[str, str | None]] = []
    for line in text.splitlines():
        if not line or line[0].isspace():
            continue
        keyword, *values = line.split()
        if keyword == "nameserver":
            nameservers.append(_address(line, values))
        elif keyword in {"search", "domain"} and values:
            domains = values if keyword == "search" else values[:1]
            search = tuple(domain.removesuffix(".") or "." for domain in domains)
        elif keyword == "options":
            options += (_option(value) for value in values)
    return ResolvConf(tuple(nameservers), search, tuple(options))


def _address(line: str, values: list[str]) -> str:
    try:
        return str(ipaddress.ip_address(values[0]))
    except (IndexError, ValueError):
        raise ResolvConfError(f"resolv.conf: no address in the line {line!r}") from None


def _option(text: str) -> tuple[str, str | None]:
    name, _, value = text.partition(":")
    return name, value or None
