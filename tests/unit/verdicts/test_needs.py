"""What a cluster lacks, by needs that cannot take each other's names."""

from types import SimpleNamespace
from typing import Any

from clusterdns.check import cases_of
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.scenarios import burst_paths
from clusterdns.model.load import destinations
from clusterdns.model.pods import CLUSTER_FIRST, NodeView
from clusterdns.model.resolver import ResolvConf
from clusterdns.model.topology import LayerKind
from clusterdns.settings import Settings
from clusterdns.verdicts import latency, query_log
from tests.unit.model.test_load import USUAL
from tests.unit.verdicts import topologies


def test_the_cluster_dns_service_of_coredns_is_measured_without_any_kube_dns() -> None:
    topology = topologies.topology(topologies.server(kind=LayerKind.COREDNS), services=(USUAL,))
    run: Any = SimpleNamespace(
        destinations=destinations(topology),
        kube_dns=None,
        topology=topology,
        missing={},
        probes=Probes({}, {}),
    )
    paths = [case for case in cases_of([latency.PATH], Settings()) if case.case.name.startswith("kube-dns-")]
    assert [case.name for case in paths] == [
        "latency.path[kube-dns-udp-constant-500]",
        "latency.path[kube-dns-udp-bursts]",
    ]
    assert [case.skip_reason(run) for case in paths] == [None, None]
    (admitted, *_) = cases_of([query_log.DEBUG_DEPLOYMENT], Settings())
    reason = "no kube-dns-deployment: no Deployment in kube-system has dnsmasq in it"
    assert admitted.skip_reason(run) == reason


def test_bursts_go_as_pods_do_or_past_every_cache() -> None:
    view = NodeView("n1", "", {}, {CLUSTER_FIRST: ResolvConf(nameservers=("10.96.0.10",), search=())})
    paths = burst_paths([view], topologies.topology())
    assert (paths.usual, paths.direct) == ({"n1": "10.96.0.10"}, {"n1": topologies.UPSTREAM})
