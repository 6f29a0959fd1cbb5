"""How it is measured: load, probes, waits, and where a Prometheus is."""

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, PositiveInt, field_validator, model_validator

from clusterdns.settings.fields import Rates, setting
from clusterdns.settings.limits import DOMAIN

_SERVICE = re.compile(r"[a-z0-9-]+/[a-z0-9-]+(:[a-z0-9-]+)?")


class Measuring(BaseModel):
    """How a cluster is measured."""

    prometheus_url: str | None = setting(
        "root of the Prometheus that scrapes the cluster's DNS, e.g. https://prometheus.example",
        source="found by its Service's labels and asked through the API server",
    )
    prometheus_service: str | None = setting(
        "NAMESPACE/NAME or NAMESPACE/NAME:PORT of that Prometheus' Service", source="found by its labels"
    )
    prometheus_auth_file: Path | None = setting(
        "file with the Authorization header for --prometheus-url, e.g. Bearer TOKEN", source="none"
    )
    prometheus_ca: Path | None = setting(
        "file with the certificates that sign that of --prometheus-url", source="the system's"
    )
    prometheus_timeout: float = setting(
        "seconds that Prometheus may take to list its targets",
        default=20,
        source="100,000 targets are some 200 MB",
        gt=0,
        le=600,
    )
    sidecar_selector: str = setting(
        "label selector of the pods that have an Envoy sidecar",
        default="security.istio.io/tlsMode",
        source="the label that Istio's injector puts on them",
    )
    sidecar_samples: int = setting(
        "how many sidecars have their series counted",
        default=4,
        source="250,000 series are 40 MB",
        ge=1,
        le=50,
    )
    burst_size: int = setting(
        "queries at once from each node under load",
        default=60,
        source="concurrency, not rate, saturates: 60 from one node take all of 40 children",
        ge=1,
        le=1000,
    )
    burst_seconds: float = setting(
        "seconds of bursts under load, five a second",
        default=6,
        source="several TCP time-outs of 2 s",
        gt=0,
        le=60,
    )
    debug_traffic: Literal["own", "shared", "upstream"] | None = setting(
        "what the copy of kube-dns that logs queries is sent: only this run's load, the cluster's share "
        "too (it takes the label k8s-app=kube-dns), or all that node caches ask (their upstream Service is "
        "pointed at it meanwhile)",
        source="upstream on a lab with NodeLocal DNSCache, else own",
    )
    load_rate: float = setting(
        "queries per second from each node, of constant load",
        default=500,
        source="a busy node's lookups behind a search list of six",
        gt=0,
        le=20_000,
    )
    load_seconds: float = setting(
        "seconds of load at a rate; more where it takes more for a p99",
        default=4,
        source="enough queries for a p99 from one node",
        gt=0,
        le=600,
    )
    load_attempts: int = setting(
        "how often a load is made at most, if the generator was late, whatever its answers were",
        default=3,
        source="a node is busy for moments; what was sent late measures that node",
        ge=1,
    )
    load_cap: float = setting(
        "most queries per second of all nodes together",
        default=10_000,
        source="what two replicas of dnsmasq or CoreDNS answer on small machines",
        gt=0,
    )
    full_load: bool = setting(
        "also every protocol, Poisson arrivals and the rates of --load-steps: minutes instead of one",
        default=False,
        source="bursts and one rate tell a safe path from an unsafe one",
    )
    load_steps: Rates = setting(
        "queries per second from each node, of --full-load, one case each",
        default=(100, 250, 500, 1000, 1500),
        source="up to the rate that saturated two dnsmasq replicas in the incident's reproduction",
    )
    load_names: Path | None = setting(
        "file of the names that loads at a rate ask for: lines of NAME [TYPE], or a capture (pcap)",
        source="else distinct names, which no cache holds",
    )
    probe_nodes: PositiveInt | Literal["all"] = setting(
        "nodes that get probe pods, one of every kind of node first (zone, pool, OS, kubelet, DNS); or: all",
        default=16,
        source="a bound: seven pods each",
    )
    record_nodes: int = setting(
        "nodes, spread over all, from which every record is asked for",
        default=8,
        source="a bound: some 1,500 queries each",
        ge=1,
    )
    record_servers: int = setting(
        "DNS pods that are asked for every record themselves",
        default=8,
        source="a bound, as for nodes",
        ge=1,
    )
    record_concurrency: PositiveInt | None = setting(
        "queries for records in flight at once, from all nodes together",
        source="64 of CoreDNS while none is lost, else 8: below the 20 TCP connections of a dnsmasq",
    )
    probe_image: str | None = setting(
        "image of the probe pods, with Python 3.9 or newer and glibc",
        source="the project's own where every node holds it, else a pinned python slim image",
    )
    image_repo: str | None = setting(
        "repository to pull the default image from instead, e.g. mirror.example/dns",
        source="the image's own",
    )
    pod_ready_timeout: float = setting(
        "seconds that probe pods may take to become ready, image pull included",
        default=90,
        source="a 50 MB pull",
        gt=0,
        le=3600,
    )
    zone: str | None = setting(
        "the cluster domain", source="the kubelets' configuration, else that of the DNS servers"
    )
    api_timeout: float = setting(
        "seconds that the API server may take for one request",
        default=5,
        source="an answer within 10 s",
        gt=0,
        le=60,
    )
    query_timeout: float = setting(
        "seconds that a DNS server may take to answer one query of a probe",
        default=5,
        source="resolv.conf(5): the default of options timeout",
        gt=0,
        le=60,
    )
    agent_timeout: float = setting(
        "seconds of silence from an agent before it is given up",
        default=30,
        source="glibc gives up after 20 s",
        gt=0,
        le=600,
    )
    cleanup_timeout: float = setting(
        "seconds to wait until what was made is gone",
        default=60,
        source="the default grace period of a pod, which kube-dns uses up, and as long again",
        gt=0,
        le=3600,
    )
    expiry: float = setting(
        "seconds after which what a killed run left counts as left behind",
        default=7200,
        source="longer than any run",
        gt=0,
        le=604_800,
    )

    @field_validator("zone")
    @classmethod
    def _domain(cls, zone: str | None) -> str | None:
        if zone is not None and not DOMAIN.fullmatch(zone):
            raise ValueError(f"{zone!r} is no domain such as cluster.local, without a trailing dot")
        return zone

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
    def _one_prometheus(self) -> Self:
        if self.prometheus_url and self.prometheus_service:
            raise ValueError("--prometheus-url and --prometheus-service name two: give one")
        if self.prometheus_url is None and (self.prometheus_auth_file or self.prometheus_ca):
            raise ValueError("--prometheus-auth-file and --prometheus-ca go with --prometheus-url")
        return self
