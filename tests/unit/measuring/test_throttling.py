"""What becomes of DNS pods with a CPU limit between two readings of cAdvisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusterdns.errors import DeadlineExceeded
from clusterdns.measuring import throttling
from clusterdns.measuring.throttling import counted_periods, throttling_since
from clusterdns.model.throttling import CpuPeriods, Throttling

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

PATH = "GET /api/v1/nodes/node-1/proxy/metrics/cadvisor"
POD, PODS = "kube-system/coredns-a", {"kube-system/coredns-a": "node-1"}


def page(*containers: tuple[str, str, int, int, int]) -> bytes:
    """A page of cAdvisor's with (pod, container, periods, throttled, milliseconds)."""
    return "".join(
        f'container_cpu_cfs_{which}_total{{container="{name}",namespace="kube-system",pod="{pod}"}} '
        f"{value} {read_ms}\n"
        for pod, name, periods, throttled, read_ms in containers
        for which, value in (("periods", periods), ("throttled_periods", throttled))
    ).encode()


def test_only_the_pods_that_are_asked_for(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[PATH] = 200, page(("coredns-a", "coredns", 9, 4, 1000), ("other", "x", 1, 1, 1000))
    assert counted_periods(cluster, PODS) == {(POD, "coredns"): CpuPeriods(1000, 9, 4)}


def test_what_has_happened_since(api_server: ApiServer, cluster: Cluster) -> None:
    began = {(POD, "coredns"): CpuPeriods(1000, 10, 4), (POD, "restarted"): CpuPeriods(1000, 50, 4)}
    api_server.answers[PATH] = (
        200,
        page(
            ("coredns-a", "coredns", 110, 64, 16000),
            ("coredns-a", "restarted", 2, 1, 16000),
            ("coredns-a", "new", 9, 9, 16000),
        ),
    )
    assert throttling_since(began, cluster, PODS) == [
        Throttling(POD, "coredns", "node-1", seconds=15.0, periods=100, throttled=60)
    ]


def test_old_figures_say_nothing(
    api_server: ApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "_TIMEOUT", 0.01)
    monkeypatch.setattr(throttling, "_EVERY", 0.01)
    api_server.answers[PATH] = 200, page(("coredns-a", "coredns", 10, 4, 1000))
    with pytest.raises(DeadlineExceeded, match="those of the beginning"):
        throttling_since({(POD, "coredns"): CpuPeriods(1000, 10, 4)}, cluster, PODS)
