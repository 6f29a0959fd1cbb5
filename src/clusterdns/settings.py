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


# Any: like pydantic's Field, it stands where a value of the annotated type belongs.
def _setting(text: str, *, source: str, default: object = None, **bounds: Any) -> Any:  # noqa: ANN401
    """Return a field; `source` says where its default comes from."""
    return Field(default=default, description=text, json_schema_extra={"source": source}, **bounds)


class Settings(BaseModel):
    """What a run is asked to do, and what it holds a cluster to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # The cluster.
    cluster: Literal["lab", "kubeconfig"] | None = _setting(
        "which cluster to test: an embedded lab, or one that a kubeconfig names",
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
    lab_topology: str = _setting(
        "topology of the lab: a folder of lab/topologies",
        default="gke-kubedns",
        source="the longest search list",
    )
    lab_nodes: int = _setting(
        "nodes of a lab that is booted", default=2, source="the fewest that can differ", ge=1, le=16
    )
    keep: bool = _setting(
        "leave a lab that this run booted running", default=False, source="leave nothing behind"
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

    # How it is measured.
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
        default=16,
        source="below the 20 TCP connections that one dnsmasq serves",
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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.cluster == "kubeconfig" and not (self.kubeconfig and self.kube_context):
            raise ValueError("--cluster kubeconfig needs an explicit --kubeconfig and --kube-context")
        if self.cluster != "kubeconfig" and (self.kubeconfig or self.kube_context):
            raise ValueError("--kubeconfig and --kube-context go with --cluster kubeconfig")
        if self.cluster == "kubeconfig":
            if self.profile is Profile.LOAD and not self.allow_load:
                raise ValueError("--profile load sends load: add --allow-load to send it to this cluster")
            if self.profile is Profile.DISRUPTIVE and not self.allow_disruption:
                raise ValueError(
                    "--profile disruptive restarts DNS pods: add --allow-disruption to allow it here"
                )
        return self

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
                is among them, as it is on every lab, however the lab is reached.
        """
        chosen = {"probe": self.probe_image, "musl": self.musl_image}
        own = self.cluster == "lab" or OWN_IMAGE in held
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
