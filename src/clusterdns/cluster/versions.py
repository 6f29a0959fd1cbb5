"""Images and arguments -> versions, and the limits that come with them."""

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from clusterdns.model.topology import DNSMASQ_TCP_LIMIT, Fact, dnsmasq_children

Version = tuple[int, ...]

_NUMBERS = re.compile(r"(?:^|-|v)(\d+(?:\.\d+)+)")
_COREDNS_TAG = re.compile(r"coredns[-_:]v?(\d+(?:\.\d+)+)")

# Releases, newest first, and what they contain until the next one that is listed.
# Source: release notes of kubernetes/dns and kubernetes-sigs/node-local-dns.
_DNSMASQ_OF_K8S_DNS: tuple[tuple[Version, Version], ...] = (((1, 23), (2, 90)), ((1, 22), (2, 88)))
_COREDNS_OF_NODE_CACHE: tuple[tuple[Version, str], ...] = (
    ((1, 26, 8), "1.13.2"),
    ((1, 26, 7), "1.13.1"),
    ((1, 22, 28), "1.10.0"),
)
_FIRST_DNSMASQ_TAG = (2,)  # a tag of 2.x is dnsmasq's own version


def numbers(version: str) -> Version | None:
    """Return a version as numbers to compare, None where it is none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def image_version(container: Mapping[str, Any]) -> Fact[str]:
    """Return the version that a container's image tag names."""
    image = str(container["image"])
    found = _NUMBERS.search(_tag(image))
    source = f"image {_short(image)}"
    return Fact(found[1], source) if found else Fact("unknown", f"{source} has no version", assumed=True)


def coredns_of_node_cache(container: Mapping[str, Any]) -> Fact[str]:
    """Return the version of CoreDNS inside a node-cache image: named by its tag, or known of its release."""
    image = str(container["image"])
    named = _COREDNS_TAG.search(_short(image))
    if named:
        return Fact(named[1], f"image {_short(image)}")
    found = numbers(_tag(image).rpartition("-")[2])
    newest = _COREDNS_OF_NODE_CACHE[0][0]
    if found and found <= newest:
        for release, version in _COREDNS_OF_NODE_CACHE:
            if found >= release:
                return Fact(version, f"release {_tag(image)} of node-cache")
    return Fact("unknown", f"image {_short(image)} is no release that is known", assumed=True)


def dnsmasq_tcp_limit(arguments: Sequence[str], version: Fact[str]) -> Fact[int]:
    """Return how many TCP connections one dnsmasq serves at a time.

    Source: dnsmasq's src/config.h (MAX_PROCS) and its option --max-tcp-connections (2.90 and later).

    Args:
        arguments: dnsmasq's own.
        version: Of its image: a k8s-dns release, or dnsmasq's own version.
    """
    for name, value in zip_longest(arguments, arguments[1:], fillvalue=""):
        option, equals, own = name.partition("=")
        given = own if equals else value
        if option == "--max-tcp-connections" and given.isdigit():
            return Fact(int(given), "argument --max-tcp-connections of dnsmasq")
    dnsmasq = _dnsmasq(version)
    if dnsmasq is None:
        return Fact(DNSMASQ_TCP_LIMIT, "version not known, and no release has less", assumed=True)
    return Fact(dnsmasq_children(dnsmasq), f"compiled into dnsmasq {'.'.join(map(str, dnsmasq))}")


def _dnsmasq(tag: Fact[str]) -> Version | None:
    found = None if tag.assumed else numbers(tag.value)
    if found is None or found >= _FIRST_DNSMASQ_TAG:
        return found
    return next((dnsmasq for release, dnsmasq in _DNSMASQ_OF_K8S_DNS if found >= release), None)


def _short(image: str) -> str:
    """Return an image's name and tag, without its registry and digest."""
    return image.rpartition("/")[2].partition("@")[0]


def _tag(image: str) -> str:
    return _short(image).partition(":")[2]
