"""Which release of CoreDNS takes which directive and which option.

Source: github.com/coredns/coredns, core/dnsserver/zdirectives.go and plugin/*/setup.go, 1.10.0 to 1.14.7.
"""

from collections.abc import Mapping

Version = tuple[int, ...]

NEWEST: Version = (1, 14, 7)
"""The newest release that was read: what a newer one takes is not known."""

DIRECTIVES = frozenset(
    {
        "root",
        "metadata",
        "geoip",
        "cancel",
        "tls",
        "quic",
        "timeouts",
        "multisocket",
        "reload",
        "nsid",
        "bufsize",
        "bind",
        "debug",
        "trace",
        "ready",
        "health",
        "pprof",
        "prometheus",
        "errors",
        "log",
        "dnstap",
        "local",
        "dns64",
        "acl",
        "any",
        "chaos",
        "loadbalance",
        "tsig",
        "cache",
        "rewrite",
        "header",
        "dnssec",
        "autopath",
        "minimal",
        "template",
        "transfer",
        "hosts",
        "route53",
        "azure",
        "clouddns",
        "k8s_external",
        "kubernetes",
        "file",
        "auto",
        "secondary",
        "etcd",
        "loop",
        "forward",
        "grpc",
        "erratic",
        "whoami",
        "on",
        "sign",
        "view",
        "nomad",
        "proxyproto",
        "grpc_server",
        "https",
        "https3",
        "shed",
    }
)
"""Every directive of CoreDNS' own builds."""

NODE_CACHE_DIRECTIVES = frozenset(
    {
        "bind",
        "bufsize",
        "cache",
        "debug",
        "dns64",
        "errors",
        "forward",
        "health",
        "hosts",
        "loadbalance",
        "log",
        "loop",
        "prometheus",
        "pprof",
        "reload",
        "rewrite",
        "template",
        "timeouts",
        "trace",
        "whoami",
    }
)
"""Those that node-cache is built with. Source: cmd/node-cache/main.go; plugin.cfg of node-local-dns."""

# Plugin, and plugin and option -> the first release with it; all others are older than 1.10.
_SINCE: Mapping[str, Version] = {
    "timeouts": (1, 11, 0),
    "multisocket": (1, 12, 0),
    "quic": (1, 12, 2),
    "nomad": (1, 13, 0),
    "grpc_server": (1, 14, 0),
    "https": (1, 14, 0),
    "https3": (1, 14, 0),
    "proxyproto": (1, 14, 2),
    "shed": (1, 14, 7),
    "forward next": (1, 11, 4),
    "forward failfast_all_unhealthy_upstreams": (1, 12, 1),
    "forward failover": (1, 13, 0),
    "forward max_connect_attempts": (1, 14, 0),
    "forward max_idle_conns": (1, 14, 1),
    "forward max_age": (1, 14, 3),
    "forward next_on_nodata": (1, 14, 4),
    "forward resolver": (1, 14, 4),
    "forward read_timeout": (1, 14, 5),
    "forward doh_method": (1, 14, 5),
    "forward source_address": (1, 14, 6),
    "cache keepttl": (1, 11, 0),
    "cache serve_stale_policy": (1, 14, 7),
    "hosts fallthrough_unsupported": (1, 14, 7),
    "kubernetes multicluster": (1, 12, 2),
    "kubernetes startup_timeout": (1, 12, 3),
    "kubernetes apiserver_qps": (1, 14, 0),
    "kubernetes apiserver_burst": (1, 14, 0),
    "kubernetes apiserver_max_inflight": (1, 14, 0),
    "kubernetes zonal": (1, 14, 7),
    "loadbalance prefer": (1, 12, 4),
    "prometheus runtime_metrics": (1, 14, 3),
    "prometheus tls": (1, 14, 3),
    "template ederror": (1, 11, 0),
}

HOST_NAMES: Version = (1, 14, 4)
"""The first release whose `forward` takes names of hosts."""


def takes(what: str, version: Version | None) -> bool:
    """Return whether a release takes a directive ("quic") or an option ("forward max_age").

    Args:
        what: Of `DIRECTIVES`, or one of their options.
        version: None where it is not known: then it may be any.
    """
    return version is None or version >= _SINCE.get(what, ())


def directives(version: Version | None) -> frozenset[str] | None:
    """Return the directives of a release; None where it may have others, too."""
    if version is None:
        return DIRECTIVES
    if version > NEWEST:
        return None
    return frozenset(name for name in DIRECTIVES if takes(name, version))


def newer(version: Version | None) -> bool:
    """Return whether a release may take more than is known."""
    return version is not None and version > NEWEST
