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
