from __future__ import annotations

from typing import TYPE_CHECKING

from clusterdns.cluster.cadvisor import container_processes, counting, cpu_periods
from clusterdns.model.throttling import CpuPeriods
from tests.unit.conftest import says

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

PATH = "GET /api/v1/nodes/node-1/proxy/metrics/cadvisor"
PAGE = """\
# TYPE container_processes gauge
container_processes{container="",id="/",namespace="",pod=""} 90 1700000000000
container_processes{container="dnsmasq",id="/a",namespace="kube-system",pod="kube-dns-a"} 22 1700000000000
container_processes{container="sidecar",id="/b",namespace="kube-system",pod="kube-dns-a"} 1 1700000000000
"""


def test_the_processes_of_a_container_by_pod() -> None:
    assert container_processes(PAGE, "dnsmasq") == {"kube-system/kube-dns-a": 22}


# As a kubelet of 1.34 said it of CoreDNS with a limit of 10m, with few of the labels.
LIMITED = """\
# TYPE container_cpu_cfs_periods_total counter
container_cpu_cfs_periods_total{container="",namespace="ns",pod="a"} 1288 1795827768431
container_cpu_cfs_periods_total{container="coredns",namespace="ns",pod="a"} 1172 1795827758779
container_cpu_cfs_periods_total{container="",namespace="",pod=""} 9 1795827758779
# TYPE container_cpu_cfs_throttled_periods_total counter
container_cpu_cfs_throttled_periods_total{container="",namespace="ns",pod="a"} 903 1795827768431
container_cpu_cfs_throttled_periods_total{container="coredns",namespace="ns",pod="a"} 914 1795827758779
# TYPE container_cpu_cfs_throttled_seconds_total counter
container_cpu_cfs_throttled_seconds_total{container="",namespace="ns",pod="a"} 78.098709112 1795827768431
"""


def test_the_cpu_periods_of_pods_and_their_containers() -> None:
    assert cpu_periods(LIMITED) == {
        ("ns/a", ""): CpuPeriods(1795827768431, 1288, 903),
        ("ns/a", "coredns"): CpuPeriods(1795827758779, 1172, 914),
    }
    assert cpu_periods(PAGE) == {}


def test_counts_are_read_until_the_context_ends(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[PATH] = 200, PAGE.encode()
    with counting(cluster, ["node-1"], "dnsmasq") as said:
        pass
    assert (said.counts, said.refused) == ({"kube-system/kube-dns-a": [22]}, "")


def test_what_may_not_be_read_is_said_and_not_raised(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[PATH] = says(403, 'User "me" cannot get resource "nodes/proxy"')
    with counting(cluster, ["node-1"], "dnsmasq") as said:
        pass
    assert said.counts == {}
    assert "cannot get resource" in said.refused
