"""A Docker of one's own for one command: in namespaces that end with it, so that nothing is left of either.

    run (host) -> launcher -> unshare: init (PID 1) -> dockerd, the command

The network namespace is new, so Docker's bridges and iptables rules are not the host's. A
killed run's state folder and control groups are reclaimed like a dead lab's.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from lab import cgroups, launch, network, state
from lab.commands import run as run_program
from lab.errors import LabError
from lab.paths import REPOSITORY, SOURCE, state_dir

_SOCKET = "/run/docker.sock"
_START_SECONDS = 30.0
_CAP_SYS_RESOURCE = 24  # capability.h


def run(command: Sequence[str], docker: Path, builds: list[str]) -> int:
    """Run a command beside a Docker of its own; return its exit code.

    Args:
        command: The program and its arguments; `docker` on its PATH finds this Docker.
        docker: The distribution's package, unpacked.
        builds: Names of the builds that are in use meanwhile.
    """
    state.reclaim(own="")
    name = f"docker-{os.getpid()}"
    folder = state_dir(name)
    folder.mkdir()
    spec = {
        "name": name,
        "topology": "none: Docker, for kind",
        "nodes": 0,
        "port": 0,
        "addons": [],
        "builds": builds,
        "state": str(folder),
        "docker": str(docker),
        "command": list(command),
        "directory": str(Path.cwd()),
    }
    argv = ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", "lab.kind.private", json.dumps(spec)]
    try:
        with subprocess.Popen(argv, cwd=REPOSITORY, start_new_session=True) as process:
            return _see_through(process)
    finally:
        state.remove(name)


def _see_through(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a session of processes; pass on each interrupt once, to all of them."""
    asked = 0

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        del frame
        asked += 1
        os.killpg(process.pid, number if asked == 1 else signal.SIGKILL)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _mount() -> None:
    """Cover what Docker and kind would write to on the host: /run, /etc, and /lib where it lacks modules/."""
    covered = [Path("/etc"), *([] if Path("/lib/modules").exists() else [Path("/lib").resolve()])]
    script = ["set -e", "mount -n -t tmpfs -o mode=755 run /run"]
    for lower in covered:
        upper, work = f"/run/cover/{lower.name}", f"/run/cover/{lower.name}.work"
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        script += [f"mkdir -p {upper} {work}", f"mount -n -t overlay cover {lower} -o {options}"]
    run_program(["sh", "-c", "\n".join([*script, cgroups.mount_script()])])


def _dockerd(folder: Path, docker: Path) -> list[str]:
    """Return dockerd's command."""
    argv = [
        str(docker / "usr/sbin/dockerd"),
        f"--host=unix://{_SOCKET}",
        f"--data-root={folder / 'data'}",
        "--exec-root=/run/docker",
        "--pidfile=/run/docker.pid",
        "--storage-driver=overlay2",
        f"--userland-proxy-path={docker / 'usr/sbin/docker-proxy'}",
    ]
    if not _may(_CAP_SYS_RESOURCE):
        wrapper = folder / "runc"
        wrapper.write_text(f"#!{sys.executable} -ISB\n" + (SOURCE / "kind" / "runc.py").read_text())
        wrapper.chmod(0o755)
        argv += [f"--add-runtime=limited={wrapper}", "--default-runtime=limited", "--oom-score-adjust=0"]
    return argv


def _may(capability: int) -> bool:
    """Whether a capability can be had at all (proc(5), CapBnd)."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding, 16) >> capability & 1)


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(_SOCKET)
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(64)
        except OSError:
            return False


def _init(spec: dict[str, Any]) -> int:
    """Start Docker, run the command, and bury orphans until it ends; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # the command hears them, and ends as it sees fit
    folder, docker = Path(spec["state"]), Path(spec["docker"])
    _mount()
    network.ip_batch(["link set lo up"])
    log = folder / "dockerd.log"
    with log.open("ab") as output:
        argv = _dockerd(folder, docker)
        daemon = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + _START_SECONDS
    while not _answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise LabError(f"dockerd did not start: {''.join(last)[:300]}")
        time.sleep(0.05)
    environment = {**os.environ, "DOCKER_HOST": f"unix://{_SOCKET}"}
    command = subprocess.Popen(spec["command"], cwd=spec["directory"], env=environment)
    while True:
        pid, status = os.wait()
        if pid == command.pid:
            return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Be the launcher, then, inside, init."""
    spec = json.loads(sys.argv[-1])
    if sys.argv[1] != "init":
        launch.become(spec, [sys.executable, "-m", "lab.kind.private", "init", json.dumps(spec)])
    try:
        code = _init(spec)
    except LabError as error:
        print(f"lab.kind: {error}", file=sys.stderr)
        code = 1
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
