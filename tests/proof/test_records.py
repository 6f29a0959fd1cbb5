"""records.* on labs that the other proofs do not boot, and what a whole run of it amounts to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clusterdns.model.catalogue import CATALOGUE
from tests.proof.conftest import Lab, Result, lab_command, on

RECORDS = {check for check in CATALOGUE if check.startswith("records.")}
CACHES = ["coredns-nodelocal", "gke-kubedns-nodelocal"]


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
    assert result.ids("passed") >= RECORDS
    paths = result.case("records.propagation")["measurements"]["by path"]
    assert any("(fd00:" in path for path in paths)  # DNS pods and their Service are asked over IPv6


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_a_run_is_some_thousand_messages_and_more_assertions(lab: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(lab), "--check=records")
    assert result.code == 0, result.output
    rows = [one["measurements"] for one in result.report["checks"] if one["case"] in ("udp", "tcp")]
    assert sum(one["messages"] for one in rows) > 1000
    assert sum(one["assertions"] for one in rows) > 10_000


@pytest.mark.long
@pytest.mark.parametrize("lab", CACHES, indirect=True)
def test_changes_are_seen_when_caches_let_go(lab: Lab, suite: Callable[..., Result]) -> None:
    result = suite(*on(lab), "--profile=slow", "--check=records.propagation")
    assert result.code == 0, result.output
    assert {one["case"] for one in result.report["checks"]} == {None, "updated", "deleted"}
