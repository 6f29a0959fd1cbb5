from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from clusterdns.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import ApiServer

NAMESPACES = "/api/v1/namespaces"
SERVICES = f"{NAMESPACES}/kube-system/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kube-system/deployments"
EVERYWHERE = "/api/v1/services"


@pytest.fixture
def flags(kubeconfig_file: Path) -> list[str]:
    return ["--kubeconfig", str(kubeconfig_file), "--kube-context", "c"]


@pytest.fixture
def left(api_server: ApiServer) -> None:
    """One run's namespace that has expired, one that has not, one that is being deleted."""
    now = datetime.now(UTC)
    items = [
        {"metadata": {"name": name, "annotations": {"clusterdns.io/expires": expires.isoformat()}}}
        for name, expires in (("old", now - timedelta(hours=1)), ("new", now + timedelta(hours=1)))
    ]
    going = {"name": "gone", "deletionTimestamp": now.isoformat(), "annotations": {}}
    items.append({"metadata": going})
    api_server.answers[f"GET {NAMESPACES}"] = 200, {"metadata": {}, "items": items}
    for path in (SERVICES, DEPLOYMENTS, EVERYWHERE):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}


def removed(api_server: ApiServer) -> list[str]:
    return [key.rpartition("/")[2] for key, _ in api_server.requests if key.startswith("DELETE")]


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize(("more", "names"), [([], ["old"]), (["--all"], ["old", "new"])])
def test_cleanup_removes_what_has_expired(
    api_server: ApiServer,
    flags: list[str],
    more: list[str],
    names: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["cleanup", *flags, *more]) == 0
    assert removed(api_server) == names
    said = capsys.readouterr().out
    lines = [line.split(":")[0] for line in said.splitlines()]
    assert lines == ["Namespace old", "Namespace new", "Namespace gone"]
    assert said.endswith("Namespace gone: is going\n")
    assert ("kept until" in said) == (not more)


def test_cleanup_puts_back_what_a_service_selected(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_server.answers[f"GET {NAMESPACES}"] = 200, {"metadata": {}, "items": []}
    annotations = {"clusterdns.io/selector-before": '{"k8s-app": "kube-dns"}'}
    upstream = {
        "metadata": {"name": "kube-dns-upstream", "namespace": "kube-system", "annotations": annotations}
    }
    for path in (SERVICES, DEPLOYMENTS):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}
    api_server.answers[f"GET {EVERYWHERE}"] = 200, {"metadata": {}, "items": [upstream]}
    api_server.answers[f"PATCH {SERVICES}/kube-dns-upstream"] = 200, {}
    assert main(["cleanup", *flags]) == 0
    assert "kube-dns-upstream: selects its own pods again" in capsys.readouterr().out


def test_cleanup_says_when_there_is_nothing(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}
    assert main(["cleanup", *flags]) == 0
    assert capsys.readouterr().out == "nothing is left behind\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "the following arguments are required: command"),
        (["tidy"], "invalid choice: 'tidy'"),
        (["cleanup"], "required: --kubeconfig, --kube-context"),
        (["cleanup", "--kubeconfig", "/no/such", "--kube-context", "c"], "cannot read /no/such"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_4(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("clusterdns: ")
    assert message in line


def test_a_cluster_that_refuses_is_exit_code_6(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_server.answers[f"GET {NAMESPACES}"] = 401, {}
    assert main(["cleanup", *flags]) == 6
    assert "does not accept the credentials" in capsys.readouterr().err
