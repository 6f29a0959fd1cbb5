"""What a cluster is held to: every limit, with where its default comes from."""

import re

from pydantic import BaseModel, field_validator

from clusterdns.settings.fields import setting

# resolv.conf as Kubernetes accepts it, whatever the limit in the settings.
# Source: k8s.io/kubernetes pkg/apis/core/validation MaxDNSSearchPaths, MaxDNSSearchListChars.
SEARCH_DOMAINS_MAX = 32
SEARCH_CHARACTERS_MAX = 2048

# RFC 1035 2.3.1, and the underscore that RFC 2782 adds.
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.IGNORECASE)


class Limits(BaseModel):
    """What a cluster is held to."""

    external_name: str = setting(
        "external name that probes look up, without a trailing dot",
        default="www.example.com",
        source="RFC 2606: nobody's name",
    )
    search_limit: int = setting(
        "most entries that a pod's search list may have",
        default=6,
        source="GKE's own list, and the limit of resolv.conf before glibc 2.26",
        ge=1,
        le=SEARCH_DOMAINS_MAX,
    )
    amplification_budget: int = setting(
        "most queries per address family that one successful external lookup may cost",
        default=7,
        source="a two-dot name behind GKE's search list of six",
        ge=1,
    )

    record_ttl_limit: float = setting(
        "seconds that a record of the cluster may last",
        default=30,
        source="what kubeadm's CoreDNS and GKE's kube-dns give",
        ge=0,
    )
    negative_ttl_limit: float = setting(
        "seconds that a negative answer about a name of the cluster may last",
        default=60,
        source="kube-dns' SOA minimum; CoreDNS' is its TTL",
        ge=0,
    )
    propagation_limit: float = setting(
        "seconds until a new record is found, besides its TTL until a changed or deleted one is gone",
        default=2,
        source="a client's first retry comes after 5 s: what it asks for once created must be there by then",
        gt=0,
        le=60,
    )
    listen_queue_limit: float = setting(
        "milliseconds that connections may wait on a :53 listener without a break",
        default=300,
        source="three samples at 10 Hz; a single one is normal",
        gt=0,
    )
    connection_churn_limit: float = setting(
        "new upstream connections per second that a node cache may open",
        default=10,
        source="half of the 20 per second seen in the incident",
        gt=0,
    )

    request_limit: float = setting(
        "milliseconds that one request may take inside dnsmasq, first to last line of its log",
        default=500,
        source="half of the 952 ms seen in the incident",
        gt=0,
    )
    session_limit: float = setting(
        "seconds from the first query to the last reply of one TCP connection into dnsmasq",
        default=150,
        source="dnsmasq's src/config.h, CHILD_LIFETIME: it ends a child then",
        gt=0,
    )
    latency_p50_limit: float = setting(
        "milliseconds that half of the lookups under load may take",
        default=20,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        gt=0,
    )
    latency_p99_limit: float = setting(
        "milliseconds that 99 of 100 lookups under load may take",
        default=100,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        gt=0,
    )
    lost_limit: float = setting(
        "per cent of queries under load that may be lost or answered with an error such as SERVFAIL",
        default=0.1,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        ge=0,
        le=100,
    )
    tail_ratio_limit: float = setting(
        "how many times the p99 straight to a DNS pod the p99 through a node cache may be",
        default=10,
        source="a cache in front costs a hop; the incident cost a factor of 200 and more",
        gt=0,
    )
    tail_floor: float = setting(
        "milliseconds of p99 through a node cache that are always allowed",
        default=50,
        source="half of the p99 limit: below it a ratio tells about noise",
        ge=0,
    )
    http_dns_limit: float = setting(
        "milliseconds that half of the requests by HTTP may wait for their name",
        default=100,
        source="seven lookups by two families, one after the other, within the p99 limit",
        gt=0,
    )
    dns_pod_limit: float = setting(
        "milliseconds (median) that a DNS pod may take for a name of the cluster, asked by itself",
        default=100,
        source="five times the limit of the median under load: nothing is under load",
        gt=0,
    )
    throttled_limit: float = setting(
        "per cent of the periods in which a DNS pod runs that it may be held back in at its CPU limit",
        default=25,
        source="kubernetes-mixin's alert CPUThrottlingHigh",
        gt=0,
        le=100,
    )
    upstream_limit: float = setting(
        "milliseconds that a name outside the cluster may take which no cache holds",
        default=1000,
        source="ours: nothing healthy takes a second; CoreDNS' forward waits 2 s for an upstream",
        gt=0,
    )
    schedule_lag_limit: float = setting(
        "milliseconds (p99) that the load generator may be late, or its figures are none",
        default=1,
        source="a hundredth of the p99 limit",
        gt=0,
    )
    burst_lag_limit: float = setting(
        "the same of bursts, whose queries leave one after the other",
        default=10,
        source="a tenth of the p99 limit; 60 queries take 2 ms to send on a small machine",
        gt=0,
    )

    peak_queries_per_node: int = setting(
        "queries that a node has in flight at its peak, where it is not measured",
        default=100,
        source="a burst of lookups by some pods, seven queries each; 60 saturate two dnsmasq replicas",
        ge=1,
    )
    external_lookups_per_node: float = setting(
        "external lookups per second of a node, to project what public resolvers are asked",
        default=50,
        source="a busy node; measure yours",
        ge=0,
    )
    upstream_quota: float = setting(
        "queries per second that a public resolver takes from one address",
        default=1500,
        source="Google Public DNS",
        gt=0,
    )

    dns_series_budget: int = setting(
        "most series that a DNS pod may expose, all its ports together",
        default=3000,
        source="eight times a node cache with the four zones of the add-on (376 series on the lab)",
        ge=1,
    )
    sidecar_series_budget: int = setting(
        "most series that an Envoy sidecar may expose",
        default=10000,
        source="five inclusion suffixes make 3,800, a regex that matches everything 250,000",
        ge=1,
    )

    @field_validator("external_name")
    @classmethod
    def _relative_name(cls, name: str) -> str:
        if "." not in name or not DOMAIN.fullmatch(name):
            raise ValueError(f"{name!r} is no domain name of two labels or more without a trailing dot")
        return name
