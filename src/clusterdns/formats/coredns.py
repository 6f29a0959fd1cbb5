"""What a Corefile makes CoreDNS do, as far as a cluster's DNS topology is concerned.

Source: github.com/coredns/coredns, plugin/forward, plugin/cache and plugin/kubernetes (setup.go of each).
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.formats.corefile import CorefileError, Line, ServerBlock
from clusterdns.model.topology import DEFAULT_EXPIRE, Forward

ROOT = "."

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A Corefile's meaning.

    Attributes:
        forwards: Every `forward`, in order.
        cluster_zone: The first zone of the `kubernetes` plugin; None without it.
        caches_denials: Whether NXDOMAIN of names of the root zone is cached.
    """

    forwards: tuple[Forward, ...]
    cluster_zone: str | None
    caches_denials: bool


def understand(
    blocks: Sequence[ServerBlock],
    substitutes: Mapping[str, tuple[str, ...]] | None = None,
    names: Mapping[str, str] | None = None,
) -> Configuration:
    """Return what a parsed Corefile means.

    Args:
        blocks: Of the Corefile.
        substitutes: Placeholder -> the words that are put in its place among upstreams and zones.
        names: Path of a file -> what to call it when a fact's source is told.

    Raises:
        CorefileError: an option's value is none that CoreDNS takes.
    """
    forwards = [forward for block in blocks for forward in _forwards(block, substitutes or {}, names or {})]
    zones = [
        _zone(word)
        for block in blocks
        for line in block.directives
        if line.name == "kubernetes"
        for word in (line.arguments or block.keys)
    ]
    cluster = [zone for zone in zones if zone != ROOT and not zone.endswith(".arpa")]
    return Configuration(
        forwards=tuple(forwards),
        cluster_zone=cluster[0] if cluster else None,
        caches_denials=any(_caches_denials(block) for block in blocks),
    )


def _forwards(
    block: ServerBlock, substitutes: Mapping[str, tuple[str, ...]], names: Mapping[str, str]
) -> Iterator[Forward]:
    keys = tuple(_zone(key) for key in _replaced(block.keys, substitutes))
    for line in block.directives:
        if line.name != "forward":
            continue
        origin, *upstreams = line.arguments or ("",)
        if not upstreams:
            raise CorefileError("forward needs a zone and at least one upstream", line.where)
        zone = _zone(origin)
        options = {option.name: option for option in line.block}
        yield Forward(
            zones=keys if zone == ROOT else (zone,),
            upstreams=_replaced(upstreams, substitutes),
            source=f"{names.get(line.where.file, line.where.file)}, line {line.where.line}",
            force_tcp=_is_set(options.get("force_tcp")),
            prefer_udp=_is_set(options.get("prefer_udp")),
            expire=_seconds(options.get("expire"), DEFAULT_EXPIRE),
            max_age=_seconds(options.get("max_age"), 0) or None,
            max_idle_conns=_count(options.get("max_idle_conns")) or None,
            max_concurrent=_count(options.get("max_concurrent")) or None,
        )


def _caches_denials(block: ServerBlock) -> bool:
    """Return whether a server caches NXDOMAIN of the root zone."""
    if ROOT not in map(_zone, block.keys):
        return False
    for line in block.directives:
        if line.name == "cache":
            zones = [word for word in line.arguments if not word.isdigit()]
            off = [
                option
                for option in line.block
                if option.name == "disable"
                and option.arguments[:1] == ("denial",)
                and ROOT in map(_zone, option.arguments[1:] or (ROOT,))
            ]
            size = [option.arguments[:1] for option in line.block if option.name == "denial"]
            return not off and ("0",) not in size and (not zones or ROOT in map(_zone, zones))
    return False


def _replaced(words: Sequence[str], substitutes: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(new for word in words for new in substitutes.get(word, (word,)))


def _zone(key: str) -> str:
    """Return the zone of a server key such as "dns://Cluster.Local.:53" or "10.0.0.0/8"."""
    key = key.rpartition("://")[2].lower()
    try:
        network = ipaddress.ip_network(key if "/" in key else "")
    except ValueError:  # the usual case: a name
        name, _, port = key.rpartition(":")
        zone = name if port.isdigit() and name else key
        return zone.rstrip(".") or ROOT
    octet, labels = (8, 4) if network.version == 4 else (4, 32)  # noqa: PLR2004 - the IP version
    pointer = network.network_address.reverse_pointer.split(".")
    return ".".join(pointer[labels - network.prefixlen // octet :])


def _is_set(option: Line | None) -> bool:
    """Return whether an option without arguments is there."""
    if option and option.arguments:
        raise CorefileError(f"{option.name} takes no argument", option.where)
    return option is not None


def _value(option: Line) -> str:
    if len(option.arguments) != 1:
        raise CorefileError(f"{option.name} takes one argument", option.where)
    return option.arguments[0]


def _seconds(option: Line | None, default: float) -> float:
    """Return an option's duration, in Go's form, e.g. "1m30s"."""
    if option is None:
        return default
    text = _value(option)
    parts = _DURATION.findall(text)
    if text != "0" and ("".join(number + unit for number, unit in parts) != text or not text):
        raise CorefileError(f"{option.name} {text}: no duration such as 10s", option.where)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _count(option: Line | None) -> int:
    """Return an option's number; 0 where the option is not there, which means no bound, too."""
    text = _value(option) if option else "0"
    if option and not re.fullmatch(r"[0-9]{1,18}", text):
        raise CorefileError(f"{option.name} {text}: no number", option.where)
    return int(text)
