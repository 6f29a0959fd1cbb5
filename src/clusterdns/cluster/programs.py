"""What a DNS pod runs: its specification -> implementation, version, limits, configuration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from clusterdns.cluster.api import Object
from clusterdns.cluster.corefiles import Corefile, read_corefile
from clusterdns.cluster.versions import coredns_of_node_cache, dnsmasq_tcp_limit, image_version
from clusterdns.model.topology import NO_DENIALS, TCP_LIMIT, Fact, Forward, LayerKind

_DNS_PORT = 53
_CLUSTER_UPSTREAM = "__PILLAR__CLUSTER__DNS__"

# Assumed of a NodeLocal DNSCache whose Corefile cannot be read, as the add-on has it.
# Source: kubernetes/kubernetes, cluster/addons/dns/nodelocaldns.
_STOCK_ZONES = ("cluster.local", "in-addr.arpa", "ip6.arpa")


@dataclass(frozen=True, slots=True)
class Program:
    """What the containers of a DNS pod are.

    Attributes:
        kind: The implementation.
        version: Its version.
        zone: The cluster domain, where its arguments or its Corefile say it.
        local_ips: Addresses that a NodeLocal DNSCache binds.
        upstream: Name of the Service that it asks.
        limits: As `Layer.limits`.
        coredns: As `Layer.coredns`.
        forwards: As `Layer.forwards`.
        caches_denials: As `Layer.caches_denials`.
        faults: As `Layer.faults`.
    """

    kind: LayerKind
    version: Fact[str]
    zone: Fact[str] | None = None
    local_ips: tuple[str, ...] = ()
    upstream: str | None = None
    limits: Mapping[str, Fact[int]] = field(default_factory=dict)
    coredns: Fact[str] | None = None
    forwards: tuple[Forward, ...] = ()
    caches_denials: Fact[bool] = NO_DENIALS
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod's configuration refers to, in its namespace.

    Attributes:
        configmaps: By name.
        service_ips: Service -> its cluster IPs.
    """

    configmaps: Mapping[str, Object]
    service_ips: Mapping[str, Sequence[str]]

    def json(self, configmap: str, key: str) -> object:
        """Return the JSON text under a ConfigMap's key; None where there is none."""
        text = (self.configmaps.get(configmap, {}).get("data") or {}).get(key)
        try:
            return json.loads(text) if text else None
        except ValueError:
            return None


def is_dns(spec: Object) -> bool:
    """Return whether a pod of this specification serves DNS: on port 53, or on node-local addresses."""
    ports = (port for container in spec["containers"] for port in container.get("ports", ()))
    return any(port.get("containerPort") == _DNS_PORT for port in ports) or bool(
        _flag(spec["containers"], "localip")
    )


def program(spec: Object, around: Surroundings) -> Program:
    """Return what a pod of this specification runs."""
    containers = spec["containers"]
    if dnsmasq := _container(containers, "dnsmasq"):
        return _kube_dns(dnsmasq, containers)
    if _flag(containers, "localip"):
        return _node_local(spec, around)
    if coredns := _container(containers, "coredns"):
        version = image_version(coredns)
        path = _flag([coredns], "conf") or "/etc/coredns/Corefile"
        corefile = read_corefile(spec, coredns, path, around.configmaps)
        return Program(
            LayerKind.COREDNS,
            version,
            zone=_zone(corefile),
            coredns=version,
            forwards=_forwards(corefile),
            caches_denials=_caches_denials(corefile),
            faults=corefile.faults,
        )
    return Program(LayerKind.UNKNOWN, Fact("unknown", "no known container", assumed=True))


def _kube_dns(dnsmasq: Object, containers: Sequence[Object]) -> Program:
    version, arguments = image_version(dnsmasq), _words([dnsmasq])
    off = [word for word in arguments if word in ("--no-negcache", "-N", "--cache-size=0", "-c0")]
    servers = [word.removeprefix("--server=") for word in arguments if word.startswith("--server=")]
    upstreams = tuple(server.partition("#")[0] for server in servers if not server.startswith("/"))
    domain = _flag(containers, "domain")
    return Program(
        LayerKind.KUBE_DNS,
        version,
        zone=Fact(domain.strip("."), "argument --domain of kubedns") if domain else None,
        limits={TCP_LIMIT: dnsmasq_tcp_limit(arguments, version)},
        forwards=(Forward((".",), upstreams, "arguments --server of dnsmasq"),) if upstreams else (),
        caches_denials=Fact(not off, f"argument {off[0]} of dnsmasq" if off else "dnsmasq's default"),
    )


def _node_local(spec: Object, around: Surroundings) -> Program:
    """Return a NodeLocal DNSCache, which fills in its Corefile's placeholders when it starts.

    Source: kubernetes-sigs/node-local-dns, cmd/node-cache (flags, configmap.go).
    """
    containers = spec["containers"]
    container = next(one for one in containers if _flag([one], "localip"))
    local_ips = tuple((_flag([container], "localip") or "").split(","))
    upstream = _flag([container], "upstreamsvc") or "kube-dns"
    addresses = tuple(around.service_ips.get(upstream, ())) or (_CLUSTER_UPSTREAM,)
    nameservers = around.json("kube-dns", "upstreamNameservers")
    substitutes = {
        _CLUSTER_UPSTREAM: addresses,
        "__PILLAR__UPSTREAM__SERVERS__": tuple(map(str, nameservers))
        if isinstance(nameservers, list) and nameservers
        else ("/etc/resolv.conf",),
    }
    path = _flag([container], "basecorefile") or "/etc/coredns/Corefile.base"
    conf = _flag([container], "conf") or "/etc/Corefile"
    corefile = read_corefile(
        spec, container, path, around.configmaps, substitutes=substitutes, copied_to=conf
    )
    stock = Forward(_STOCK_ZONES, addresses, corefile.source, force_tcp=True, assumed=True)
    return Program(
        LayerKind.NODE_LOCAL,
        image_version(container),
        zone=_zone(corefile),
        local_ips=local_ips,
        upstream=upstream,
        coredns=coredns_of_node_cache(container),
        forwards=_forwards(corefile) if corefile.configuration else (stock,),
        caches_denials=_caches_denials(corefile),
        faults=corefile.faults,
    )


def _forwards(corefile: Corefile) -> tuple[Forward, ...]:
    return corefile.configuration.forwards if corefile.configuration else ()


def _caches_denials(corefile: Corefile) -> Fact[bool]:
    if corefile.configuration is None:
        return Fact(value=False, source=corefile.source, assumed=True)
    return Fact(corefile.configuration.caches_denials, corefile.source)


def _zone(corefile: Corefile) -> Fact[str] | None:
    zone = corefile.configuration.cluster_zone if corefile.configuration else None
    return Fact(zone, corefile.source) if zone else None


def _container(containers: Sequence[Object], word: str) -> Object | None:
    """Return the container with a word in its own name or in its image's."""
    return next(
        (one for one in containers if word in one["name"] or word in one["image"].rpartition("/")[2]), None
    )


def _words(containers: Sequence[Object]) -> list[str]:
    return [str(word) for one in containers for word in (*one.get("command", ()), *one.get("args", ()))]


def _flag(containers: Sequence[Object], name: str) -> str | None:
    """Return the value of a flag in one of the forms `-flag value`, `-flag=value` or with two hyphens."""
    words = _words(containers)
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        flag, equals, value = word.partition("=")
        if flag in (f"-{name}", f"--{name}"):
            return value if equals else following
    return None
