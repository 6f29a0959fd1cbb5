"""What the specification leaves free, and known deviations from it, by implementation: all of it is here.

A deviation is accepted where it is documented, and reported as such.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from clusterdns.model.topology import LayerKind

NXDOMAIN = "NXDOMAIN"
NOERROR = "NOERROR"


@dataclass(frozen=True, slots=True)
class Deviation:
    """A documented difference from the specification.

    Attributes:
        what: One sentence.
        source: Where it is documented.
        by_tcp: Whether only who asks by TCP gets it: a DNS pod asked by UDP is held to the specification, any
            other path may lead over a cache that asks by TCP.
    """

    what: str
    source: str
    by_tcp: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.source})"


POD_RECORDS = Deviation(
    "names of pods' addresses (2.6, deprecated) are not there",
    "CoreDNS, plugin kubernetes: `pods disabled` is its default",
)


NO_LONE_ALIAS = Deviation(
    "an alias of a name in the zone without addresses of the family is answered without its CNAME (2.5)",
    "CoreDNS, plugin/backend_lookup.go: A and AAAA keep an alias only with what it leads to",
)


# Seen on 2.90, which k8s-dns has since 1.23.0: the cached CNAME is followed in the buffer that then chooses
# the server, so the question goes to the target's, whose NXDOMAIN becomes "no data" of a name in the cache.
LOST_ALIAS = Deviation(
    "an alias of a name outside, asked for by TCP when dnsmasq has it in its cache for another type, is "
    "answered without data (2.5), and its name is sent to the upstream outside",
    "dnsmasq 2.90, src/forward.c, tcp_request",
    by_tcp=True,
)


@dataclass(frozen=True, slots=True)
class DNSProfile:
    """How an implementation uses its freedom.

    Attributes:
        name: The implementation's.
        none_ready: The rcodes of a headless Service without ready endpoints. 2.4.1 says that it "should" be
            NXDOMAIN.
        recursion_available: Whether every answer has the RA bit; None where it is not defined.
        no_version: The deviation, where there may be no record of the schema's version.
        no_lone_alias: The deviation, where an alias that leads to no address may be left out.
        lost_alias: The deviation, where an alias of a name outside may be denied data that it leads to.
        no_pods: The deviation, where there may be no records of pods' addresses.
        reads_endpoints: Whether it reads Endpoints, and knows nothing of EndpointSlices.
        besides: Deviations that no question of ours runs into.
    """

    name: str
    none_ready: frozenset[str] = frozenset({NXDOMAIN})
    recursion_available: bool | None = None
    no_version: Deviation | None = None
    no_pods: Deviation | None = POD_RECORDS
    no_lone_alias: Deviation | None = NO_LONE_ALIAS
    lost_alias: Deviation | None = None
    reads_endpoints: bool = False
    besides: tuple[Deviation, ...] = ()

    def deviations(self) -> list[Deviation]:
        """Return all that is documented of the implementation."""
        values = [getattr(self, one.name) for one in fields(self)]
        return [*(one for one in values if isinstance(one, Deviation)), *self.besides]


PROFILES: dict[LayerKind, DNSProfile] = {
    # kubernetes plugin, plugin/kubernetes/kubernetes.go: errNoItems where no endpoint is ready.
    LayerKind.COREDNS: DNSProfile("CoreDNS"),
    LayerKind.KUBE_DNS: DNSProfile(
        "kube-dns",
        none_ready=frozenset({NXDOMAIN, NOERROR}),
        recursion_available=True,  # dnsmasq, src/rfc1035.c and forward.c, sets it in each reply
        no_version=Deviation(
            "there is no record of the schema's version (2.2)",
            "kubernetes/dns: pkg/dns has never made one",
        ),
        lost_alias=LOST_ALIAS,
        reads_endpoints=True,
        besides=(
            Deviation(
                "of a Service's endpoints 1,000 are served at most",
                "cloud.google.com/kubernetes-engine/docs/how-to/kube-dns",
            ),
            Deviation(
                "EndpointSlices are not read, so endpoints are given as Endpoints, too",
                "github.com/kubernetes/dns/issues/504",
            ),
        ),
    ),
    LayerKind.CLOUD_DNS: DNSProfile("Cloud DNS for GKE", none_ready=frozenset({NXDOMAIN, NOERROR})),
    LayerKind.UNKNOWN: DNSProfile("an unknown implementation", none_ready=frozenset({NXDOMAIN, NOERROR})),
}


def profile_of(kinds: Collection[LayerKind]) -> DNSProfile:
    """Return the profile of a cluster whose zone is served by these kinds: all of their freedom."""
    known = [PROFILES[kind] for kind in PROFILES if kind in kinds] or [PROFILES[LayerKind.UNKNOWN]]
    first, *others = known
    for other in others:
        same = first.recursion_available == other.recursion_available
        first = replace(
            first,
            name=f"{first.name} and {other.name}",
            none_ready=first.none_ready | other.none_ready,
            recursion_available=first.recursion_available if same else None,
            no_version=first.no_version or other.no_version,
            no_pods=first.no_pods or other.no_pods,
            no_lone_alias=first.no_lone_alias or other.no_lone_alias,
            lost_alias=first.lost_alias or other.lost_alias,
            reads_endpoints=first.reads_endpoints or other.reads_endpoints,
            besides=first.besides + other.besides,
        )
    return first
