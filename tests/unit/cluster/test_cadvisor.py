from __future__ import annotations

from typing import TYPE_CHECKING

from clusterdns.cluster.cadvisor import container_processes, counting
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
