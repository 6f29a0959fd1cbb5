from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.conftest import ApiServer

NAMESPACES = "/api/v1/namespaces"
SERVICES = f"{NAMESPACES}/kube-system/services"
DEPLOYMENTS = "/apis/apps/v1/deployments"
EVERYWHERE = "/api/v1/services"
NODES = "/api/v1/nodes"


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
    for path in (SERVICES, DEPLOYMENTS, EVERYWHERE, NODES):
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
    api_server.answers[f"GET {DEPLOYMENTS}"] = 200, {"metadata": {}, "items": []}
    api_server.answers[f"GET {EVERYWHERE}"] = 200, {"metadata": {}, "items": [upstream]}
    api_server.answers[f"GET {NODES}"] = 200, {"metadata": {}, "items": []}
    api_server.answers[f"PATCH {SERVICES}/kube-dns-upstream"] = 200, {}
    assert main(["cleanup", *flags]) == 0
    assert "kube-dns-upstream: selects its own pods again" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "names"), [([], ["old"]), (["--all"], ["old", "new"]), (["--run", "r1"], ["old", "new"])]
)
def test_cleanup_uncordons_what_a_killed_run_has_cordoned(
    api_server: ApiServer,
    flags: list[str],
    more: list[str],
    names: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}
    cordoned = []
    for name, expires in (("old", "2020-01-01T00:00:00+00:00"), ("new", "2999-01-01T00:00:00+00:00")):
        metadata = {"name": name, "annotations": {"clusterdns.io/expires": expires}}
        cordoned.append({"metadata": metadata, "spec": {"unschedulable": True}})
        api_server.answers[f"PATCH {NODES}/{name}"] = 200, {}

    def listed(query: Mapping[str, list[str]], _body: Any) -> tuple[int, Any]:
        selector = "clusterdns.io/cordoned-by"
        assert query["labelSelector"] == [f"{selector}=r1" if "--run" in more else selector]
        return 200, {"metadata": {}, "items": cordoned}

    api_server.answers[f"GET {NODES}"] = listed
    assert main(["cleanup", *flags, *more]) == 0
    patches = {
        path.rpartition("/")[2]: body for path, body in api_server.requests if path.startswith("PATCH")
    }
    assert list(patches) == names
    assert {body["spec"]["unschedulable"] for body in patches.values()} == {None}
    assert ("node new: cordoned until 2999" in capsys.readouterr().out) == (not more)


def test_cleanup_says_when_there_is_nothing(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE, NODES):
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


@pytest.mark.parametrize("command", ["cleanup", "audit"])
@pytest.mark.parametrize("value", ["inf", "nan", "0", "-1", "1e9", "soon"])
def test_a_timeout_that_is_none_is_wrong_usage(
    flags: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    value: str,
) -> None:
    assert main([command, *flags, f"--api-timeout={value}"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("clusterdns: --api-timeout: must be ")
    monkeypatch.setenv("CLUSTERDNS_API_TIMEOUT", value)
    assert main([command, *flags]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("clusterdns: CLUSTERDNS_API_TIMEOUT: must be ")


def test_the_environment_counts_for_every_command(
    api_server: ApiServer, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE, NODES):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}
    monkeypatch.setenv("CLUSTERDNS_KUBECONFIG", flags[1])
    monkeypatch.setenv("CLUSTERDNS_KUBE_CONTEXT", flags[3])
    assert main(["cleanup"]) == 0


def test_a_cluster_that_refuses_is_exit_code_6(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    api_server.answers[f"GET {NAMESPACES}"] = 401, {}
    assert main(["cleanup", *flags]) == 6
    assert "does not accept the credentials" in capsys.readouterr().err


def test_what_nobody_foresaw_is_exit_code_3_and_a_private_traceback(
    flags: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("canary")

    monkeypatch.setattr("clusterdns.commands.cleanup.left_behind", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["cleanup", *flags]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "clusterdns: defect in the suite (KeyError): please report it with its traceback, "
    )
    assert "canary" not in line
    traceback = Path(line.rpartition(" ")[2])
    assert traceback.stat().st_mode & 0o777 == 0o600
    assert "KeyError: 'canary'" in traceback.read_text()


@pytest.mark.parametrize(
    "answer",
    [None, [], 5, "x", {}, {"items": None}, {"metadata": {}, "items": [5]}, b"<html>\n", b"[" * 200_000],
    ids=repr,
)
def test_cleanup_says_that_nothing_is_left_only_where_it_saw_a_list(
    api_server: ApiServer, flags: list[str], capsys: pytest.CaptureFixture[str], answer: object
) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE):
        api_server.answers[f"GET {path}"] = 200, answer
    assert main(["cleanup", *flags]) == 6
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert "does not answer as an API server when asked for namespaces" in line


def run(arguments: list[str], **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], check=False, text=True, timeout=60, **streams
    )


def test_an_answer_that_cannot_be_written_is_exit_code_6() -> None:
    with Path("/dev/full").open("w") as full:
        ended = run(["capacity", "--nodes", "10", "--cores", "40"], stdout=full, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (
        6,
        "clusterdns: cannot write the answer: No space left on device\n",
    )


def test_a_reader_that_is_gone_makes_no_verdict() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        ended = run(["capacity", "--nodes", "10", "--cores", "40"], stdout=closed, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_closed_streams_do_not_change_the_exit_code() -> None:
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    for closed, arguments, code in (
        (">&-", "capacity --nodes 10 --cores 40", 0),
        ("2>&-", "tidy", 4),
        (">&- 2>&-", "tidy", 4),
    ):
        line = f'exec "$0" -c "$1" {arguments} {closed}'
        assert subprocess.run(["sh", "-c", line, sys.executable, program], check=False).returncode == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_one_line_and_credentials_lie_in_no_file(
    api_server: ApiServer, flags: list[str], tmp_path: Path, number: signal.Signals
) -> None:
    asked = threading.Event()

    def stall(*_: object) -> tuple[int, Any]:
        asked.set()
        time.sleep(1)
        return 200, {}

    api_server.answers[f"GET {NAMESPACES}"] = stall
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", program, "cleanup", *flags],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert asked.wait(30)
        assert not list(temporary.iterdir())  # SIGKILL would leave it there
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (2, "clusterdns: interrupted\n")


@pytest.mark.parametrize(
    ("program", "imported"),
    [
        ("from clusterdns.cli import main; sys.exit(main())", "clusterdns.errors"),
        ("import runpy; runpy.run_module('pytest', run_name='__main__')", "kubernetes"),
    ],
)
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_of_the_imports_is_one_line(program: str, imported: str, number: str) -> None:
    interrupt = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {imported!r}:\n"
        f"            os.kill(os.getpid(), signal.{number})\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # as a shell's background job has it
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    arguments = ["--collect-only", "-p", "no:cacheprovider", "--cluster", "lab"]
    ended = subprocess.run(
        [sys.executable, "-c", interrupt + program, *arguments],
        check=False,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "clusterdns: interrupted\n")


def test_who_is_to_outlive_the_terminal_does(api_server: ApiServer, flags: list[str]) -> None:
    for path in (NAMESPACES, SERVICES, DEPLOYMENTS, EVERYWHERE, NODES):
        api_server.answers[f"GET {path}"] = 200, {"metadata": {}, "items": []}
    asked = threading.Event()

    def stall(*_: object) -> tuple[int, Any]:
        asked.set()
        time.sleep(1)
        return 200, {"metadata": {}, "items": []}

    api_server.answers[f"GET {NAMESPACES}"] = stall
    program = "import sys; from clusterdns.cli import main; sys.exit(main())"
    with subprocess.Popen(
        ["nohup", sys.executable, "-c", program, "cleanup", *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert asked.wait(30)
        process.send_signal(signal.SIGHUP)
        said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, "nothing is left behind\n")
