"""A lab is a closed world, and leaves nothing however it ends."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import cgroups, state
from lab.paths import state_dir
from tests.proof.conftest import ROOT, Lab, lab_command


def traces(name: str) -> dict[str, list[str]]:
    """Return whatever of a lab is on this host."""
    groups = state.groups(name)
    commands = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            commands[folder.name] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    marks = (f'"name": "{name}"', f"/labs/{name}/")
    return {
        "groups": [str(group) for group in groups if group.exists()],
        "members": [str(pid) for pid in cgroups.members(groups)],
        "processes": [text for text in commands.values() if any(mark in text for mark in marks)],
        "mounts": [
            line for line in Path("/proc/self/mounts").read_text().splitlines() if f"labs/{name}" in line
        ],
        "state": [str(path) for path in [state_dir(name)] if path.exists()],
    }


_RESTLESS = re.compile(r"fs/(dentry-state|file-nr|inode-.*|quota/.*)|kernel/(ns_last_pid|random/.*)|.*_count")
"""Sysctls that are counters, or say something else each time."""
_FOLDERS = ("/boot", "/etc", "/home", "/opt", "/srv", "/usr", "/var/lib", "/var/spool")
"""Where programs that run as root may write, and a lab does not: its own folders are in the user's cache."""


def host() -> dict[str, str]:
    """Return what of the host's network, mounts and kernel a lab could have changed."""
    commands = {
        "links": ["ip", "-o", "link"],
        "addresses": ["ip", "-o", "address"],
        "routes": ["ip", "route", "show", "table", "all"],
        "routing rules": ["ip", "rule"],
        "namespaces": ["ip", "netns", "list"],
        "rules": ["iptables-save"],
        "IPv6 rules": ["ip6tables-save"],
    }
    outputs = {
        name: subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        for name, argv in commands.items()
    }
    dates_and_counters = re.compile(r"^#.*\n|\[\d+:\d+\]", re.MULTILINE)
    for name in ("rules", "IPv6 rules"):
        outputs[name] = dates_and_counters.sub("", outputs[name])
    outputs["mounts"] = "\n".join(sorted(Path("/proc/self/mounts").read_text().splitlines()))
    outputs["runtime folders"] = "\n".join(sorted(path.name for path in Path("/run").iterdir()))
    return outputs | sysctls()


def sysctls() -> dict[str, str]:
    """Return every sysctl that keeps its value by itself."""
    values = {}
    root = Path("/proc/sys")
    for path in root.rglob("*"):
        with contextlib.suppress(OSError):  # some can only be written
            if path.is_file() and not _RESTLESS.fullmatch(str(path.relative_to(root))):
                values[str(path)] = path.read_text(errors="replace")
    return values


def changed_since(marker: Path) -> list[str]:
    """Return the files outside a lab's folders that were made or changed after a file was made."""
    argv = [
        "find",
        *(folder for folder in _FOLDERS if Path(folder).exists()),
        "-xdev",
        "-cnewer",
        str(marker),
        "-not",
        "-type",
        "d",
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


NOTHING: dict[str, list[str]] = {"groups": [], "members": [], "processes": [], "mounts": [], "state": []}


def test_it_touches_nothing_of_the_host_and_killed_leaves_only_what_down_removes(tmp_path: Path) -> None:
    lab_command("down", "--name", "proof-killed")  # what a killed session left
    before = host()
    marker = tmp_path / "marker"
    marker.touch()
    lab_command("up", "--topology", "coredns", "--nodes", "1", "--name", "proof-killed")
    meanwhile = host()
    os.kill(state.running("proof-killed").pid, signal.SIGKILL)
    lab_command("down", "--name", "proof-killed")
    assert traces("proof-killed") == NOTHING
    assert host() == before
    assert meanwhile == before
    assert changed_since(marker) == []


def test_the_next_up_reclaims_a_dead_lab() -> None:
    lab_command("up", "--topology", "coredns", "--nodes", "1", "--name", "proof-dead")
    os.kill(state.running("proof-dead").pid, signal.SIGKILL)
    try:
        lab_command("up", "--topology", "coredns", "--nodes", "1", "--name", "proof-next")
        assert traces("proof-dead") == NOTHING
    finally:
        lab_command("down", "--name", "proof-next")
    assert traces("proof-next") == NOTHING


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_boot_leaves_nothing(how: signal.Signals) -> None:
    lab_command("down", "--name", "proof-interrupted")  # what a killed session left
    up = [sys.executable, "-m", "lab", "up", "--topology", "coredns", "--name", "proof-interrupted"]
    with subprocess.Popen(
        up, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "API server ready" in line:
                break
        process.send_signal(how)
        process.communicate(timeout=30)
    if how is signal.SIGKILL:  # nobody is left to clean up, but the lab ends by itself, and is reclaimed
        deadline = time.monotonic() + 10
        while traces("proof-interrupted")["processes"] and time.monotonic() < deadline:
            time.sleep(0.05)
        state.reclaim(own="")
    assert traces("proof-interrupted") == NOTHING


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
def test_up_again_is_the_same_lab(lab: Lab) -> None:
    pid = state.running(lab.name).pid
    lab_command("up", "--topology", lab.topology, "--name", lab.name)
    assert state.running(lab.name).pid == pid


@pytest.mark.parametrize("lab", ["coredns"], indirect=True)
@pytest.mark.parametrize("node", [[], ["--node", "node-1"]], ids=["fabric", "node"])
def test_nothing_in_it_reaches_the_outside(lab: Lab, node: list[str]) -> None:
    script = (
        "import socket\n"
        "try: socket.create_connection(('1.1.1.1', 53), 3); print('CONNECTED')\n"
        "except OSError as error: print('refused', error)\n"
    )
    said = lab_command("exec", "--name", lab.name, *node, "--", "python3", "-c", script)
    assert "CONNECTED" not in said
    assert "refused" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--topology", "gke-kubdns", "--name", "proof-wrong"], "did you mean 'gke-kubedns'"),
        (["up", "--name", "Not_A_Name"], "lower-case letters"),
        (["up", "--nodes", "0", "--name", "proof-wrong"], "--nodes 0: use 1 to"),
        (["exec", "--name", "proof-wrong", "--", "true"], "no lab named 'proof-wrong' is running"),
        (["break", "--name", "proof-wrong", "sevnth-suffix"], "did you mean 'seventh-suffix'"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode in (1, 4)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not state_dir("proof-wrong").exists()
