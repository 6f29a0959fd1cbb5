"""What the plugins of a cluster's CoreDNS take: where one of them refuses its words, CoreDNS does not start.

Every plugin has a function here that reads its words as the plugin's own setup does. A plugin without one
(etcd, tls, ...) is taken as it is: what it would say is not known. Regular expressions and Go templates are
not compiled.

Source: github.com/coredns/coredns, plugin/*/setup.go, 1.13.1 and 1.14.4.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dns.rdataclass
import dns.rdatatype

from clusterdns.formats.forwarding import RCODES, read_forward
from clusterdns.formats.releases import Version, newer, takes
from clusterdns.formats.rewriting import rewrite
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import choice, integer, listener, seconds
from clusterdns.formats.words import CorefileError, Word, is_known
from clusterdns.formats.zones import is_address, network, zones

_CLASSES = frozenset({"IN", "CS", "CH", "HS", "NONE", "ANY"})
_HIGHEST_BUFFER, _LOWEST_BUFFER = 4096, 512
_LONGEST_SERVFAIL = 300  # seconds, RFC 2308
_INTERFACE = re.compile(r"[^\s/:]{1,15}")  # as Linux names them
_PERCENT = (10, 90)
_LARGEST_TTL = 3600  # seconds, of kubernetes


@dataclass(frozen=True, slots=True)
class Setting:
    """What a plugin is set up in.

    Attributes:
        version: Of CoreDNS; None where it is not known, which takes what any version takes.
        zones: Of the server block.
    """

    version: Version | None = None
    zones: tuple[str, ...] = ()


Options = Mapping[str, Callable[[Stanza], object]]
Setup = Callable[[Stanza, Setting], None]


def check(name: str, words: tuple[Word, ...], setting: Setting) -> None:
    """Make sure that a plugin takes its words.

    Raises:
        CorefileError: it refuses them.
    """
    setup = _SETUPS.get(name)
    if setup is None:
        return
    stanza = Stanza(words)
    try:
        setup(stanza, setting)
    except CorefileError:
        raise
    except ValueError as error:
        raise stanza.error(f"{name}: {error}") from None


def _once(setup: Setup) -> Setup:
    """Return the setup of a plugin that may stand in a server block only once; the setup takes one stanza."""

    def once(stanza: Stanza, setting: Setting) -> None:
        stanza.next()
        setup(stanza, setting)
        if stanza.next():
            raise stanza.error("it may stand only once in a server block")

    return once


def _counted(stanza: Stanza, least: int = 0, most: int | None = None) -> list[str]:
    words = stanza.arguments()
    if len(words) < least or (most is not None and len(words) > most):
        raise stanza.miscounted()
    return words


def _options(stanza: Stanza, setting: Setting, name: str, options: Options) -> list[str]:
    """Go through the options in a plugin's block, each of which takes its own words; return their names."""
    seen = []
    while stanza.next_in_block():
        option = stanza.text
        seen.append(option)
        if not is_known(option) or (option not in options and newer(setting.version)):
            stanza.arguments()
        elif option in options and takes(f"{name} {option}", setting.version):
            options[option](stanza)
        else:
            raise stanza.error(f"{name} has no option {option!r}")
    return seen


def _any_duration(stanza: Stanza) -> None:
    seconds(_counted(stanza, 1, 1)[0], None)


def _errors(stanza: Stanza, setting: Setting) -> None:
    def consolidate(stanza: Stanza) -> None:
        words = _counted(stanza, 2, 3)
        seconds(words[0], None)
        for level in words[2:]:
            choice(level, "warning", "error", "info", "debug")

    for target in _counted(stanza, 0, 1):
        choice(target, "stdout")
    _options(stanza, setting, "errors", {"stacktrace": lambda _: None, "consolidate": consolidate})


def _log(stanza: Stanza, setting: Setting) -> None:
    def classes(stanza: Stanza) -> None:
        for word in _counted(stanza, 1):
            choice(word, "all", "success", "denial", "error")

    while stanza.next():
        stanza.arguments()
        _options(stanza, setting, "log", {"class": classes})


def _health(stanza: Stanza, setting: Setting) -> None:
    while stanza.next():
        for address in _counted(stanza, 0, 1):
            listener(address)
        _options(stanza, setting, "health", {"lameduck": _any_duration})


def _ready(stanza: Stanza, _: Setting) -> None:
    for address in _counted(stanza, 0, 1):
        listener(address)
    while stanza.next_in_block():  # what it does not know is left alone
        if stanza.text == "monitor":
            choice(*_counted(stanza, 1, 1), "until-ready", "continuously")


def _prometheus(stanza: Stanza, setting: Setting) -> None:
    for address in _counted(stanza, 0, 1):
        listener(address)
    if takes("prometheus tls", setting.version):
        _options(
            stanza, setting, "prometheus", {"tls": Stanza.arguments, "runtime_metrics": Stanza.arguments}
        )


def _reload(stanza: Stanza, _: Setting) -> None:
    stanza.next()
    for text, least in zip(_counted(stanza, 0, 2), (2.0, 1.0), strict=False):
        seconds(text, least)


def _alone(stanza: Stanza, _: Setting) -> None:
    """Take nothing; of several stanzas only the first is looked at."""
    stanza.next()
    if stanza.next_argument():
        raise stanza.miscounted()


def _loop(stanza: Stanza, _: Setting) -> None:
    if stanza.next_argument():
        raise stanza.miscounted()


def _debug(stanza: Stanza, _: Setting) -> None:
    while stanza.next():
        if stanza.next_argument():
            raise stanza.miscounted()


def _root(stanza: Stanza, _: Setting) -> None:
    while stanza.next():
        if not stanza.next_argument():
            raise stanza.miscounted()


def _bufsize(stanza: Stanza, _: Setting) -> None:
    stanza.next()
    for size in _counted(stanza, 0, 1):
        integer(size, _LOWEST_BUFFER, _HIGHEST_BUFFER)


def _bind(stanza: Stanza, setting: Setting) -> None:
    """Take addresses and names of interfaces; which ones a node has is not known."""

    def places(stanza: Stanza) -> None:
        for word in _counted(stanza, 1):
            if is_known(word) and not is_address(word) and not _INTERFACE.fullmatch(word):
                raise stanza.error(f"bind: {word!r} is neither an address nor the name of an interface")

    while stanza.next():
        places(stanza)
        _options(stanza, setting, "bind", {"except": places})


def _loadbalance(stanza: Stanza, setting: Setting) -> None:
    def prefer(stanza: Stanza) -> None:
        for word in stanza.arguments():
            if is_known(word) and network(word) is None:
                raise stanza.error(f"{word!r} is no network")

    while stanza.next():
        policy = stanza.arguments()
        if policy[:1] == ["weighted"]:
            if len(policy) != 2:  # noqa: PLR2004 - the policy and its file
                raise stanza.miscounted()
            _options(stanza, setting, "loadbalance", {"reload": _any_duration})
        elif policy:
            choice(policy[0], "round_robin")
            if len(policy) > 1:
                raise stanza.miscounted()
        _options(stanza, setting, "loadbalance", {"prefer": prefer})


def _cache(stanza: Stanza, setting: Setting) -> None:
    words = stanza.arguments()
    if words and is_known(words[0]) and _is_integer(words[0]):
        integer(words[0], 1)
    _options(
        stanza,
        setting,
        "cache",
        {
            "success": _cache_size,
            "denial": _cache_size,
            "prefetch": _prefetch,
            "serve_stale": _serve_stale,
            "servfail": lambda stanza: _at_most(_LONGEST_SERVFAIL, *_counted(stanza, 1, 1)),
            "disable": lambda stanza: choice(_counted(stanza, 1)[0], "denial", "success"),
            "keepttl": lambda stanza: _counted(stanza, 0, 0),
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
    for text, least in zip(_counted(stanza, 1), (None, 1, 0), strict=False):
        integer(text, least)


def _prefetch(stanza: Stanza) -> None:
    amount, *others = _counted(stanza, 1, 3)
    integer(amount, 0)
    if others:
        seconds(others[0], None)
    for percentage in others[1:]:
        if is_known(percentage):
            if not percentage.endswith("%"):
                raise ValueError(f"{percentage!r} is no percentage")
            integer(percentage.removesuffix("%"), *_PERCENT)


def _serve_stale(stanza: Stanza) -> None:
    words = _counted(stanza, 0, 2)
    if words:
        seconds(words[0])
    for mode in words[1:]:
        choice(mode.lower(), "immediate", "verify")


def _below_arpa(zone: str) -> bool:
    """Return whether the plugin takes a zone for a reverse one: in-addr.arpa itself is none to it."""
    return zone.endswith((".in-addr.arpa", ".ip6.arpa"))


def _kubernetes(stanza: Stanza, setting: Setting) -> None:
    def several(stanza: Stanza) -> None:
        _counted(stanza, 1)

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

    options: Options = {
        "endpoint_pod_names": lambda stanza: _counted(stanza, 0, 0),
        "pods": lambda stanza: choice(*_counted(stanza, 1, 1), "disabled", "insecure", "verified"),
        "namespaces": several,
        "endpoint": several,
        "tls": lambda stanza: _counted(stanza, 3, 3),
        "labels": several,
        "namespace_labels": several,
        "fallthrough": Stanza.arguments,
        "ttl": lambda stanza: integer(_counted(stanza, 1)[0], 0, _LARGEST_TTL),
        "noendpoints": lambda stanza: _counted(stanza, 0, 0),
        "ignore": ignore,
        "kubeconfig": lambda stanza: _counted(stanza, 1, 2),
        "multicluster": add,
        "startup_timeout": lambda stanza: seconds(_counted(stanza, 1)[0], None),
        "zonal": Stanza.arguments,
        "apiserver_qps": Stanza.arguments,
        "apiserver_burst": Stanza.arguments,
        "apiserver_max_inflight": Stanza.arguments,
    }
    seen = _options(stanza, setting, "kubernetes", options)
    if {"namespaces", "namespace_labels"} <= set(seen):
        raise stanza.error("namespaces and namespace_labels exclude each other")
    for zone in multicluster:
        if zone not in served and all(map(is_known, (zone, *served))):
            raise stanza.error(f"kubernetes does not serve the multicluster zone {zone}")


def _hosts(stanza: Stanza, setting: Setting) -> None:
    stanza.arguments()
    falls = False
    while stanza.next_in_block():
        if stanza.text == "fallthrough":
            stanza.arguments()
            falls = True
        elif stanza.text == "ttl":
            integer(_counted(stanza, 1)[0], 1, 65_535)
        elif stanza.text == "reload":
            seconds(_counted(stanza, 1, 1)[0])
        elif stanza.text == "fallthrough_unsupported" and takes(f"hosts {stanza.text}", setting.version):
            stanza.arguments()
        elif stanza.text != "no_reverse":
            if falls and is_known(stanza.text):
                raise stanza.error(f"unknown option {stanza.text!r}")
            stanza.arguments()


def _template(stanza: Stanza, setting: Setting) -> None:
    def several(stanza: Stanza) -> None:
        _counted(stanza, 1)

    def rcode(stanza: Stanza) -> None:
        if not stanza.next_argument():
            raise stanza.miscounted()
        choice(stanza.text, *RCODES)

    def extended_error(stanza: Stanza) -> None:
        integer(_counted(stanza, 1, 2)[0].removeprefix("+"), 0, 65_535)

    while stanza.next():
        for known in (_is_class, _is_type):
            if not stanza.next_argument():
                raise stanza.miscounted()
            if is_known(stanza.text) and not known(stanza.text):
                raise stanza.error(f"template knows no {stanza.text!r}")
        stanza.arguments()
        options: dict[str, Callable[[Stanza], object]] = {}
        options |= dict.fromkeys(("match", "answer", "additional", "authority"), several)
        others = dict.fromkeys(("fallthrough", "upstream"), Stanza.arguments)
        options |= others | {"rcode": rcode, "ederror": extended_error}
        _options(stanza, setting, "template", options)


def _is_class(text: str) -> bool:
    return text in _CLASSES


def _is_type(text: str) -> bool:
    try:
        return dns.rdatatype.from_text(text) > 0 and text == text.upper() and not text.startswith("TYPE")
    except dns.rdatatype.UnknownRdatatype:
        return text in ("None", "Reserved")


def _acl(stanza: Stanza, _: Setting) -> None:
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


def _header(stanza: Stanza, _: Setting) -> None:
    rules = 0
    while stanza.next():
        while stanza.next_in_block():
            choice(stanza.text.lower(), "query", "response")
            if not stanza.next_argument():
                raise stanza.miscounted()
            choice(stanza.text.lower(), "set", "clear")
            for flag in _counted(stanza, 1):
                choice(flag.lower(), "aa", "ra", "rd")
            rules += 1
        if rules:
            return
    raise stanza.miscounted()


def _file(stanza: Stanza, setting: Setting) -> None:
    options = {
        "fallthrough": Stanza.arguments,
        "reload": lambda stanza: seconds(_counted(stanza, 1)[0], None),
        "upstream": Stanza.arguments,
    }
    while stanza.next():
        if not stanza.next_argument():
            raise stanza.miscounted()
        stanza.arguments()
        _options(stanza, setting, "file", options)


def _forward(stanza: Stanza, setting: Setting) -> None:
    for _ in read_forward(stanza, setting.version):
        pass


def _erratic(stanza: Stanza, setting: Setting) -> None:
    def amount(most: int) -> Callable[[Stanza], None]:
        def takes(stanza: Stanza) -> None:
            words = _counted(stanza, 0, most)
            for word in words[:1]:
                integer(word, 0, 2**31 - 1)
            for word in words[1:]:
                seconds(word, None)

        return takes

    while stanza.next():
        options = {"drop": amount(1), "delay": amount(2), "truncate": amount(1), "large": lambda _: None}
        _options(stanza, setting, "erratic", options)


_SETUPS: Mapping[str, Setup] = {
    "acl": _acl,
    "bind": _bind,
    "bufsize": _bufsize,
    "cache": _once(_cache),
    "debug": _debug,
    "erratic": _erratic,
    "errors": _once(_errors),
    "file": _file,
    "forward": _forward,
    "header": _header,
    "health": _health,
    "hosts": _once(_hosts),
    "kubernetes": _once(_kubernetes),
    "loadbalance": _loadbalance,
    "log": _log,
    "loop": _once(_loop),
    "minimal": _alone,
    "prometheus": _once(_prometheus),
    "ready": _once(_ready),
    "reload": _reload,
    "rewrite": lambda stanza, _: rewrite(stanza),
    "root": _root,
    "template": _template,
    "whoami": _alone,
}
