"""What metrics ports answer."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from clusterdns.errors import ClusterError, PermissionMissing
from clusterdns.measuring.metrics import read_metrics
from clusterdns.model.scraping import DNSPod, MetricsPort
from tests.unit.measuring.fakes import FakeCluster

SIDECAR, KUBEDNS = MetricsPort(10054, "sidecar", ()), MetricsPort(10055, "kubedns", ())
POD = DNSPod(
    "kube-system", "kube-dns-a", "deployment/kube-dns", "n", "10.0.0.2", {}, metrics=(SIDECAR, KUBEDNS)
)


def test_every_port_of_every_pod_is_read() -> None:
    def page(path: str, _: Mapping[str, str]) -> str:
        if ":10055/" in path:
            raise ClusterError("connection refused")
        return "kubedns_dnsmasq_hits 7\n" if "kube-dns-a" in path else "neither {"

    readings = read_metrics(FakeCluster(page=page).as_cluster(), [POD, replace(POD, name="kube-dns-b")])
    assert [(reading.pod.name, reading.port.number) for reading in readings] == [
        ("kube-dns-a", 10054),
        ("kube-dns-a", 10055),
        ("kube-dns-b", 10054),
        ("kube-dns-b", 10055),
    ]
    first, second, third, _ = readings
    assert first.page is not None
    assert first.page.total("kubedns_dnsmasq_hits") == 7
    assert (second.page, second.failure) == (None, "connection refused")
    assert third.page is None
    assert third.failure


def test_a_missing_permission_is_no_reading() -> None:
    def refuse(_path: str, _query: Mapping[str, str]) -> str:
        raise PermissionMissing("get pods/proxy")

    with pytest.raises(PermissionMissing, match="pods/proxy"):
        read_metrics(FakeCluster(page=refuse).as_cluster(), [POD])
