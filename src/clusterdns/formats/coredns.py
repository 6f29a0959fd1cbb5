"""What a Corefile makes CoreDNS do, as far as a cluster's DNS topology is concerned, and whether it loads.

Source: github.com/coredns/coredns, core/dnsserver (register.go, address.go), plugin/forward, plugin/cache and
plugin/kubernetes (setup.go of each).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.formats.corefile import ServerBlock, parse
from clusterdns.formats.forwarding import read_forward
from clusterdns.formats.plugins import check
from clusterdns.formats.releases import Version, directives
from clusterdns.formats.setups import Setting
from clusterdns.formats.stanza import Stanza
from clusterdns.formats.words import CorefileError, is_known, readable
from clusterdns.formats.zones import ROOT, is_reverse, key_zones, zone_name, zones
from clusterdns.model.topology import Forward

_PLACEHOLDER = "__PILLAR__"


@dataclass(frozen=True, slots=True)
class Configuration:
    """A Corefile's meaning.

    Attributes:
        forwards: Every `forward`, in order.
        cluster_zone: The first zone of the `kubernetes` plugin; None without it.
        caches_denials: Whether NXDOMAIN of names of the root zone is cached.
        binds: The addresses or interfaces that servers listen on; none where one of them listens on all.
        listeners: (zone, port) of the servers, in order.
    """

    forwards: tuple[Forward, ...]
    cluster_zone: str | None
    caches_denials: bool
    binds: tuple[str, ...] = ()
    listeners: tuple[tuple[str, int], ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that servers listen on, in order, each once."""
        return tuple(dict.fromkeys(port for _, port in self.listeners))


@dataclass(frozen=True, slots=True)
class Server:
    """A server block with its keys understood.

    Attributes:
        block: As parsed.
        listeners: (transport, zone, port) of each key, zones in lower case without the final dot.
        binds: What its `bind` names, less what that excepts; None without one: it listens on all addresses.
    """

    block: ServerBlock
    listeners: tuple[tuple[str, str, str], ...]
    binds: tuple[str, ...] | None

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that it serves."""
        return tuple(zone for _, zone, _ in self.listeners)


def load(  # noqa: PLR0913 - what CoreDNS loads a Corefile with
    files: Mapping[str, str],
    path: str,
    *,
    variables: Mapping[str, str | None] | None = None,
    version: Version | None = None,
    known: Collection[str] | None = None,
    names: Mapping[str, str] | None = None,
    port: str = "53",
    unseen: Collection[str] = (),
) -> Configuration:
    """Return what a Corefile means to CoreDNS.

    Args:
        files: As in `corefile.parse`.
        path: As in `corefile.parse`.
        variables: As in `corefile.parse`.
        version: Of CoreDNS; None where it is not known.
        known: Its directives, where they are not those of CoreDNS' own build: empty for a build of somebody's
            own, which may have any.
        names: Path of a file -> what to call it when a fact's source is told.
        port: Of servers whose keys name none (CoreDNS' flag -dns.port).
        unseen: As in `corefile.parse`.

    Raises:
        CorefileError: CoreDNS would not start with it.
        UnseenFileError: It imports something unseen.
    """
    allowed = directives(version) if known is None else known or None
    blocks = parse(files, path, variables, allowed, unseen)
    servers = [_server(block, port) for block in blocks]
    for server in servers:
        _load_plugins(server, version)
    _no_overlap(servers)
    if not servers:  # CoreDNS then serves what it serves without a Corefile
        return Configuration((), None, caches_denials=False, listeners=((ROOT, int(port)),))
    return _understood(servers, version, names or {})


def _server(block: ServerBlock, port: str) -> Server:
    listeners = []
    for key in block.keys:
        if not is_known(key):
            continue
        if _PLACEHOLDER in key:
            raise CorefileError(f"the placeholder in {key} has not been replaced", block.where)
        try:
            protocol, served, number = key_zones(key, port)
        except ValueError as error:
            raise CorefileError(str(error), block.where) from None
        listeners += [(protocol, zone_name(zone), number) for zone in served]
    return Server(block, tuple(listeners), _binds(block))


def _binds(block: ServerBlock) -> tuple[str, ...] | None:
    if "bind" not in block.directives:
        return None
    stanza = Stanza(block.directives["bind"])
    binds: list[str] = []
    while stanza.next():
        places, excepted = stanza.arguments(), list[str]()
        while stanza.next_in_block():
            excepted += stanza.arguments()
        binds += (place for place in places if place not in excepted)
    return tuple(binds)


def _load_plugins(server: Server, version: Version | None) -> None:
    open_keys = tuple(key for key in server.block.keys if not is_known(key))
    setting = Setting(version, (*server.zones, *open_keys))
    if server.binds == () and "kubernetes" in server.block.directives:
        raise CorefileError("kubernetes needs a server that listens somewhere", server.block.where)
    for name, words in server.block.directives.items():
        left = next((word for word in words if _PLACEHOLDER in word.text), None)
        if left:
            raise CorefileError(f"the placeholder {left.text} has not been replaced", left.where)
        check(name, words, setting)


def _no_overlap(servers: Sequence[Server]) -> None:
    """Make sure that no two servers are asked for the same zone at the same place.

    Raises:
        CorefileError: two are.
    """
    taken: set[tuple[str, str, str, str]] = set()
    bound: set[tuple[str, str, str]] = set()
    for server in servers:
        places = ("",) if server.binds is None else server.binds
        if "view" in server.block.directives or not all(map(is_known, places)):
            continue
        for listener in server.listeners:
            for address in places:
                place = (*listener, address)
                twice = place in taken
                everywhere = listener in bound and (not address or (*listener, "") in taken)
                if twice or everywhere:
                    zone, number = listener[1:]
                    raise CorefileError(f"zone {zone} on port {number} is served twice", server.block.where)
                taken.add(place)
                bound.add(listener)


def _understood(
    servers: Sequence[Server], version: Version | None, names: Mapping[str, str]
) -> Configuration:
    served = [zone for server in servers for zone in _kubernetes_zones(server)]
    cluster = [zone for zone in served if zone != ROOT and not is_reverse(zone)]
    binds = [bind for server in servers for bind in server.binds or ()]
    everywhere = any(server.binds is None for server in servers)
    return Configuration(
        forwards=tuple(forward for server in servers for forward in _forwards(server, version, names)),
        cluster_zone=cluster[0] if cluster else None,
        caches_denials=any(_caches_denials(server) for server in servers),
        binds=() if everywhere else tuple(dict.fromkeys(map(readable, binds))),
        listeners=tuple(
            (zone, int(port))
            for server in servers
            if server.binds != ()
            for _, zone, port in server.listeners
        ),
    )


def _kubernetes_zones(server: Server) -> tuple[str, ...]:
    words = server.block.directives.get("kubernetes")
    if not words:
        return ()
    stanza = Stanza(words)
    stanza.next()
    own = [word for word in stanza.arguments() if is_known(word)]
    return zones(own) if own else server.zones


def _forwards(server: Server, version: Version | None, names: Mapping[str, str]) -> Iterator[Forward]:
    for stanza in read_forward(Stanza(server.block.directives.get("forward", ())), version):
        where = stanza.where
        yield Forward(
            zones=server.zones if stanza.zone == ROOT else (readable(stanza.zone),),
            upstreams=tuple(map(readable, stanza.upstreams)),
            source=f"{names.get(where.file, where.file)}, line {where.line}",
            force_tcp=stanza.force_tcp,
            prefer_udp=stanza.prefer_udp,
            expire=stanza.expire,
            max_age=stanza.max_age or None,
            max_idle_conns=stanza.max_idle_conns or None,
            max_concurrent=stanza.max_concurrent or None,
            unknown=tuple(readable(upstream) for upstream in stanza.upstreams if not is_known(upstream)),
        )
    yield from _kubeforwards(server, names)


def _kubeforwards(server: Server, names: Mapping[str, str]) -> Iterator[Forward]:
    """Yield what Deckhouse's plugin `kubeforward` does: it forwards to a Service's endpoints.

    Source: github.com/deckhouse/kubeforward, README.
    """
    stanza = Stanza(server.block.directives.get("kubeforward", ()))
    while stanza.next():
        where, options = stanza.where, dict[str, list[str]]()
        stanza.arguments()
        while stanza.next_in_block():
            option = stanza.text
            options[option] = stanza.arguments()
        service, namespace = (options.get(key, [""])[:1] for key in ("service_name", "namespace"))
        yield Forward(
            zones=server.zones,
            upstreams=(f"{''.join(service)}.{''.join(namespace)}.svc",),
            source=f"{names.get(where.file, where.file)}, line {where.line}",
            force_tcp="force_tcp" in options,
            prefer_udp="prefer_udp" in options,
        )


def _caches_denials(server: Server) -> bool:
    """Return whether a server caches NXDOMAIN of the root zone."""
    stanza = Stanza(server.block.directives.get("cache", ()))
    if ROOT not in server.zones or not stanza.next():
        return False
    words = [word for word in stanza.arguments() if not word.isdigit()]
    caches = not words or ROOT in zones(words)
    while stanza.next_in_block():
        option, values = stanza.text, stanza.arguments()
        if option == "disable" and values[:1] == ["denial"]:
            caches = caches and ROOT not in map(zone_name, values[1:] or [ROOT])
        elif option == "denial" and values[:1] == ["0"]:
            caches = False
    return caches
