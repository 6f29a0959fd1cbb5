"""records.* on labs that the other proofs do not boot, and what a whole run of it amounts to."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from clusterdns.catalogue import CATALOGUE
from lab import place, state
from tests.proof.conftest import Lab, Result, lab_command, on

RECORDS = {check for check in CATALOGUE if check.startswith("records.")}
STUB_DOMAINS = "records.stub-domains"  # the lab has none
CACHES = ["coredns-nodelocal", "gke-kubedns-nodelocal"]

# Asks kubedns, behind dnsmasq, until it knows the Service; then dnsmasq itself, as the arguments say.
ASK = """
import sys, time
import dns.message, dns.query, dns.rcode
address, name, *ways = sys.argv[1:]
def ask(way, rtype, port=53):
    query = dns.message.make_query(name, rtype)
    return getattr(dns.query, way)(query, address, port=port, timeout=5)
deadline = time.monotonic() + 30
while ask("udp", "CNAME", 10053).rcode() != dns.rcode.NOERROR and time.monotonic() < deadline:
    time.sleep(0.05)
for way, rtype in (line.split() for line in ways):
    answer = ask(way, rtype)
    print(dns.rcode.to_text(answer.rcode()), *(rrset[0].to_text() for rrset in answer.answer))
"""


@pytest.fixture
def dual_stack() -> Iterator[Lab]:
    """A lab with IPv6."""
    name = "proof-dual-stack"
    kubeconfig = lab_command("up", "--topology", "coredns", "--name", name, "--dual-stack").strip()
    try:
        yield Lab(name, "coredns", Path(kubeconfig))
    finally:
        lab_command("down", "--name", name)


@pytest.mark.long
def test_dual_stack(dual_stack: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(dual_stack), "--dual-stack")
    assert result.code == 0, result.output
    assert result.ids("passed") >= RECORDS - {STUB_DOMAINS}
    paths = result.case("records.propagation")["measurements"]["seconds_by_path"]
    assert any("(fd00:" in path for path in paths)  # DNS pods and their Service are asked over IPv6


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_a_run_is_some_thousand_messages_and_more_assertions(lab: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(lab), "--check=records")
    assert result.code == 0, result.output
    assert result.ids("skipped") == {STUB_DOMAINS}
    rows = [check["measurements"] for check in result.report["checks"] if check["case"] in ("udp", "tcp")]
    assert sum(row["messages"] for row in rows) > 1000
    assert sum(row["assertions"] for row in rows) > 10_000


@pytest.mark.long
@pytest.mark.parametrize("lab", CACHES, indirect=True)
def test_changes_are_seen_when_caches_let_go(lab: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(lab), "--profile=slow", "--check=records.propagation")
    assert result.code == 0, result.output
    assert result.ids("skipped") == set()
    assert {check["case"] for check in result.report["checks"]} == {None, "updated", "deleted"}


@pytest.mark.parametrize("lab", ["gke-kubedns"], indirect=True)
def test_dnsmasq_loses_an_alias_that_is_asked_for_by_tcp(lab: Lab) -> None:
    kubectl = place.kubectl(state.running(lab.name))
    pods = kubectl.items("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app=kube-dns")
    # Names that nobody has asked for: dnsmasq loses nothing that it has in its cache.
    service = f"lost-alias-{uuid4().hex[:8]}"
    target = f"{service}.both.example.com."
    alias = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "namespace": "default"},
        "spec": {"type": "ExternalName", "externalName": target.rstrip(".")},
    }
    kubectl("apply", "--filename=-", stdin=json.dumps(alias))
    try:
        address, name = pods[0]["status"]["podIP"], f"{service}.default.svc.cluster.local"
        # By UDP first: what a child of dnsmasq learns by TCP, its parent has in its cache a moment later.
        asking = [sys.executable, "-c", ASK, address, name, "udp A", "tcp AAAA", "udp AAAA"]
        said = lab_command("exec", "--name", lab.name, "--node", "node-1", "--", *asking).splitlines()
    finally:
        kubectl("delete", "--filename=-", stdin=json.dumps(alias))
    first, second, by_udp = said
    assert first == f"NOERROR {target} 192.0.2.81"
    assert second == "NOERROR", "dnsmasq is mended: `lost_alias` of its profile may go"
    assert by_udp == f"NOERROR {target} 2001:db8::81"
