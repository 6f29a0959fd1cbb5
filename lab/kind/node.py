"""The first process of a kind node of ours: sets the node up, runs containerd and the kubelet, reaps.

Stands in for the systemd and the entry point of the published node image. Standard library
only: it runs in the node, by the image's own Python.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lab import cgroups
from lab.shared_images import share_images
from lab.sysctls import GLOBAL_SYSCTLS

_TEMPLATE = Path("/kind/images")
_LOGS = Path("/var/log")
_SOCKET = Path("/run/containerd/containerd.sock")
_SOCKET_SECONDS = 20.0
_TICK = 0.05  # seconds between two looks
# What kubeadm writes before it wants a kubelet.
_KUBELET_CONFIG = Path("/var/lib/kubelet/config.yaml")
_KUBELET_FLAGS = Path("/var/lib/kubelet/kubeadm-flags.env")
# kind waits for this line of the published image's systemd.
_UP = "Reached target Multi-User System."


def prepare() -> None:
    """Make mounts shared, hold back writes to the machine's own sysctls, make kind's control groups."""
    _run("mount", "--make-rshared", "/")
    for name in GLOBAL_SYSCTLS:
        real, own = Path("/proc/sys", name), Path("/run/sysctls", name)
        if real.exists():
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(real.read_text())
            _run("mount", "--bind", str(own), str(real))
    groups = cgroups.hierarchies()
    leaves = [group.inside("init") for group in groups if group.version == cgroups.VERSION_2]
    cgroups.create(leaves)
    cgroups.join(leaves)  # version 2 delegates only from groups that hold no processes
    cgroups.delegate([group.mount_point for group in groups])
    cgroups.create([group.inside("kubelet") for group in groups])
    if _TEMPLATE.is_dir():
        share_images(_TEMPLATE, Path("/var/lib/containerd"))


class Programs:
    """The node's programs, started and, when they end, started again."""

    def __init__(self) -> None:
        self._running: dict[int, str] = {}

    def keep(self, name: str, argv: list[str]) -> None:
        """Start a program unless it runs; its output is appended to a log."""
        if name in self._running.values():
            return
        with (_LOGS / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._running[process.pid] = name

    def reap(self) -> None:
        """Bury the dead: the programs, and orphans, such as shims, that nobody else waits for."""
        try:
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self._running.pop(pid, None)
        except ChildProcessError:
            pass


def kubelet() -> list[str] | None:
    """Return the kubelet's command, None as long as kubeadm has not set it up."""
    if not (_KUBELET_CONFIG.exists() and _KUBELET_FLAGS.exists()):
        return None
    flags = _KUBELET_FLAGS.read_text().partition("=")[2].strip().strip('"').split()
    return [
        "kubelet",
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        f"--config={_KUBELET_CONFIG}",
        *flags,
    ]


def main() -> NoReturn:
    """Be init until the container is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    prepare()
    programs = Programs()
    deadline = time.monotonic() + _SOCKET_SECONDS
    programs.keep("containerd", ["containerd"])
    while not _SOCKET.exists():
        programs.reap()
        if time.monotonic() > deadline:
            sys.exit(f"containerd did not start: {(_LOGS / 'containerd.log').read_text()[-500:]}")
        time.sleep(_TICK)
    print(_UP, flush=True)
    while True:
        programs.reap()
        programs.keep("containerd", ["containerd"])
        command = kubelet()
        if command:
            programs.keep("kubelet", command)
        time.sleep(_TICK)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    sys.exit(0)  # the kernel ends the rest of the container


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    main()
