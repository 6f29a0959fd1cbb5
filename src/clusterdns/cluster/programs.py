"""What a DNS pod runs: its specification -> implementation, version, limits, configuration."""

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from clusterdns.cluster.api import Object
from clusterdns.cluster.arguments import dnsmasq_options, flag, is_off, words
from clusterdns.cluster.corefiles import ConfigMapKey, Corefile, files_of, read_corefile
from clusterdns.cluster.environment import environment
from clusterdns.cluster.objects import items, name_of, number, part, text
from clusterdns.cluster.versions import coredns_of_node_cache, dnsmasq_tcp_limit, image_version, numbers
from clusterdns.formats.releases import NODE_CACHE_DIRECTIVES
from clusterdns.formats.words import not_known
from clusterdns.formats.zones import is_address
from clusterdns.model.topology import (
    DNS_PORT,
    DNSMASQ_FORWARD_LIMIT,
    FORWARD_LIMIT,
    NO_DENIALS,
    TCP_LIMIT,
    Fact,
    Forward,
    LayerKind,
)

_CLUSTER_UPSTREAM = "__PILLAR__CLUSTER__DNS__"
_NODE_UPSTREAMS = "/etc/resolv.conf"

# Servers that the ConfigMap kube-dns names are asked by UDP, where the Corefile has exactly these lines.
_BY_TCP = "\n    forward . __PILLAR__UPSTREAM__SERVERS__ {\n            force_tcp\n    }\n"
_BY_UDP = "\n    forward . __PILLAR__UPSTREAM__SERVERS__\n"
_DEFAULT_CONF = "/etc/coredns/Corefile"

# Assumed of a NodeLocal DNSCache whose Corefile cannot be read, as the add-on has it.
# Source: kubernetes/kubernetes, cluster/addons/dns/nodelocaldns.
_STOCK_ZONES = ("cluster.local", "in-addr.arpa", "ip6.arpa")


@dataclass(frozen=True, slots=True)
class Program:
    """What the containers of a DNS pod are.

    Attributes:
        kind: The implementation.
        version: Its version.
        container: The name of the container that takes queries, "" where that is not known.
        zone: The cluster domain, where its arguments or its Corefile say it.
        local_ips: Addresses of the node that a node cache answers on, with what says so.
        upstream: Name of the Service that it asks, where its Corefile leaves that to its argument.
        port: Where it listens.
        limits: As `Layer.limits`.
        coredns: As `Layer.coredns`.
        forwards: As `Layer.forwards`.
        caches_denials: As `Layer.caches_denials`.
        faults: As `Layer.faults`.
        corefile: Where its Corefile stands; None for a program without one, or where no ConfigMap holds it.
    """

    kind: LayerKind
    version: Fact[str]
    container: str = ""
    zone: Fact[str] | None = None
    local_ips: tuple[Fact[str], ...] = ()
    upstream: str | None = None
    port: int = DNS_PORT
    limits: Mapping[str, Fact[int]] = field(default_factory=dict)
    coredns: Fact[str] | None = None
    forwards: tuple[Forward, ...] = ()
    caches_denials: Fact[bool] = NO_DENIALS
    faults: tuple[str, ...] = ()
    corefile: ConfigMapKey | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod's configuration refers to, in its namespace.

    Attributes:
        namespace: Its name.
        configmaps: By name.
        services: Every Service of it.
    """

    namespace: str = ""
    configmaps: Mapping[str, Object] = field(default_factory=dict)
    services: Sequence[Object] = ()

    def json(self, configmap: str, key: str) -> object:
        """Return the JSON text under a ConfigMap's key; None where there is none."""
        said = text(self.configmaps.get(configmap, {}), "data", key)
        try:
            return json.loads(said) if said else None
        except (ValueError, RecursionError):
            return None

    def address_of(self, service: str) -> str:
        """Return the first cluster IP of a Service, "" where there is none."""
        found = (text(one, "spec", "clusterIP") for one in self.services if name_of(one) == service)
        return next((address for address in found if address != "None"), "")


def is_dns(spec: Object) -> bool:
    """Return whether a pod of this specification is a DNS server, as far as the specification tells."""
    containers = list(items(spec, "containers"))
    if _dnsmasq(containers) or _node_cache(containers) or _coredns(containers):
        return True
    return any(number(port, "containerPort") == DNS_PORT for port in _ports(containers))


def is_node_cache(spec: Object) -> bool:
    """Return whether a pod of this specification says that it is a node cache."""
    return _node_cache(list(items(spec, "containers"))) is not None


def program(spec: Object, around: Surroundings) -> Program:
    """Return what a pod of this specification runs."""
    containers = list(items(spec, "containers"))
    if dnsmasq := _dnsmasq(containers):
        return _kube_dns(dnsmasq, containers, around)
    if node_cache := _node_cache(containers):
        return _node_local(spec, node_cache, around)
    if coredns := _coredns(containers):
        return _plain_coredns(spec, coredns, around)
    unknown = Program(LayerKind.UNKNOWN, Fact("unknown", "no known container", assumed=True))
    return replace(unknown, port=_listening(containers, ()))


def _kube_dns(dnsmasq: Object, containers: Sequence[Object], around: Surroundings) -> Program:
    """Return kube-dns; what its ConfigMap names as upstreams, its nanny gives to dnsmasq.

    Source: kubernetes/dns, pkg/dnsmasq/nanny.go.
    """
    version, options = image_version(dnsmasq), dnsmasq_options(words([dnsmasq]))
    off = next(
        (name for name in ("no-negcache",) if name in options.values),
        "cache-size=0" if options.last("cache-size") == "0" else "",
    )
    own = around.json("kube-dns", "upstreamNameservers")
    configured = tuple(map(str, own)) if isinstance(own, list) else ()
    upstreams = (*options.servers(), *(server.partition("#")[0] for server in configured))
    source = "arguments --server of dnsmasq" if options.servers() else "dnsmasq's default"
    if configured:
        source = "ConfigMap kube-dns, upstreamNameservers"
    elif "no-resolv" not in options.values:
        upstreams = (*upstreams, options.last("resolv-file") or _NODE_UPSTREAMS)
    domain = (flag(containers, "domain") or "").strip(".")
    return Program(
        LayerKind.KUBE_DNS,
        version,
        container=text(dnsmasq, "name"),
        zone=Fact(domain, "argument --domain of kubedns") if domain else None,
        limits={
            TCP_LIMIT: dnsmasq_tcp_limit(options.last("max-tcp-connections"), version),
            FORWARD_LIMIT: _forward_limit(options.last("dns-forward-max")),
        },
        forwards=(Forward((".",), upstreams, source),) if upstreams else (),
        caches_denials=Fact(not off, f"option {off} of dnsmasq" if off else "dnsmasq's default"),
    )


def _forward_limit(option: str | None) -> Fact[int]:
    """Return how many queries one dnsmasq has in flight at most.

    Args:
        option: The value of --dns-forward-max; None where it is not there.
    """
    if option is not None and option.isascii() and option.isdigit():
        return Fact(int(option[:9]), "argument --dns-forward-max of dnsmasq")
    return Fact(DNSMASQ_FORWARD_LIMIT, "dnsmasq's default")


def _node_local(spec: Object, container: Object, around: Surroundings) -> Program:
    """Return a NodeLocal DNSCache, which fills in its Corefile's placeholders when it starts.

    Source: kubernetes-sigs/node-local-dns, cmd/node-cache (flags, configmap.go).
    """
    given = flag([container], "localip") or ""
    addresses = given.split(",")
    wrong = [address for address in addresses if not is_address(address)]
    faults = [f"node-cache exits: -localip {given!r} has {word!r}, which is no address" for word in wrong[:1]]
    upstream = flag([container], "upstreamsvc") or "kube-dns"
    coredns = coredns_of_node_cache(container)
    files = files_of(spec, container, around.configmaps)
    conf = flag([container], "conf") or flag([container], "corefile") or "/etc/Corefile"
    base = flag([container], "basecorefile") or "/etc/coredns/Corefile.base"
    copied = base in files.texts or files.why_unseen(base) is not None or conf not in files.texts
    path = base if copied else conf
    asks = _CLUSTER_UPSTREAM in files.texts.get(path, "")
    corefile = read_corefile(
        files,
        path,
        loaded_as=conf,
        replaced=_placeholders(given, upstream, around) if copied else None,
        variables=environment(spec, container, around.namespace, around.configmaps, around.services),
        version=_version(coredns),
        known=NODE_CACHE_DIRECTIVES,
        port=flag([container], "dns.port") or str(DNS_PORT),
    )
    cluster_upstream = around.address_of(upstream) or _CLUSTER_UPSTREAM
    stock = Forward(_STOCK_ZONES, (cluster_upstream,), corefile.source, force_tcp=True, assumed=True)
    configuration = corefile.configuration
    on_node = tuple(address for address in addresses if is_address(address))
    if is_off([container], "setupinterface") and not (
        part(spec, "hostNetwork") is True and configuration and set(on_node) <= set(configuration.binds)
    ):
        on_node = ()  # no interface of the node gets them
    return Program(
        LayerKind.NODE_LOCAL,
        image_version(container),
        container=text(container, "name"),
        zone=_zone(corefile),
        local_ips=tuple(Fact(address, "argument -localip") for address in on_node),
        upstream=upstream if asks or configuration is None else None,
        port=_listening([container], configuration.ports if configuration else ()),
        coredns=coredns,
        forwards=configuration.forwards if configuration else (stock,),
        caches_denials=_caches_denials(corefile),
        faults=(*faults, *corefile.faults),
    )


def _placeholders(local_ips: str, upstream: str, around: Surroundings) -> dict[str, str]:
    """Return what node-cache puts in place of placeholders: those that it cannot fill in are left out."""
    nameservers = around.json("kube-dns", "upstreamNameservers")
    outside = " ".join(map(str, nameservers)) if isinstance(nameservers, list) else ""
    found = {_BY_TCP: _BY_UDP} if outside else {}
    return found | {
        "__PILLAR__UPSTREAM__SERVERS__": outside or _NODE_UPSTREAMS,
        # Without that Service the address is not known; its absence is told where coverage is judged.
        _CLUSTER_UPSTREAM: around.address_of(upstream) or not_known(upstream),
        "__PILLAR__LOCAL__DNS__": local_ips.replace(",", " "),
        "__PILLAR__DNS__SERVER__": "",  # it is among -localip's
    }


def _plain_coredns(spec: Object, container: Object, around: Surroundings) -> Program:
    version = image_version(container)
    known_build = "coredns" in text(container, "image") and not version.assumed
    files = files_of(spec, container, around.configmaps)
    path = flag([container], "conf") or _DEFAULT_CONF
    corefile = read_corefile(
        files,
        path,
        variables=environment(spec, container, around.namespace, around.configmaps, around.services),
        version=_version(version),
        known=None if known_build else (),
        port=flag([container], "dns.port") or str(DNS_PORT),
    )
    configuration = corefile.configuration
    binds = configuration.binds if configuration else ()
    node_local = tuple(
        Fact(bind, f"bind in {corefile.source}")
        for bind in binds
        if part(spec, "hostNetwork") is True
        and is_address(bind)
        and not ipaddress.ip_address(bind).is_unspecified
    )
    cache = any(ipaddress.ip_address(fact.value).is_link_local for fact in node_local)
    return Program(
        LayerKind.NODE_LOCAL if cache else LayerKind.COREDNS,
        version,
        container=text(container, "name"),
        zone=_zone(corefile),
        local_ips=node_local if cache else (),
        port=_listening([container], configuration.ports if configuration else ()),
        coredns=version,
        forwards=configuration.forwards if configuration else (),
        caches_denials=_caches_denials(corefile),
        faults=corefile.faults,
        corefile=files.origins.get(path),
    )


def _caches_denials(corefile: Corefile) -> Fact[bool]:
    if corefile.configuration is None:
        return Fact(value=False, source=corefile.source, assumed=True)
    return Fact(corefile.configuration.caches_denials, corefile.source)


def _zone(corefile: Corefile) -> Fact[str] | None:
    zone = corefile.configuration.cluster_zone if corefile.configuration else None
    return Fact(zone, corefile.source) if zone else None


def _version(fact: Fact[str]) -> tuple[int, ...] | None:
    return None if fact.assumed else numbers(fact.value)


def _listening(containers: Sequence[Object], ports: Sequence[int]) -> int:
    """Return where a program listens: a port that its Corefile and its container name, or one of theirs."""
    said = [
        number(port, "containerPort")
        for port in _ports(containers)
        if text(port, "protocol") == "UDP"
        or "dns" in text(port, "name")
        or part(port, "containerPort") == DNS_PORT
    ]
    both = [port for port in ports if port in said]
    return next((port for port in (*both, *ports, *said) if port), DNS_PORT)


def _ports(containers: Iterable[Object]) -> list[Object]:
    return [port for container in containers for port in items(container, "ports")]


def _dnsmasq(containers: Sequence[Object]) -> Object | None:
    return next((one for one in containers if _called(one, "dnsmasq")), None)


def _node_cache(containers: Sequence[Object]) -> Object | None:
    """Return the container that is told addresses of the node: node-cache exits without them."""
    return next((one for one in containers if flag([one], "localip") is not None), None)


def _coredns(containers: Sequence[Object]) -> Object | None:
    """Return the container with CoreDNS in its name, image or command, or that is given a Corefile."""
    named = (one for one in containers if _called(one, "coredns"))
    given = (one for one in containers if "corefile" in (flag([one], "conf") or "").lower())
    return next(named, None) or next(given, None)


def _called(container: Object, word: str) -> bool:
    """Return whether a container's, its image's or its program's name has a word, and it is no autoscaler."""
    image = text(container, "image").partition("@")[0].rpartition("/")[2].partition(":")[0]
    command = next(iter(words([container])), "").rpartition("/")[2]
    told = (text(container, "name"), image, command)
    return any(word in name for name in told) and not any("autoscaler" in name for name in told)


def stub_domains(around: Surroundings) -> dict[str, tuple[str, ...]]:
    """Return the stub domains that kube-dns and NodeLocal DNSCache take from the ConfigMap kube-dns."""
    said = around.json("kube-dns", "stubDomains")
    if not isinstance(said, dict):
        return {}
    return {
        str(domain): tuple(map(str, servers)) for domain, servers in said.items() if isinstance(servers, list)
    }
