"""What the plugins of a cluster's CoreDNS take: where one of them refuses its words, CoreDNS does not start.

Every plugin has a function, here or in `answering`, that reads its words as the plugin's own setup does. A
plugin without one (etcd, tls, ...) is taken as it is: what it would say is not known. Regular expressions and
Go templates are not compiled.

Source: github.com/coredns/coredns, plugin/*/setup.go, 1.13.1 and 1.14.4.
"""

import re
from collections.abc import Mapping

from clusterdns.formats import answering
from clusterdns.formats.forwarding import read_forward
from clusterdns.formats.releases import takes
from clusterdns.formats.rewriting import rewrite
from clusterdns.formats.setups import Setting, Setup, any_duration, counted, once, options
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.values import choice, integer, listener, seconds
from clusterdns.formats.words import CorefileError, Word, is_known
from clusterdns.formats.zones import is_address, network

_HIGHEST_BUFFER, _LOWEST_BUFFER = 4096, 512
_INTERFACE = re.compile(r"[^\s/:]{1,15}")  # as Linux names them


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


def _errors(stanza: Stanza, setting: Setting) -> None:
    def consolidate(stanza: Stanza) -> None:
        words = counted(stanza, 2, 3)
        seconds(words[0], None)
        for level in words[2:]:
            choice(level, "warning", "error", "info", "debug")

    for target in counted(stanza, 0, 1):
        choice(target, "stdout")
    options(stanza, setting, "errors", {"stacktrace": lambda _: None, "consolidate": consolidate})


def _log(stanza: Stanza, setting: Setting) -> None:
    def classes(stanza: Stanza) -> None:
        for word in counted(stanza, 1):
            choice(word, "all", "success", "denial", "error")

    while stanza.next():
        stanza.arguments()
        options(stanza, setting, "log", {"class": classes})


def _health(stanza: Stanza, setting: Setting) -> None:
    while stanza.next():
        for address in counted(stanza, 0, 1):
            listener(address)
        options(stanza, setting, "health", {"lameduck": any_duration})


def _ready(stanza: Stanza, _: Setting) -> None:
    for address in counted(stanza, 0, 1):
        listener(address)
    while stanza.next_in_block():  # what it does not know is left alone
        if stanza.text == "monitor":
            choice(*counted(stanza, 1, 1), "until-ready", "continuously")


def _prometheus(stanza: Stanza, setting: Setting) -> None:
    for address in counted(stanza, 0, 1):
        listener(address)
    if takes("prometheus tls", setting.version):
        options(stanza, setting, "prometheus", {"tls": Stanza.arguments, "runtime_metrics": Stanza.arguments})


def _reload(stanza: Stanza, _: Setting) -> None:
    stanza.next()
    for text, least in zip(counted(stanza, 0, 2), (2.0, 1.0), strict=False):
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
    for size in counted(stanza, 0, 1):
        integer(size, _LOWEST_BUFFER, _HIGHEST_BUFFER)


def _bind(stanza: Stanza, setting: Setting) -> None:
    """Take addresses and names of interfaces; which ones a node has is not known."""

    def places(stanza: Stanza) -> None:
        for word in counted(stanza, 1):
            if is_known(word) and not is_address(word) and not _INTERFACE.fullmatch(word):
                raise stanza.error(f"bind: {word!r} is neither an address nor the name of an interface")

    while stanza.next():
        places(stanza)
        options(stanza, setting, "bind", {"except": places})


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
            options(stanza, setting, "loadbalance", {"reload": any_duration})
        elif policy:
            choice(policy[0], "round_robin")
            if len(policy) > 1:
                raise stanza.miscounted()
        options(stanza, setting, "loadbalance", {"prefer": prefer})


def _forward(stanza: Stanza, setting: Setting) -> None:
    for _ in read_forward(stanza, setting.version):
        pass


_SETUPS: Mapping[str, Setup] = {
    "acl": answering.acl,
    "bind": _bind,
    "bufsize": _bufsize,
    "cache": once(answering.cache),
    "debug": _debug,
    "erratic": answering.erratic,
    "errors": once(_errors),
    "file": answering.file,
    "forward": _forward,
    "header": answering.header,
    "health": _health,
    "hosts": once(answering.hosts),
    "kubernetes": once(answering.kubernetes),
    "loadbalance": _loadbalance,
    "log": _log,
    "loop": once(_loop),
    "minimal": _alone,
    "prometheus": once(_prometheus),
    "ready": once(_ready),
    "reload": _reload,
    "rewrite": lambda stanza, _: rewrite(stanza),
    "root": _root,
    "template": answering.template,
    "whoami": _alone,
}
