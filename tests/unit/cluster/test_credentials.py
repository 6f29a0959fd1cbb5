"""Credentials that change or do not come: token files and exec plugins, as they are found in the field."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.cluster.api import connect
from clusterdns.cluster.exec_plugin import run_plugin
from clusterdns.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.conftest import ApiServer

VERSION = "client.authentication.k8s.io/v1"
CANARY = "c4n4ry"
GIVEN = {"token": CANARY}


def prints(status: Mapping[str, str] = GIVEN) -> str:
    """Return a shell's line that prints a credential."""
    return f"echo '{json.dumps({'apiVersion': VERSION, 'kind': 'ExecCredential', 'status': status})}'"


def plugin(script: str, **more: Any) -> dict[str, Any]:
    """Return the `exec` of a user's entry: a shell script."""
    return {"apiVersion": VERSION, "command": "sh", "args": ["-c", script], **more}


def written(path: Path, **user: Any) -> Path:
    """Write a user's entry into a kubeconfig."""
    config = yaml.safe_load(path.read_text())
    config["users"][0]["user"] = user
    path.write_text(yaml.safe_dump(config))
    return path


def authorizations(api_server: ApiServer) -> list[str]:
    return [headers.get("authorization", "") for headers in api_server.headers]


def refused(script: str, seconds: float) -> str:
    """Return what is said of a plugin that gives nothing."""
    with pytest.raises(ClusterError, match=r"exec plugin gave no credentials: .*; run it by hand") as caught:
        run_plugin(plugin(script), {}, seconds)
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "script",
    [
        "sleep 60",
        "exec >&-; sleep 60",
        f"{prints()}; sleep 60 & wait",
        f"{prints()}; sleep 60 &",
        f"trap '' TERM INT HUP; while :; do echo {CANARY}; sleep 0.01; done",
    ],
)
def test_a_plugin_that_does_not_end_is_given_up(script: str) -> None:
    began = time.monotonic()
    assert "it had not ended after 0.5 s" in refused(script, 0.5)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (f"yes {CANARY}", "it wrote more than 1 MiB"),
        (f"yes {CANARY} >&2 & {prints({})}; exit 3", "it ended with status 3"),
        (f"echo {CANARY}", "it wrote no ExecCredential of client.authentication.k8s.io/v1"),
        ("echo null", "it wrote no ExecCredential"),
        (r"head -c 300000 /dev/zero | tr '\0' '['", "it wrote no ExecCredential"),
        (r"printf '\377'", "it wrote no ExecCredential"),
        (prints({}), "it wrote no ExecCredential"),
        (prints({"clientCertificateData": CANARY}), "it wrote no ExecCredential"),
        (prints(GIVEN | {"expirationTimestamp": "soon"}), "it wrote no ExecCredential"),
        (prints().replace("/v1", "/v1beta1"), "it wrote no ExecCredential"),
        (prints().replace(f'"{CANARY}"', "5"), "it wrote no ExecCredential"),
    ],
)
def test_a_plugin_that_gives_nothing_is_told_in_one_line(script: str, reason: str) -> None:
    assert reason in refused(script, 30)


def test_a_plugin_that_is_not_there_is_told() -> None:
    with pytest.raises(ClusterError, match=r"cannot be started \(No such file or directory\)"):
        run_plugin({"apiVersion": VERSION, "command": "/no/such/plugin"}, {})


def test_what_a_plugin_has_started_ends_with_it(tmp_path: Path) -> None:
    number = tmp_path / "number"
    script = f"sleep 60 >&- 2>&- & echo $! > {number}; {prints()}"
    assert run_plugin(plugin(script), {}).token == CANARY
    process = Path("/proc", number.read_text().strip(), "stat")
    deadline = time.monotonic() + 5
    while process.exists() and process.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.exists() or process.read_text().split()[2] == "Z"


def test_a_plugin_is_told_what_it_asks_for(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("PEM")
    cluster = {
        "server": "https://h",
        "certificate-authority": str(authority),
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}],
    }
    script = f'printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; printf %s "$REGION" > {tmp_path}/region'
    asks = plugin(f"{script}; {prints()}", env=[{"name": "REGION", "value": "r"}], provideClusterInfo=True)
    run_plugin(asks, cluster)
    assert (tmp_path / "region").read_text() == "r"
    assert json.loads((tmp_path / "info").read_text()) == {
        "apiVersion": VERSION,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://h",
                "certificate-authority-data": "UEVN",
                "config": {"audience": "a"},
            },
        },
    }


def test_a_certificate_of_a_plugin_is_taken() -> None:
    given = run_plugin(plugin(prints({"clientCertificateData": "C", "clientKeyData": "K"})), {})
    assert (given.token, given.certificate, given.key) == ("", "C", "K")


@pytest.mark.parametrize(("lasts", "runs"), [(timedelta(hours=1), 1), (timedelta(seconds=5), 4)])
def test_a_plugin_is_run_again_where_its_token_is_about_to_expire(
    api_server: ApiServer, kubeconfig_file: Path, tmp_path: Path, lasts: timedelta, runs: int
) -> None:
    log = tmp_path / "runs"
    expires = (datetime.now(UTC) + lasts).isoformat()
    answer = prints({"token": "t-COUNT", "expirationTimestamp": expires})
    script = f"echo run >> {log}; {answer} | sed s/COUNT/$(wc -l < {log})/"
    cluster = connect(yaml.safe_load(written(kubeconfig_file, exec=plugin(script)).read_text()), 2)
    for _ in range(3):
        cluster.version()
    assert len(log.read_text().splitlines()) == runs
    assert authorizations(api_server)[-1] == f"Bearer t-{runs}"


def test_a_plugin_that_fails_in_mid_run_is_one_error(kubeconfig_file: Path, tmp_path: Path) -> None:
    expired = prints(GIVEN | {"expirationTimestamp": "2020-01-01T00:00:00Z"})
    script = f"test -e {tmp_path}/ran && exit 1; touch {tmp_path}/ran; {expired}"
    cluster = connect(yaml.safe_load(written(kubeconfig_file, exec=plugin(script)).read_text()), 2)
    with pytest.raises(ClusterError, match="exec plugin gave no credentials: it ended with status 1"):
        cluster.version()


def test_a_token_file_is_read_again(api_server: ApiServer, kubeconfig_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    cluster = connect(yaml.safe_load(written(kubeconfig_file, tokenFile=str(file), **GIVEN).read_text()), 2)
    cluster.version()
    file.write_text("second\n")
    cluster.version()
    file.write_text("")  # being replaced
    cluster.version()
    file.unlink()
    cluster.version()
    assert authorizations(api_server) == ["Bearer first", *["Bearer second"] * 3]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/no/such/token", "cannot read its token file /no/such/token: No such file or directory"),
        ("/dev/null", "its token file /dev/null is empty"),
        ("/dev/zero", "cannot read its token file /dev/zero: File too large"),
    ],
)
def test_a_token_file_that_holds_none_is_wrong_usage(kubeconfig_file: Path, file: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        connect(yaml.safe_load(written(kubeconfig_file, tokenFile=file).read_text()), 2)
