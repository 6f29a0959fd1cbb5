from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cli import main
from tests.unit.cluster.objects import (
    COREFILE,
    configmap,
    dnsmasq,
    endpoints,
    node,
    node_cache,
    pod,
    serve,
    service,
    workload,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import ApiServer

REVIEWS = "/apis/authorization.k8s.io/v1"


@pytest.fixture
def flags(kubeconfig_file: Path, api_server: ApiServer) -> list[str]:
    """A cluster with one kube-dns pod behind one node cache, where everything may be read."""
    kinds = [{"name": "selfsubjectaccessreviews", "kind": "SelfSubjectAccessReview", "namespaced": False}]
    api_server.answers[f"GET {REVIEWS}"] = 200, {"resources": kinds}
    allowed = {"status": {"allowed": True}}
    api_server.answers[f"POST {REVIEWS}/selfsubjectaccessreviews"] = 201, allowed
    behind = pod("dns-1", "dns", dnsmasq(), at=("n1", "10.0.0.1"), app="dns")
    serve(
        api_server,
        nodes=[node("n1")],
        daemonsets=[workload("cache", node_cache(), app="cache")],
        pods=[behind, pod("cache-1", "cache", node_cache(), at=("n1", "10.1.0.1"), app="cache")],
        services=[service("kube-dns-upstream", "10.96.0.20", app="dns")],
        endpointslices=[endpoints("kube-dns-upstream", behind)],
        configmaps=[configmap("node-local-dns", Corefile=COREFILE)],
    )
    return ["audit", "--kubeconfig", str(kubeconfig_file), "--kube-context", "c"]


def test_an_unsafe_topology_is_told_with_its_arithmetic(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == 1
    said = capsys.readouterr().out
    assert "FAILED  topology.no-tcp-into-dnsmasq\n" in said
    assert "1 nodes x unbounded pool into 1 x 20 children" in said
    assert "SKIPPED topology.autoscaler\n" in said
    assert "\033[" not in said  # it is no terminal
    assert said.endswith("exit code 1: the cluster's DNS failed at least one check\n")


def test_limits_are_settings(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--peak-queries-per-node", "20"])
    assert "PASSED  topology.tcp-capacity\n" in capsys.readouterr().out
    assert main([*flags, "--peak-queries-per-node", "none"]) == 4
    assert "--peak-queries-per-node: must be a valid integer" in capsys.readouterr().err


def test_the_user_may_say_the_cluster_domain(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--zone", "corp.example"])
    assert capsys.readouterr().out.splitlines()[1] == "cluster domain: corp.example (--zone)"


def test_json_is_the_report_of_a_run(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*flags, "--json"]) == 1
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["schema"] == "clusterdns.report/v2"
    assert report["run"]["exit_code"] == 1
    outcomes = {check["id"]: check["outcome"] for check in report["checks"]}
    assert outcomes["topology.tcp-capacity"] == "failed"
    assert outcomes["topology.identify"] == "passed"


def test_nothing_is_written(flags: list[str], api_server: ApiServer) -> None:
    main(flags)
    assert {key.split()[0] for key, _ in api_server.requests if "selfsubjectaccessreviews" not in key} == {
        "GET"
    }


def test_the_first_lines_are_platform_layers_and_where_each_fact_was_read(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(flags)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "platform: unknown (no label, version or ConfigMap of a known platform)",
        "cluster domain: cluster.local (argument --domain of kubedns)",
    ]
    assert lines[2].startswith(
        "NodeLocal DNSCache 1.26.7 (image k8s-dns-node-cache:1.26.7) (kube-system/cache) at 169.254.20.10 "
        "(argument -localip of cache), 1 of 1 ready; CoreDNS 1.13.1 (release 1.26.7 of node-cache)"
    )
    assert lines[3].startswith(
        "kube-dns (dnsmasq) 1.26.7 (image k8s-dns-dnsmasq-nanny:1.26.7) (kube-system/dns)"
    )
    assert lines[4] == "PASSED  topology.identify"


def as_gke(api_server: ApiServer, version: str = "v1.33.5-gke.100") -> None:
    """Let the cluster be one of GKE."""
    api_server.answers["GET /version"] = 200, {"gitVersion": version}


def test_what_if_judges_the_changed_topology_and_says_what_it_assumes(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*flags, "--what-if", "nodes=3", "--what-if", "nodelocal=off"])
    said = capsys.readouterr().out
    assert said.startswith("what if nodes=3: 3 nodes that take pods")
    assert said.splitlines()[1].startswith("what if nodelocal=off: kube-system/cache is gone")
    assert "PASSED  topology.no-tcp-into-dnsmasq\n" in said


def test_what_if_stands_in_the_report(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags, "--json", "--what-if", "kube-dns=coredns"])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    (assumption,) = report["cluster"]["what_if"]
    assert assumption.startswith("what if kube-dns=coredns: kube-system/dns runs CoreDNS")


def test_what_gke_documents_of_an_upgrade_is_supposed(
    flags: list[str], api_server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    as_gke(api_server)
    main([*flags, "--what-if", "nodelocal=off", "--what-if", "gke=1.34.1-gke.3720000"])
    assert "FAILED  topology.no-tcp-into-dnsmasq\n" in capsys.readouterr().out
    main([*flags, "--what-if", "gke=1.36.0-gke.0"])
    said = capsys.readouterr().out
    assert "what if gke=1.36.0-gke.0 (documented: NodeLocal DNSCache is on by default" in said
    assert "PASSED  topology.no-tcp-into-dnsmasq\n" in said
    main([*flags, "--what-if", "gke=1.33.9-gke.1"])
    assert "no change of DNS on the way from v1.33.5-gke.100 is documented" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "version", "told"),
    [
        ("nodelocal=maybe", "v1.33.5-gke.100", "'nodelocal=maybe' is none of nodelocal=on"),
        ("nodes=0", "v1.33.5-gke.100", "'nodes=0' is none of"),
        ("nodes=9999999999999", "v1.33.5-gke.100", "at most 65000 nodes"),
        ("gke=1.36", "v1.33.5-gke.100", "'gke=1.36' is none of"),
        (f"gke=1.36.{'9' * 5000}-gke.0", "v1.33.5-gke.100", "argument --what-if: 'gke=1.36.9"),
        ("gke=1.36.0-gke.0", f"v1.33.{'9' * 5000}-gke.1", "the cluster is not known to be GKE"),
        ("gke=1.36.0-gke.0", "v1.34.0", "the cluster is not known to be GKE (it runs v1.34.0)"),
        ("gke=1.32.0-gke.0", "v1.33.5-gke.100", "runs v1.33.5-gke.100 already, and is not downgraded"),
    ],
)
def test_a_change_that_cannot_be_supposed_is_a_usage_error(
    flags: list[str],
    api_server: ApiServer,
    capsys: pytest.CaptureFixture[str],
    change: str,
    version: str,
    told: str,
) -> None:
    as_gke(api_server, version)
    assert main([*flags, "--what-if", change]) == 4
    said = capsys.readouterr()
    assert told in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out
