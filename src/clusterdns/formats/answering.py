"""Plugins that answer or change answers: cache, kubernetes, hosts, template, acl, header, file, erratic.

Source: github.com/coredns/coredns, plugin/*/setup.go.
"""

from collections.abc import Callable

import dns.rdatatype

from clusterdns.formats.forwarding import RCODES
from clusterdns.formats.releases import takes
from clusterdns.formats.setups import Options, Setting, counted, options
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import choice, integer, seconds
from clusterdns.formats.words import is_known
from clusterdns.formats.zones import is_address, network, zones

_CLASSES = frozenset({"IN", "CS", "CH", "HS", "NONE", "ANY"})
_LONGEST_SERVFAIL = 300  # seconds, RFC 2308
_PERCENT = (10, 90)
_LARGEST_TTL = 3600  # seconds, of kubernetes


def cache(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `cache`."""
    words = stanza.arguments()
    if words and is_known(words[0]) and _is_integer(words[0]):
        integer(words[0], 1)
    options(
        stanza,
        setting,
        "cache",
        {
            "success": _cache_size,
            "denial": _cache_size,
            "prefetch": _prefetch,
            "serve_stale": _serve_stale,
            "servfail": lambda stanza: _at_most(_LONGEST_SERVFAIL, *counted(stanza, 1, 1)),
            "disable": lambda stanza: choice(counted(stanza, 1)[0], "denial", "success"),
            "keepttl": lambda stanza: counted(stanza, 0, 0),
            "serve_stale_policy": Stanza.arguments,
        },
    )


def _is_integer(text: str) -> bool:
    try:
        return integer(text) is not None
    except ValueError:
        return False


def _at_most(most: float, text: str) -> None:
    length = seconds(text)
    if length is not None and length > most:
        raise ValueError(f"{text} is more than {most} s")


def _cache_size(stanza: Stanza) -> None:
    for text, least in zip(counted(stanza, 1), (None, 1, 0), strict=False):
        integer(text, least)


def _prefetch(stanza: Stanza) -> None:
    amount, *others = counted(stanza, 1, 3)
    integer(amount, 0)
    if others:
        seconds(others[0], None)
    for percentage in others[1:]:
        if is_known(percentage):
            if not percentage.endswith("%"):
                raise ValueError(f"{percentage!r} is no percentage")
            integer(percentage.removesuffix("%"), *_PERCENT)


def _serve_stale(stanza: Stanza) -> None:
    words = counted(stanza, 0, 2)
    if words:
        seconds(words[0])
    for mode in words[1:]:
        choice(mode.lower(), "immediate", "verify")


def _below_arpa(zone: str) -> bool:
    """Return whether the plugin takes a zone for a reverse one: in-addr.arpa itself is none to it."""
    return zone.endswith((".in-addr.arpa", ".ip6.arpa"))


def kubernetes(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `kubernetes`."""

    def several(stanza: Stanza) -> None:
        counted(stanza, 1)

    def ignore(stanza: Stanza) -> None:
        for word in stanza.arguments()[:1]:
            choice(word, "empty_service")

    own = stanza.arguments()
    served = zones(own) if own else setting.zones
    if all(map(_below_arpa, served)) and all(map(is_known, (*own, *served))):
        raise stanza.error("kubernetes needs a zone that is no reverse zone")
    multicluster: list[str] = []

    def add(stanza: Stanza) -> None:
        multicluster.extend(zones(stanza.arguments()))

    known: Options = {
        "endpoint_pod_names": lambda stanza: counted(stanza, 0, 0),
        "pods": lambda stanza: choice(*counted(stanza, 1, 1), "disabled", "insecure", "verified"),
        "namespaces": several,
        "endpoint": several,
        "tls": lambda stanza: counted(stanza, 3, 3),
        "labels": several,
        "namespace_labels": several,
        "fallthrough": Stanza.arguments,
        "ttl": lambda stanza: integer(counted(stanza, 1)[0], 0, _LARGEST_TTL),
        "noendpoints": lambda stanza: counted(stanza, 0, 0),
        "ignore": ignore,
        "kubeconfig": lambda stanza: counted(stanza, 1, 2),
        "multicluster": add,
        "startup_timeout": lambda stanza: seconds(counted(stanza, 1)[0], None),
        "zonal": Stanza.arguments,
        "apiserver_qps": Stanza.arguments,
        "apiserver_burst": Stanza.arguments,
        "apiserver_max_inflight": Stanza.arguments,
    }
    seen = options(stanza, setting, "kubernetes", known)
    if {"namespaces", "namespace_labels"} <= set(seen):
        raise stanza.error("namespaces and namespace_labels exclude each other")
    for zone in multicluster:
        if zone not in served and all(map(is_known, (zone, *served))):
            raise stanza.error(f"kubernetes does not serve the multicluster zone {zone}")


def hosts(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `hosts`."""
    stanza.arguments()
    falls = False
    while stanza.next_in_block():
        if stanza.text == "fallthrough":
            words = stanza.arguments()
            falls = bool(zones(words)) if words else True  # what is no zone is left out
        elif stanza.text == "ttl":
            integer(counted(stanza, 1)[0], 1, 65_535)
        elif stanza.text == "reload":
            seconds(counted(stanza, 1, 1)[0])
        elif stanza.text == "fallthrough_unsupported" and takes(f"hosts {stanza.text}", setting.version):
            stanza.arguments()
        elif stanza.text != "no_reverse":
            if falls and is_known(stanza.text):
                raise stanza.error(f"unknown option {stanza.text!r}")
            stanza.arguments()


def template(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `template`."""

    def several(stanza: Stanza) -> None:
        counted(stanza, 1)

    def rcode(stanza: Stanza) -> None:
        if not stanza.next_argument():
            raise stanza.miscounted()
        choice(stanza.text, *RCODES)

    def extended_error(stanza: Stanza) -> None:
        integer(counted(stanza, 1, 2)[0].removeprefix("+"), 0, 65_535)

    while stanza.next():
        for knows in (_is_class, _is_type):
            if not stanza.next_argument():
                raise stanza.miscounted()
            if is_known(stanza.text) and not knows(stanza.text):
                raise stanza.error(f"template knows no {stanza.text!r}")
        stanza.arguments()
        known: dict[str, Callable[[Stanza], object]] = {}
        known |= dict.fromkeys(("match", "answer", "additional", "authority"), several)
        others = dict.fromkeys(("fallthrough", "upstream"), Stanza.arguments)
        known |= others | {"rcode": rcode, "ederror": extended_error}
        options(stanza, setting, "template", known)


def _is_class(text: str) -> bool:
    return text in _CLASSES


def _is_type(text: str) -> bool:
    try:
        return dns.rdatatype.from_text(text) > 0 and text == text.upper() and not text.startswith("TYPE")
    except dns.rdatatype.UnknownRdatatype:
        return text in ("None", "Reserved")


def acl(stanza: Stanza, _: Setting) -> None:
    """Read the words of the plugin `acl`."""
    while stanza.next():
        stanza.arguments()
        while stanza.next_in_block():
            choice(stanza.text.lower(), "allow", "block", "filter", "drop")
            section, values, all_of_it = "", 0, False
            for word in stanza.arguments():
                if word.lower() in ("type", "net"):
                    if section and not values:
                        raise stanza.miscounted()
                    section, values, all_of_it = word.lower(), 0, False
                    continue
                values += 1
                all_of_it = all_of_it or (word == "*" and section != "")  # what follows it is not looked at
                if not all_of_it:
                    _acl_value(stanza, section, word)
            if section and not values:
                raise stanza.miscounted()


def _acl_value(stanza: Stanza, section: str, word: str) -> None:
    if not section:
        raise stanza.error(f"{word!r} stands where type or net is expected")
    if not is_known(word):
        return
    right = _is_type(word) if section == "type" else network(word) is not None or is_address(word)
    if not right:
        raise stanza.error(f"{word!r} is no {section}")


def header(stanza: Stanza, _: Setting) -> None:
    """Read the words of the plugin `header`."""
    rules = 0
    while stanza.next():
        while stanza.next_in_block():
            choice(stanza.text.lower(), "query", "response")
            if not stanza.next_argument():
                raise stanza.miscounted()
            choice(stanza.text.lower(), "set", "clear")
            for flag in counted(stanza, 1):
                choice(flag.lower(), "aa", "ra", "rd")
            rules += 1
        if rules:
            return
    raise stanza.miscounted()


def file(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `file`."""
    known = {
        "fallthrough": Stanza.arguments,
        "reload": lambda stanza: seconds(counted(stanza, 1)[0], None),
        "upstream": Stanza.arguments,
    }
    while stanza.next():
        if not stanza.next_argument():
            raise stanza.miscounted()
        stanza.arguments()
        options(stanza, setting, "file", known)


def erratic(stanza: Stanza, setting: Setting) -> None:
    """Read the words of the plugin `erratic`."""

    def amount(most: int) -> Callable[[Stanza], None]:
        def takes(stanza: Stanza) -> None:
            words = counted(stanza, 0, most)
            for word in words[:1]:
                integer(word, 0, 2**31 - 1)
            for word in words[1:]:
                seconds(word, None)

        return takes

    while stanza.next():
        known = {"drop": amount(1), "delay": amount(2), "truncate": amount(1), "large": lambda _: None}
        options(stanza, setting, "erratic", known)
