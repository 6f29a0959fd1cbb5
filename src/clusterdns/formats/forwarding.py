"""The `forward` of a Corefile: what CoreDNS reads out of it, and what it refuses.

Source: github.com/coredns/coredns, plugin/forward/setup.go and plugin/pkg/parse/host.go, 1.10.0 to 1.14.7.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clusterdns.formats.releases import HOST_NAMES, Version, newer, takes
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import choice, counted, integer, seconds
from clusterdns.formats.words import Position, is_known
from clusterdns.formats.zones import host_port, is_address, is_domain, transport, zones

DEFAULT_EXPIRE = 10.0
MOST_UPSTREAMS = 15

RCODES = frozenset(
    {
        "NOERROR",
        "FORMERR",
        "SERVFAIL",
        "NXDOMAIN",
        "NOTIMP",
        "NOTIMPL",
        "REFUSED",
        "YXDOMAIN",
        "YXRRSET",
        "NXRRSET",
        "NOTAUTH",
        "NOTZONE",
        "DSOTYPENI",
        "BADSIG",
        "BADKEY",
        "BADTIME",
        "BADMODE",
        "BADNAME",
        "BADALG",
        "BADTRUNC",
        "BADCOOKIE",
    }
)

_MAX_AGE_AT_LEAST_EXPIRE: Version = (1, 14, 3)
_HTTPS: Version = (1, 14, 5)


@dataclass(slots=True)
class ForwardStanza:
    """One `forward`.

    Attributes:
        zone: In lower case, without the final dot; "." is the root.
        upstreams: As written.
        where: Where it begins.
        force_tcp, prefer_udp: Whether they are set.
        expire, max_age: Seconds.
        max_idle_conns, max_concurrent: 0 where nothing bounds them.
        open: The options whose value is not known.
    """

    zone: str
    upstreams: tuple[str, ...]
    where: Position
    force_tcp: bool = False
    prefer_udp: bool = False
    expire: float = DEFAULT_EXPIRE
    max_age: float = 0.0
    max_idle_conns: int = 0
    max_concurrent: int = 0


def read_forward(stanza: Stanza, version: Version | None) -> Iterator[ForwardStanza]:
    """Yield each `forward` of a server block.

    Raises:
        CorefileError: CoreDNS refuses it.
        ValueError: it refuses a value at the stanza's cursor.
    """
    while stanza.next():
        where = stanza.where
        if not stanza.next_argument():
            raise stanza.miscounted()
        origin = stanza.text
        found = zones([origin]) if is_known(origin) else (origin,)
        if not found:
            raise stanza.error(f"forward: {origin!r} is no zone")
        upstreams = stanza.arguments()
        if not upstreams:
            raise stanza.miscounted()
        for upstream in upstreams:
            _upstream(upstream, version)
        forward = ForwardStanza(found[0], tuple(upstreams), where)
        _block(stanza, forward, version)
        if forward.max_age and forward.max_age < forward.expire and takes("forward max_age", version):
            raise ValueError(f"max_age {forward.max_age:g} s is less than expire {forward.expire:g} s")
        if len(upstreams) > MOST_UPSTREAMS:
            raise ValueError(f"{len(upstreams)} upstreams are more than {MOST_UPSTREAMS}")
        yield forward


def _block(stanza: Stanza, forward: ForwardStanza, version: Version | None) -> None:
    def flag(name: str) -> Callable[[], None]:
        def setting() -> None:
            if stanza.next_argument():
                raise stanza.miscounted()
            setattr(forward, name, True)

        return setting

    def value(name: str, reading: Callable[[str], float | None]) -> Callable[[], None]:
        def setting() -> None:
            number = reading(_argument(stanza))
            if number is not None:  # else nothing that bounds it is known
                setattr(forward, name, number)

        return setting

    options: Mapping[str, Callable[[], object]] = {
        "force_tcp": flag("force_tcp"),
        "prefer_udp": flag("prefer_udp"),
        "expire": value("expire", seconds),
        "max_age": value("max_age", seconds),
        "max_idle_conns": value("max_idle_conns", lambda text: integer(text, 0)),
        "max_concurrent": value("max_concurrent", lambda text: integer(text, 0)),
        "max_fails": lambda: counted(_argument(stanza)),
        "max_connect_attempts": lambda: counted(_argument(stanza)),
        "read_timeout": lambda: seconds(_argument(stanza), 1e-9),
        "doh_method": lambda: choice(_argument(stanza), "POST", "GET"),
        "source_address": stanza.arguments,
        "except": lambda: _several(stanza),
        "tls": lambda: _several(stanza, 0, 3),
        "tls_servername": lambda: _argument(stanza),
        "policy": lambda: choice(_argument(stanza), "random", "round_robin", "sequential"),
        "next": lambda: _rcodes(stanza),
        "failover": lambda: _rcodes(stanza),
        "next_on_nodata": lambda: _several(stanza, 0, 0),
        "failfast_all_unhealthy_upstreams": lambda: _several(stanza, 0, 0),
        "resolver": lambda: _resolvers(stanza),
        "health_check": lambda: _health_check(stanza),
    }
    while stanza.next_in_block():
        option = stanza.text
        if not is_known(option) or (option not in options and newer(version)):
            stanza.arguments()
        elif option in options and takes(f"forward {option}", version):
            options[option]()
        else:
            raise stanza.error(f"forward has no option {option!r}")


def _argument(stanza: Stanza) -> str:
    if not stanza.next_argument():
        raise stanza.miscounted()
    return stanza.text


def _several(stanza: Stanza, least: int = 1, most: int | None = None) -> list[str]:
    words = stanza.arguments()
    if len(words) < least or (most is not None and len(words) > most):
        raise stanza.miscounted()
    return words


def _rcodes(stanza: Stanza) -> None:
    for word in _several(stanza):
        choice(word.upper(), *RCODES)


def _resolvers(stanza: Stanza) -> None:
    for word in _several(stanza):
        host, _ = host_port(word) or (word, "")
        if is_known(word) and not is_address(host):
            raise ValueError(f"resolver {word!r} is no address")


def _health_check(stanza: Stanza) -> None:
    seconds(_argument(stanza))
    while stanza.next_argument():
        if stanza.text == "domain":
            domain = _argument(stanza)
            if is_known(domain) and not is_domain(domain):
                raise ValueError(f"{domain!r} is no domain name")
        else:
            choice(stanza.text, "no_rec")


def _upstream(text: str, version: Version | None) -> None:
    """Make sure that CoreDNS takes an upstream: an address, a file like /etc/resolv.conf, a host's name.

    Raises:
        ValueError: it does not.
    """
    if not is_known(text):
        return
    protocol, rest = transport(text)
    allowed = {"dns", "tls"} | ({"https"} if version is None or version >= _HTTPS else set())
    if not rest or protocol not in allowed:
        raise ValueError(f"{text!r} is no upstream")
    if protocol == "https" or rest.startswith("/"):
        if ":" in rest and protocol != "https":
            raise ValueError(f"{text!r} is neither an address nor a file")
        return
    found = host_port(rest)
    host = (found[0] if found else rest).rpartition("%")[0] or (found[0] if found else rest)
    if is_address(host):
        return
    if version is not None and version < HOST_NAMES:
        raise ValueError(f"{text!r} is neither an address nor a file; names are taken from 1.14.4 on")
    if not is_domain(host.strip("[]")):
        raise ValueError(f"{text!r} is neither an address, a file nor a host's name")
