"""The long-running HTTP probe: what it exposes is what Prometheus reads."""

import importlib
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from clusterdns.probing.pods import AGENT

MANIFEST = Path(__file__).parents[3] / "manifests" / "http-probe" / "http-probe.yaml"
URL = 'https://www.example.com/?a="b"'
MS = 1_000_000


@pytest.fixture(scope="module")
def exporter() -> Iterator[Any]:
    """The file as a module, with the one beside it that it imports."""
    sys.path.insert(0, str(AGENT))
    try:
        yield importlib.import_module("http_timing_exporter")
    finally:
        sys.path.remove(str(AGENT))


def outcome(failed: str | None = None, **phases: int) -> dict[str, Any]:
    return {"phases": {name: took * MS for name, took in phases.items()}, "failed": failed}


def samples(page: str) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels.get("phase", ""), sample.labels.get("le", "")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.labels["url"] == URL
    }


def test_the_page_is_prometheus_text_with_every_figure(exporter: Any) -> None:
    this = exporter.Exporter([URL, "http://other/"], 5, 5)
    this.urls[URL].take(outcome(dns=3, connect=1, tls=20, first_byte=30, total=60))
    this.urls[URL].take(outcome(dns=400, connect=1, tls=20, first_byte=30, total=500))
    this.urls[URL].take(outcome("dns", dns=20_000, total=20_000))
    seen = samples(this.page())
    name = "clusterdns_http_phase_seconds"
    assert seen[f"{name}_count", "dns", ""] == 2
    assert abs(seen[f"{name}_sum", "dns", ""] - 0.403) < 1e-9
    assert seen[f"{name}_bucket", "dns", "0.0025"] == 0
    assert seen[f"{name}_bucket", "dns", "0.005"] == 1
    assert seen[f"{name}_bucket", "dns", "0.5"] == seen[f"{name}_bucket", "dns", "+Inf"] == 2
    assert seen["clusterdns_http_failures_total", "dns", ""] == 1
    assert seen["clusterdns_http_failures_total", "connect", ""] == 0
    assert seen["clusterdns_http_requests_total", "", ""] == 3
    assert list(exporter.BUCKETS) == sorted(exporter.BUCKETS)
    assert "total" in exporter.PHASES


def test_it_is_served_at_metrics(exporter: Any) -> None:
    server = exporter.serve(exporter.Exporter(["http://127.0.0.1/"], 5, 5), 0)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as reply:
            assert reply.status == 200
            assert b"clusterdns_http_requests_total" in reply.read()
    finally:
        server.shutdown()
        server.server_close()


def test_the_manifest_keeps_to_pod_security_restricted() -> None:
    deployment, service = yaml.safe_load_all(MANIFEST.read_text())
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
