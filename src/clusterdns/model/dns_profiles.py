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
        cached: Whether it depends on what a cache holds at the time: the same question may be answered so and
            as specified, by two DNS pods or by one.
    """

    what: str
    source: str
    by_tcp: bool = False
    cached: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.source})"


POD_RECORDS = Deviation(
    "names of pods' addresses (2.6, deprecated) are not there",
    "CoreDNS, plugin kubernetes: `pods disabled` is its default",
)

NO_LONE_ALIAS = Deviation(
    "an alias of a name in the zone without addresses of the family is answered without its CNAME (2.5)",
    "CoreDNS, plugin/backend_lookup.go: A and AAAA keep an alias only with what it leads to; "
    "kube-dns, third_party/forked/skydns/server/server.go, AddressRecords",
)

# Seen on 2.90, which k8s-dns has since 1.23.0: the cached CNAME is followed in the buffer that then chooses
# the server, so the question goes to the target's, whose NXDOMAIN becomes "no data" of a name in the cache.
LOST_ALIAS = Deviation(
    "an alias of a name outside, asked for by TCP when dnsmasq has it in its cache for another type, is "
    "answered without data (2.5), and its name is sent to the upstream outside",
    "dnsmasq 2.90, src/forward.c, tcp_request",
    by_tcp=True,
    cached=True,
)

# The rest was seen on 1.26.7, whose answers are in tests/unit/data/, and read in the source.
DANGLING_ALIAS = Deviation(
    "an alias of a name that does not exist outside is answered without its CNAME, without data (2.5)",
    "kube-dns, third_party/forked/skydns/server/server.go, AddressRecords: the alias is kept only if the "
    "node's resolver answers NOERROR",
)
ONE_OF_A_HOSTNAME = Deviation(
    "of a headless Service's endpoints that share a hostname only the last is served (2.4.1)",
    "kube-dns, pkg/dns/dns.go, generateRecordsForHeadlessService: they are kept by hostname",
)
ONE_FAMILY = Deviation(
    "of a headless Service's endpoints those of its first family are served (2.4): "
    "the others are in EndpointSlices only",
    "github.com/kubernetes/dns/issues/504; Kubernetes, pkg/controller/endpoint: Endpoints are of one family",
)
NO_GENERATED_PTR = Deviation(
    "an endpoint's address leads to a name only if the endpoint has a hostname (2.4.3): any other is asked "
    "of the node's resolver, so the denial and its SOA record are of a zone outside",
    "kube-dns, pkg/dns/dns.go, generateRecordsForHeadlessService; "
    "third_party/forked/skydns/server/forwarding.go, ServeDNSReverse",
)
CNAME_DENIED = Deviation(
    "a Service's name that is no alias is denied when its CNAME record is asked for; dnsmasq makes that "
    "NOERROR while it has an address of the name in its cache",
    "kube-dns, pkg/dns/dns.go, getRecordsForPath (exact); dnsmasq 2.90, src/forward.c, process_reply",
    cached=True,
)
NO_IPV6_PODS = Deviation(
    "names of pods' IPv6 addresses are answered without data (2.6)", "kube-dns, pkg/dns/dns.go, getPodIP"
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
        no_pods: The deviation, where there may be no records of pods' addresses.
        no_ipv6_pods: The deviation, where there may be none of those of IPv6.
        no_lone_alias: The deviation, where an alias that leads to no address may be left out.
        lost_alias: The deviation, where an alias of a name outside may be denied data that it leads to.
        dangling_alias: The deviation, where an alias of a name that does not exist outside may be left out.
        one_of_a_hostname: The deviation, where one of those that share a hostname may hide the others.
        one_family: The deviation, where endpoints of a Service's second family may not be served.
        no_generated_ptr: The deviation, where the address of an endpoint without a hostname may have no name.
        cname_denied: The deviation, where a name that is no alias may be denied to who asks for its CNAME.
        reads_endpoints: Whether it reads Endpoints, and knows nothing of EndpointSlices.
        besides: Deviations that no question of ours runs into.
    """

    name: str
    none_ready: frozenset[str] = frozenset({NXDOMAIN})
    recursion_available: bool | None = None
    no_version: Deviation | None = None
    no_pods: Deviation | None = POD_RECORDS
    no_ipv6_pods: Deviation | None = None
    no_lone_alias: Deviation | None = NO_LONE_ALIAS
    lost_alias: Deviation | None = None
    dangling_alias: Deviation | None = None
    one_of_a_hostname: Deviation | None = None
    one_family: Deviation | None = None
    no_generated_ptr: Deviation | None = None
    cname_denied: Deviation | None = None
    reads_endpoints: bool = False
    besides: tuple[Deviation, ...] = ()

    def deviations(self) -> list[Deviation]:
        """Return all that is documented of the implementation."""
        values = [getattr(self, field.name) for field in fields(self)]
        return [*(value for value in values if isinstance(value, Deviation)), *self.besides]


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
        no_pods=None,
        no_ipv6_pods=NO_IPV6_PODS,
        lost_alias=LOST_ALIAS,
        dangling_alias=DANGLING_ALIAS,
        one_of_a_hostname=ONE_OF_A_HOSTNAME,
        one_family=ONE_FAMILY,
        no_generated_ptr=NO_GENERATED_PTR,
        cname_denied=CNAME_DENIED,
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
            Deviation(
                "a namespace's own name and those with `*` for a label are answered with what is below",
                "kube-dns, pkg/dns/treecache/treecache.go, GetValuesForPathWithWildcards",
            ),
            Deviation(
                "a Service's name has SRV records without a port being asked for: made-up targets, port 0",
                "kube-dns, third_party/forked/skydns/server/server.go, SRVRecords",
            ),
            Deviation(
                "the zone's own name is denied for all types but SOA",
                "kube-dns, third_party/forked/skydns/server/server.go, ServeDNS",
            ),
        ),
    ),
    LayerKind.CLOUD_DNS: DNSProfile("Cloud DNS for GKE", none_ready=frozenset({NXDOMAIN, NOERROR})),
    LayerKind.UNKNOWN: DNSProfile("an unknown implementation", none_ready=frozenset({NXDOMAIN, NOERROR})),
}


def profile_of(kinds: Collection[LayerKind]) -> DNSProfile:
    """Return the profile of a cluster whose zone is served by these kinds: all of their freedom."""
    profiles = [PROFILES[kind] for kind in PROFILES if kind in kinds] or [PROFILES[LayerKind.UNKNOWN]]
    merged, *others = profiles
    for other in others:
        same = merged.recursion_available == other.recursion_available
        deviations = {
            field.name: getattr(merged, field.name) or getattr(other, field.name)
            for field in fields(DNSProfile)
            if isinstance(getattr(other, field.name), Deviation)
        }
        merged = replace(
            merged,
            name=f"{merged.name} and {other.name}",
            none_ready=merged.none_ready | other.none_ready,
            recursion_available=merged.recursion_available if same else None,
            reads_endpoints=merged.reads_endpoints or other.reads_endpoints,
            besides=merged.besides + other.besides,
            **deviations,
        )
    return merged
