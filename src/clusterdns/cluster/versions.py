"""Images -> the versions of what runs in them, and the limits that come with them."""

import re
from collections.abc import Mapping
from typing import Any

from clusterdns.cluster.objects import text
from clusterdns.model.topology import DNSMASQ_TCP_LIMIT, LAST_DNSMASQ_READ, Fact

Version = tuple[int, ...]

_COREDNS_TAG = re.compile(r"coredns[-_:]v?(\d+(?:\.\d+)+)")

# The first release with a version, newest first; what is older than the last is older than its version, too.
# Source: go.mod of the tags of kubernetes/dns and kubernetes-sigs/node-local-dns.
_COREDNS_OF_NODE_CACHE: tuple[tuple[Version, str], ...] = (
    ((1, 26, 8), "1.13.2"),
    ((1, 26, 6), "1.13.1"),
    ((1, 26, 5), "1.12.2"),
    ((1, 24, 0), "1.11.3"),
    ((1, 22, 14), "1.10.0"),
)
_BEFORE_THESE = "1.10.0 or older"  # of releases before 1.22.14

# Source: images of kubernetes/dns, rules.mk (DNSMASQ_VERSION) of the tags.
_DNSMASQ_OF_K8S_DNS: tuple[tuple[Version, Version], ...] = (
    ((1, 23, 0), (2, 90)),
    ((1, 22, 14), (2, 88)),
    ((1, 22, 13), (2, 87)),
    ((1, 22, 0), (2, 85)),
)
_LAST_K8S_DNS = (1, 26, 8)
_FIRST_DNSMASQ_TAG = (2,)  # a tag of 2.x is dnsmasq's own version


def numbers(version: str) -> Version | None:
    """Return a version as numbers to compare, None where it is none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part[:9]) for part in found[1].split(".")) if found else None


def image_version(container: Mapping[str, Any]) -> Fact[str]:
    """Return the version that a container's image tag names."""
    image = text(container, "image")
    found = re.search(r"(?:^|[-_v])(\d+(?:\.\d+)+)", _tag(image))
    source = f"image {_short(image)}"
    return Fact(found[1], source) if found else Fact("unknown", f"{source} has no version", assumed=True)


def coredns_of_node_cache(container: Mapping[str, Any]) -> Fact[str]:
    """Return the version of CoreDNS inside a node-cache image: named by its tag, or known of its release."""
    image = text(container, "image")
    named = _COREDNS_TAG.search(_short(image))
    if named:
        return Fact(named[1], f"image {_short(image)}")
    tagged = image_version(container)
    release = None if tagged.assumed else numbers(tagged.value)
    newest = _COREDNS_OF_NODE_CACHE[0][0]
    if release is None or release > newest:
        return Fact("unknown", f"image {_short(image)} is no release that is known", assumed=True)
    for first, version in _COREDNS_OF_NODE_CACHE:
        if release >= first:
            return Fact(version, f"release {tagged.value} of node-cache")
    return Fact(_BEFORE_THESE, f"release {tagged.value} of node-cache")


def dnsmasq_tcp_limit(option: str | None, tag: Fact[str]) -> Fact[int]:
    """Return how many TCP connections one dnsmasq serves at a time.

    Source: dnsmasq's src/config.h (MAX_PROCS) and its option --max-tcp-connections (2.90 and later).

    Args:
        option: The value of --max-tcp-connections; None where it is not there.
        tag: Of its image: a k8s-dns release, or dnsmasq's own version.
    """
    if option is not None and option.isascii() and option.isdigit():
        return Fact(int(option[:9]), "argument --max-tcp-connections of dnsmasq")
    version = _dnsmasq(tag)
    if version is None:
        return Fact(DNSMASQ_TCP_LIMIT, "version not known, and no release has less", assumed=True)
    told = ".".join(map(str, version))
    if version > LAST_DNSMASQ_READ:
        return Fact(DNSMASQ_TCP_LIMIT, f"dnsmasq {told} was not read, and no release has less", assumed=True)
    return Fact(DNSMASQ_TCP_LIMIT, f"compiled into dnsmasq {told}")


def _dnsmasq(tag: Fact[str]) -> Version | None:
    found = None if tag.assumed else numbers(tag.value)
    if found is None or found >= _FIRST_DNSMASQ_TAG:
        return found
    if found > _LAST_K8S_DNS:
        return None
    return next((dnsmasq for release, dnsmasq in _DNSMASQ_OF_K8S_DNS if found >= release), None)


def _short(image: str) -> str:
    """Return an image's name and tag, without its registry and digest."""
    return image.partition("@")[0].rpartition("/")[2]


def _tag(image: str) -> str:
    return _short(image).partition(":")[2]
