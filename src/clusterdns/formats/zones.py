"""Server keys, zones and addresses of a Corefile, as CoreDNS takes them.

Source: github.com/coredns/coredns, plugin/normalize.go, plugin/pkg/cidr, plugin/pkg/parse, core/dnsserver;
miekg/dns, IsDomainName; Go's net.
"""

import ipaddress
import re

ROOT = "."

_TRANSPORTS = {"dns": "53", "tls": "853", "quic": "853", "grpc": "443", "https": "443"}
_TRANSPORT = re.compile(r"(dns|tls|quic|grpc|https|unix)://")
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_LONGEST_ZONE = 255
_LONGEST_LABEL = 63
_LONGEST_NAME = 256
_LAST_PORT = 65_535


def transport(text: str) -> tuple[str, str]:
    """Return the transport that "tls://10.0.0.1" or the like begins with, and the rest."""
    found = _TRANSPORT.match(text)
    return (found[1], text[found.end() :]) if found else ("dns", text)


def key_zones(key: str, port: str = "53") -> tuple[str, tuple[str, ...], str]:
    """Return the transport, the zones and the port of a server key such as "dns://Cluster.Local.:1053".

    A network stands for its reverse zones: "10.0.0.0/8:53" for 10.in-addr.arpa. Zones keep their case and end
    with a dot.

    Args:
        key: As written.
        port: Where the key names none: CoreDNS' own flag -dns.port.

    Raises:
        ValueError: CoreDNS takes no such key.
    """
    protocol, rest = transport(key)
    if protocol == "unix":
        raise ValueError(f"{key!r} is no zone")
    names, own = _split(rest)
    for name in names:
        _split(_qualified(name))
    number = own or (port if protocol == "dns" else _TRANSPORTS[protocol])
    if not 0 <= int(number) <= _LAST_PORT:
        raise ValueError(f"{key!r}: no port {number}")
    return protocol, tuple(map(_qualified, names)), number


def zones(texts: list[str]) -> tuple[str, ...]:
    """Return the zones among a plugin's arguments, in lower case, without their final dots."""
    found: list[str] = []
    for text in texts:
        try:
            names, _ = _split(transport(text)[1])
        except ValueError:
            continue
        found += [zone_name(name) for name in names]
    return tuple(found)


def zone_name(name: str) -> str:
    """Return a zone in lower case, without its final dot; "." is the root."""
    return name.lower().rstrip(".") or ROOT


def is_reverse(zone: str) -> bool:
    """Return whether names of addresses are in a zone."""
    return zone_name(zone).endswith((".in-addr.arpa", ".ip6.arpa")) or zone_name(zone) in (
        "in-addr.arpa",
        "ip6.arpa",
    )


def is_domain(name: str) -> bool:
    r"""Return whether a text can be a domain name; letters escaped by \ or \DDD count as one."""
    if not name:
        return False
    name = _qualified(name)
    if name == ROOT:
        return True
    length = label = 0
    escaped = False
    position, letters = 0, name.encode()
    while position < len(letters):
        letter = letters[position]
        if letter == ord("\\"):
            digits = letters[position + 1 : position + 4]
            position += 4 if len(digits) == 3 and digits.isdigit() else 2  # noqa: PLR2004 - \DDD
            label += 1
            escaped = not escaped
            continue
        position += 1
        escaped = False
        if letter != ord("."):
            label += 1
            continue
        if label == 0 or label > _LONGEST_LABEL:
            return False
        length += 1 + label
        if length > _LONGEST_NAME:
            return False
        label = 0
    return not escaped


def is_address(text: str) -> bool:
    """Return whether a text is an IP address, without a zone."""
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return a network written as "10.0.0.0/8", None where a text is none."""
    address, slash, length = text.partition("/")
    if not (slash and is_address(address) and length.isascii() and length.isdigit()):
        return None
    try:
        return ipaddress.ip_network((address, int(length)), strict=False)
    except ValueError:
        return None


def host_port(text: str) -> tuple[str, str] | None:
    """Return host and port of "10.0.0.1:53", "[fd00::1]:53", ":53"; None where a text has no such form."""
    host, colon, port = text.rpartition(":")
    if not colon:
        return None
    if host.startswith("["):
        if not host.endswith("]") or "[" in host[1:] or "]" in host[1:-1]:
            return None
        return (host[1:-1], port) if "[" not in port and "]" not in port else None
    return None if any(letter in text for letter in "[]") or ":" in host else (host, port)


def _qualified(name: str) -> str:
    """Return a name with its final dot; an escaped dot is none."""
    if not name.endswith("."):
        return f"{name}."
    escapes = len(name) - 1 - len(name[:-1].rstrip("\\"))
    return name if escapes % 2 == 0 else f"{name}."


def _split(text: str) -> tuple[list[str], str]:
    """Return the zones and the port ("" where there is none) of a key without its transport.

    Raises:
        ValueError: it is none.
    """
    if text.endswith(":"):
        raise ValueError(f"a port must follow the colon in {text!r}")
    name, colon, number = text.rpartition(":")
    port = ""
    if colon and _INTEGER.fullmatch(number):
        text, port = name, str(int(number))
    if len(text.encode()) > _LONGEST_ZONE:
        raise ValueError(f"zone {text[:40]}… is too long")
    if not is_domain(text):
        raise ValueError(f"{text!r} is no domain name")
    found = network(text)
    if found is None:
        return [text], port
    if text.startswith(":") or (text.startswith("0") and ":" in text):
        raise ValueError(f"{text!r} is no network")
    return _reverse_zones(found), port


def _reverse_zones(found: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[str]:
    """Return the reverse zones that a network is made of, each on an octet's (IPv6: a digit's) boundary."""
    bits, labels = (8, 4) if found.version == 4 else (4, 32)  # noqa: PLR2004 - the IP version
    length = -(-found.prefixlen // bits) * bits
    names = []
    for part in found.subnets(new_prefix=length):
        pointer = part.network_address.reverse_pointer.split(".")
        names.append(".".join(pointer[labels - length // bits :]) + ".")
    return names
