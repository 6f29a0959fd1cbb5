"""Every limit and choice of a run, in one documented object.

A setting `name` is given by the flag `--name` (hyphens for underscores) or by the
environment variable `CLUSTERDNS_NAME`; the flag wins. `--strict` is pytest's own flag
and also turns warnings into failures.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from clusterdns.errors import UsageError
from clusterdns.model.catalogue import Profile, expand

ENV_PREFIX = "CLUSTERDNS_"

# resolv.conf as Kubernetes accepts it, whatever the limit in the settings.
# Source: k8s.io/kubernetes pkg/apis/core/validation MaxDNSSearchPaths, MaxDNSSearchListChars.
SEARCH_DOMAINS_MAX = 32
SEARCH_CHARACTERS_MAX = 2048

# RFC 1035 2.3.1, and the underscore that RFC 2782 adds.
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+", re.IGNORECASE)

_SERVICE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+(:[a-z0-9-]+)?")

IMAGES = {"probe": "python:3.13.3-slim-bookworm", "musl": "python:3.13.3-alpine3.21"}
# The project's own image (images/probe), with a musl resolver in it. A lab's nodes hold it.
OWN_IMAGE = "clusterdns.lab/probe:1"


def _split(value: object) -> object:
    """Take "a,b", or a list of such, for the list that it writes out."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return tuple(word.strip() for part in parts for word in str(part).split(",") if word.strip())


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]

Rates = Annotated[
    tuple[Annotated[float, Field(gt=0, le=20_000)], ...], BeforeValidator(_split), Field(min_length=1)
]


# Any: like pydantic's Field, it stands where a value of the annotated type belongs.
def _setting(text: str, *, source: str, default: object = None, **bounds: Any) -> Any:  # noqa: ANN401
    """Return a field; `source` says where its default comes from."""
    return Field(default=default, description=text, json_schema_extra={"source": source}, **bounds)


class Settings(BaseModel):
    """What a run is asked to do, and what it holds a cluster to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The cluster.
    cluster: Literal["lab", "kind", "kubeconfig"] | None = _setting(
        "which cluster to test: an embedded lab, a kind cluster, or one that a kubeconfig names",
        source="none: the user chooses",
    )
    kubeconfig: Path | None = _setting(
        "kubeconfig of the cluster (--cluster kubeconfig); only ever read", source="none: the user chooses"
    )
    kube_context: str | None = _setting(
        "context in that kubeconfig; never guessed", source="none: the user chooses"
    )
    lab_name: str = _setting(
        "name of the lab to boot or reuse", default="lab", source="the lab's own default"
    )
    lab_topology: str | None = _setting(
        "topology of the lab or kind cluster: a folder of lab/topologies",
        source="a lab's is gke-kubedns, the longest search list; kind's is coredns, as kind comes",
    )
    nodes: int = _setting(
        "nodes of a lab or kind cluster that is made, kind's control plane among them",
        default=2,
        source="the fewest that can differ",
        ge=1,
        le=16,
    )
    kind_image: str | None = _setting(
        "node image of a kind cluster",
        source="kind's own where it can be pulled, else one made here",
    )
    kind_name: str | None = _setting(
        "name of the kind cluster to create, or with --keep to reuse",
        source="one of the run's own; with --keep one of the topology's",
    )
    kind_port: int = _setting(
        "port of a kind cluster's API server on 127.0.0.1", default=0, source="0: a free one", ge=0, le=65535
    )
    dual_stack: bool = _setting(
        "IPv4 and IPv6 in a kind cluster that is made", default=False, source="as kind comes"
    )
    lab_with: Names = _setting(
        "add-ons of the lab: prometheus, operator, envoy", default=(), source="the cluster's DNS alone"
    )
    lab_dual_stack: bool = _setting(
        "give a lab that is booted IPv6 besides IPv4", default=False, source="the lab's own default"
    )
    keep: bool = _setting(
        "leave a lab or kind cluster that this run made running; reuse a kind cluster that was kept",
        default=False,
        source="leave nothing behind",
    )

    # What runs.
    profile: Profile = _setting(
        "which checks run: audit (read-only), core (and audit), or slow, load, disruptive (each and core)",
        default=Profile.CORE,
        source="the most that is safe on any cluster",
    )
    check: Names = _setting(
        "run only these ids or areas, e.g. resolver,topology.identify", default=(), source="all"
    )
    require: Names = _setting(
        "ids or areas that fail the run when they are skipped", default=(), source="none"
    )
    strict: bool = _setting(
        "a warning fails the run", default=False, source="warnings are legitimate choices"
    )
    allow_load: bool = _setting(
        "let --profile load send load to a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )
    allow_disruption: bool = _setting(
        "let --profile disruptive restart DNS pods of a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )
    allow_debug_containers: bool = _setting(
        "let checks put debug containers, which stay, into DNS pods of a cluster that is not a lab",
        default=False,
        source="somebody else's cluster",
    )

    # What the cluster is held to.
    external_name: str = _setting(
        "external name that probes look up, without a trailing dot",
        default="www.example.com",
        source="RFC 2606: nobody's name",
    )
    search_limit: int = _setting(
        "most entries that a pod's search list may have",
        default=6,
        source="GKE's own list, and the limit of resolv.conf before glibc 2.26",
        ge=1,
        le=SEARCH_DOMAINS_MAX,
    )
    amplification_budget: int = _setting(
        "most queries per address family that one successful external lookup may cost",
        default=7,
        source="a two-dot name behind GKE's search list of six",
        ge=1,
    )

    record_ttl_limit: float = _setting(
        "seconds that a record of the cluster may last",
        default=30,
        source="what kubeadm's CoreDNS and GKE's kube-dns give",
        ge=0,
    )
    negative_ttl_limit: float = _setting(
        "seconds that a negative answer about a name of the cluster may last",
        default=60,
        source="kube-dns' SOA minimum; CoreDNS' is its TTL",
        ge=0,
    )
    propagation_limit: float = _setting(
        "seconds until a new record is found, besides its TTL until a changed or deleted one is gone",
        default=2,
        source="a client's first retry comes after 5 s: what it asks for once created must be there by then",
        gt=0,
        le=60,
    )
    listen_queue_limit: float = _setting(
        "milliseconds that connections may wait on a :53 listener without a break",
        default=300,
        source="three samples at 10 Hz; a single one is normal",
        gt=0,
    )
    connection_churn_limit: float = _setting(
        "new upstream connections per second that a node cache may open",
        default=10,
        source="half of the 20 per second seen in the incident",
        gt=0,
    )

    request_limit: float = _setting(
        "milliseconds that one request may take inside dnsmasq, first to last line of its log",
        default=500,
        source="half of the 952 ms seen in the incident",
        gt=0,
    )
    session_limit: float = _setting(
        "seconds from the first query to the last reply of one TCP connection into dnsmasq",
        default=150,
        source="dnsmasq's src/config.h, CHILD_LIFETIME: it ends a child then",
        gt=0,
    )
    latency_p50_limit: float = _setting(
        "milliseconds that half of the lookups under load may take",
        default=20,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        gt=0,
    )
    latency_p99_limit: float = _setting(
        "milliseconds that 99 of 100 lookups under load may take",
        default=100,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        gt=0,
    )
    lost_limit: float = _setting(
        "per cent of queries under load that may be lost or answered with an error such as SERVFAIL",
        default=0.1,
        source="kubernetes/perf-tests ClusterLoader2, DNS",
        ge=0,
        le=100,
    )
    tail_ratio_limit: float = _setting(
        "how many times the p99 straight to a DNS pod the p99 through a node cache may be",
        default=10,
        source="a cache in front costs a hop; the incident cost a factor of 200 and more",
        gt=0,
    )
    tail_floor: float = _setting(
        "milliseconds of p99 through a node cache that are always allowed",
        default=50,
        source="half of the p99 limit: below it a ratio tells about noise",
        ge=0,
    )
    http_dns_limit: float = _setting(
        "milliseconds that half of the fetches by HTTP may wait for their name",
        default=100,
        source="seven lookups by two families, one after the other, within the p99 limit",
        gt=0,
    )
    schedule_lag_limit: float = _setting(
        "milliseconds (p99) that the load generator may be late, or its figures are none",
        default=1,
        source="a hundredth of the p99 limit",
        gt=0,
    )
    burst_lag_limit: float = _setting(
        "the same of bursts, whose queries leave one after the other",
        default=10,
        source="a tenth of the p99 limit; 60 queries take 2 ms to send on a small machine",
        gt=0,
    )

    peak_queries_per_node: int = _setting(
        "queries that a node has in flight at its peak, where it is not measured",
        default=100,
        source="a burst of lookups by some pods, seven queries each; 60 saturate two dnsmasq replicas",
        ge=1,
    )
    external_lookups_per_node: float = _setting(
        "external lookups per second of a node, to project what public resolvers are asked",
        default=50,
        source="a busy node; measure yours",
        ge=0,
    )
    upstream_quota: float = _setting(
        "queries per second that a public resolver takes from one address",
        default=1500,
        source="Google Public DNS",
        gt=0,
    )

    dns_series_budget: int = _setting(
        "most series that a DNS pod may expose, all its ports together",
        default=3000,
        source="eight times a node cache with the four zones of the add-on (376 series on the lab)",
        ge=1,
    )
    sidecar_series_budget: int = _setting(
        "most series that an Envoy sidecar may expose",
        default=10000,
        source="five inclusion suffixes make 3,800, a regex that matches everything 250,000",
        ge=1,
    )

    # How it is measured.
    prometheus_url: str | None = _setting(
        "root of the Prometheus that scrapes the cluster's DNS, e.g. https://prometheus.example",
        source="found by its Service's labels and asked through the API server",
    )
    prometheus_service: str | None = _setting(
        "NAMESPACE/NAME or NAMESPACE/NAME:PORT of that Prometheus' Service", source="found by its labels"
    )
    prometheus_auth_file: Path | None = _setting(
        "file with the Authorization header for --prometheus-url, e.g. Bearer TOKEN", source="none"
    )
    prometheus_ca: Path | None = _setting(
        "file with the certificates that sign that of --prometheus-url", source="the system's"
    )
    prometheus_timeout: float = _setting(
        "seconds that Prometheus may take to list its targets",
        default=20,
        source="100,000 targets are some 200 MB",
        gt=0,
        le=600,
    )
    sidecar_selector: str = _setting(
        "label selector of the pods that have an Envoy sidecar",
        default="security.istio.io/tlsMode",
        source="the label that Istio's injector puts on them",
    )
    sidecar_samples: int = _setting(
        "how many sidecars have their series counted",
        default=4,
        source="250,000 series are 40 MB",
        ge=1,
        le=50,
    )
    burst_size: int = _setting(
        "queries at once from each node under load",
        default=60,
        source="concurrency, not rate, saturates: 60 from one node take all of 40 children",
        ge=1,
        le=1000,
    )
    burst_seconds: float = _setting(
        "seconds of bursts under load, five a second",
        default=6,
        source="several TCP time-outs of 2 s",
        gt=0,
        le=60,
    )
    debug_traffic: Literal["own", "shared", "upstream"] | None = _setting(
        "what the copy of kube-dns that logs queries is sent: only this run's load, the cluster's share "
        "too (it takes the label k8s-app=kube-dns), or all that node caches ask (their upstream Service is "
        "pointed at it meanwhile)",
        source="upstream on a lab with NodeLocal DNSCache, else own",
    )
    load_rate: float = _setting(
        "queries per second from each node, of constant load",
        default=500,
        source="a busy node's lookups behind a search list of six",
        gt=0,
        le=20_000,
    )
    load_seconds: float = _setting(
        "seconds of load at a rate; more where it takes more for a p99",
        default=4,
        source="enough queries for a p99 from one node",
        gt=0,
        le=600,
    )
    load_attempts: int = _setting(
        "how often a load is made at most, if the generator was late, whatever its answers were",
        default=3,
        source="a node is busy for moments; what was sent late measures that node",
        ge=1,
    )
    load_cap: float = _setting(
        "most queries per second of all nodes together",
        default=10_000,
        source="what two replicas of dnsmasq or CoreDNS answer on small machines",
        gt=0,
    )
    full_load: bool = _setting(
        "also every protocol, Poisson arrivals and the rates of --load-steps: minutes instead of one",
        default=False,
        source="bursts and one rate tell a safe path from an unsafe one",
    )
    load_steps: Rates = _setting(
        "queries per second from each node, of --full-load, one case each",
        default=(100, 250, 500, 1000, 1500),
        source="up to the rate that saturated two dnsmasq replicas in the incident's reproduction",
    )
    load_names: Path | None = _setting(
        "file of the names that loads at a rate ask for: lines of NAME [TYPE], or a capture (pcap)",
        source="else distinct names, which no cache holds",
    )
    record_nodes: int = _setting(
        "nodes, spread over all, from which every record is asked for",
        default=8,
        source="a bound: some 1,500 queries each",
        ge=1,
    )
    record_servers: int = _setting(
        "DNS pods that are asked for every record themselves",
        default=8,
        source="a bound, as for nodes",
        ge=1,
    )
    record_concurrency: int = _setting(
        "queries for records in flight at once, from all nodes together",
        default=8,
        source="with what caches keep open, below the 20 TCP connections that one dnsmasq serves",
        ge=1,
    )
    probe_image: str | None = _setting(
        "image of the probe pods, with Python 3.9 or newer and glibc",
        source="the project's own where every node holds it, else a pinned python slim image",
    )
    musl_image: str | None = _setting(
        "image of the musl probe pods, with Python 3.9 or newer",
        source="the project's own where every node holds it, else a pinned python Alpine image",
    )
    image_repo: str | None = _setting(
        "repository to pull the default images from instead, e.g. mirror.example/dns",
        source="the image's own",
    )
    pod_ready_timeout: float = _setting(
        "seconds that probe pods may take to become ready, image pull included",
        default=90,
        source="a 50 MB pull",
        gt=0,
    )
    api_timeout: float = _setting(
        "seconds that the API server may take for one request",
        default=5,
        source="an answer within 10 s",
        gt=0,
        le=60,
    )
    query_timeout: float = _setting(
        "seconds that a DNS server may take to answer one query of a probe",
        default=5,
        source="resolv.conf(5): the default of options timeout",
        gt=0,
    )
    agent_timeout: float = _setting(
        "seconds of silence from an agent before it is given up",
        default=30,
        source="glibc gives up after 20 s",
        gt=0,
    )
    cleanup_timeout: float = _setting(
        "seconds to wait until what was made is gone",
        default=30,
        source="the default grace period of a pod",
        gt=0,
    )
    expiry: float = _setting(
        "seconds after which what a killed run left counts as left behind",
        default=7200,
        source="longer than any run",
        gt=0,
    )

    # What it leaves.
    report_dir: Path = _setting("folder for the reports", default=Path("report"), source="ours")

    @field_validator("check", "require")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        expand(names)
        return names

    @field_validator("external_name")
    @classmethod
    def _relative_name(cls, name: str) -> str:
        if not _DOMAIN_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no domain name of two labels or more without a trailing dot")
        return name

    @field_validator("prometheus_url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of the form http://HOST:PORT or https://HOST/PREFIX")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong into the URL: use --prometheus-auth-file")
        return url

    @field_validator("prometheus_service")
    @classmethod
    def _service_name(cls, name: str | None) -> str | None:
        if name is not None and not _SERVICE.fullmatch(name):
            raise ValueError(f"{name!r} is not NAMESPACE/NAME or NAMESPACE/NAME:PORT")
        return name

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.cluster == "kubeconfig" and not (self.kubeconfig and self.kube_context):
            raise ValueError("--cluster kubeconfig needs an explicit --kubeconfig and --kube-context")
        if self.cluster != "kubeconfig" and (self.kubeconfig or self.kube_context):
            raise ValueError("--kubeconfig and --kube-context go with --cluster kubeconfig")
        if self.prometheus_url and self.prometheus_service:
            raise ValueError("--prometheus-url and --prometheus-service name two: give one")
        if self.prometheus_url is None and (self.prometheus_auth_file or self.prometheus_ca):
            raise ValueError("--prometheus-auth-file and --prometheus-ca go with --prometheus-url")
        if self.cluster == "kubeconfig":
            if self.profile is Profile.LOAD and not self.allow_load:
                raise ValueError("--profile load sends load: add --allow-load to send it to this cluster")
            if self.profile is Profile.DISRUPTIVE and not self.allow_disruption:
                raise ValueError(
                    "--profile disruptive restarts DNS pods: add --allow-disruption to allow it here"
                )
            if self.debug_traffic not in (None, "own"):
                raise ValueError(
                    "--debug-traffic: production traffic goes to a debug copy on a lab only, here it is own"
                )
        return self

    @property
    def topology(self) -> str:
        """The topology that a lab or kind cluster is made of."""
        return self.lab_topology or ("coredns" if self.cluster == "kind" else "gke-kubedns")

    @classmethod
    def load(cls, flags: Mapping[str, object], environ: Mapping[str, str]) -> Self:
        """Return the settings that flags (those given) and the environment make; flags win.

        Raises:
            UsageError: one line per fault, naming the flag or the variable.
        """
        variables = {
            variable.removeprefix(ENV_PREFIX).lower(): value
            for variable, value in environ.items()
            if variable.startswith(ENV_PREFIX)
        }
        try:
            return cls.model_validate({**variables, **flags})
        except ValidationError as error:
            faults = [_fault(dict(fault), flags) for fault in error.errors()]
            raise UsageError("; ".join(faults)) from None

    def images(self, held: Collection[str] = ()) -> dict[str, str]:
        """Return the image of each kind of probe pod.

        Args:
            held: images that every node holds already. The project's own is taken if it
                is among them, as it is on every lab and kind cluster of ours, however that is reached.
        """
        chosen = {"probe": self.probe_image, "musl": self.musl_image}
        own = self.cluster in ("lab", "kind") or OWN_IMAGE in held
        return {kind: chosen[kind] or self._default_image(IMAGES[kind], own=own) for kind in IMAGES}

    def _default_image(self, public: str, *, own: bool) -> str:
        if self.image_repo:
            return f"{self.image_repo.rstrip('/')}/{public}"
        return OWN_IMAGE if own else public


def flag(name: str) -> str:
    """Return the flag that gives the setting `name`."""
    return f"--{name.replace('_', '-')}"


def _fault(fault: dict[str, Any], flags: Mapping[str, object]) -> str:
    """Return a validation fault as one line that names what the user wrote."""
    message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    if not fault["loc"]:
        return message
    name = str(fault["loc"][0])
    given = flag(name) if name in flags else f"{ENV_PREFIX}{name.upper()}"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        hint = f", did you mean {ENV_PREFIX}{near[0].upper()}?" if near else ""
        return f"{given} is no setting{hint}"
    if fault["type"] == "value_error":
        return f"{given}: {message}"
    return f"{given}: {message}, not {fault['input']!r}"
