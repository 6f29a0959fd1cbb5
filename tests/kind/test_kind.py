"""On kind the checks say what they say on the lab, and nothing is left of the clusters."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.proof.conftest import ROOT, Result
from tests.proof.test_topologies import FAILED, GKE_LOOKUPS, LOOKUPS, assert_layers

NAME = "clusterdns-kept"


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def containers() -> list[str]:
    return docker("ps", "--all", "--quiet", "--no-trunc", "--filter=label=io.x-k8s.kind.cluster").split()


def left() -> list[str]:
    return [*containers(), docker("volume", "ls", "--quiet"), docker("network", "ls", "--quiet")]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = left()
    yield
    assert left() == before


@pytest.fixture
def kept() -> Iterator[str]:
    """The name of a cluster that runs may keep."""
    yield NAME
    subprocess.run(["kind", "delete", "cluster", f"--name={NAME}"], check=True, capture_output=True)
    docker("network", "rm", "kind")


def judge(result: Result, topology: str) -> None:
    """Assert what is known of a topology, on the lab too."""
    failed = FAILED.get(topology, set())
    assert result.ids("failed") == failed, result.output
    assert result.ids("error") == set(), result.output
    assert result.code == (1 if failed else 0), result.output
    counted = result.case("resolver.lookup-count", "external-inet-glibc")["measurements"]["queries"]
    assert {len(queries) for queries in counted.values()} == {LOOKUPS.get(topology, GKE_LOOKUPS)}
    assert_layers(result, topology)


@pytest.mark.parametrize("topology", ["coredns", "gke-kubedns-nodelocal"])
def test_core_profile(topology: str, suite: Callable[..., Result]) -> None:
    judge(suite("--cluster=kind", f"--lab-topology={topology}"), topology)


def test_a_kept_cluster_is_reused_and_no_other_taken_for_it(kept: str, suite: Callable[..., Result]) -> None:
    flags = ("--cluster=kind", "--lab-topology=gke-kubedns", f"--kind-name={kept}")
    judge(suite(*flags, "--keep"), "gke-kubedns")
    nodes = containers()
    assert len(nodes) == 2

    again = suite(*flags, "--keep", "--check=resolver.search-list")
    assert again.code == 0, again.output
    assert containers() == nodes

    for more, words in (
        (("--keep", "--nodes=1"), "is another"),
        ((), f"a kind cluster named '{kept}' exists"),
    ):
        refused = suite(*flags, *more, "--check=resolver.ndots")
        assert refused.code == 6
        assert words in refused.report["checks"][0]["reason"]
        assert containers() == nodes


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_it_is_created_leaves_nothing(how: signal.Signals) -> None:
    argv = [sys.executable, "-m", "pytest", "--cluster=kind", "--report-dir=/tmp/interrupted"]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not containers() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert containers()
        process.send_signal(how)
        assert process.wait(60) == 2


@pytest.mark.parametrize("case", ["image", "port", "docker"])
def test_bad_input_is_told_at_once_in_one_line(
    case: str, suite: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags: tuple[str, ...] = ()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if case == "image":
            flags, words = (
                ("--kind-image=registry.invalid/node:1",),
                "registry.invalid/node:1 cannot be pulled",
            )
        elif case == "port":
            port = taken.getsockname()[1]
            flags, words = (f"--kind-port={port}",), f"--kind-port {port} cannot be used"
        else:
            monkeypatch.setitem(os.environ, "DOCKER_HOST", "unix:///run/no-such.sock")
            words = "no Docker for us"
        result = suite("--cluster=kind", "--check=resolver.ndots", *flags)
    assert result.code == 6, result.output
    reason = result.report["checks"][0]["reason"]
    assert words in reason
    assert len(reason.splitlines()) == 1
