"""What a breakage is put on: the lab, or a kind cluster (`lab.kind.place`)."""

import sys
from collections.abc import Sequence
from typing import Protocol

from lab import build, control, enter
from lab.commands import run
from lab.kubectl import Kubectl
from lab.paths import REPOSITORY
from lab.state import Record


class Place(Protocol):
    """A cluster that can be broken.

    Every method raises LabError where it fails.
    """

    @property
    def topology(self) -> str:
        """The topology that it was made as."""

    @property
    def addons(self) -> Sequence[str]:
        """What it runs besides."""

    @property
    def kubectl(self) -> Kubectl:
        """With the administrator's rights."""

    def shell(self, node: str, script: str) -> None:
        """Run a shell script on a node ("node-1" is the first), in the node's namespaces."""

    def spoil(self, node: str, *verb: str) -> None:
        """Let `lab.spoil` run on a node: "start" and faults, or "stop"."""

    def restart(self, node: str, program: str) -> None:
        """Restart a program of the node's own, e.g. kubelet."""


class RunningLab:
    """A lab that runs."""

    def __init__(self, record: Record) -> None:
        """Take what is known of it."""
        self._record = record
        self.topology = record.topology
        self.addons: Sequence[str] = record.addons
        self.kubectl = kubectl(record)

    def shell(self, node: str, script: str) -> None:
        """Run a shell script on a node."""
        run(enter.command(self._record, node, ["sh", "-ec", script]))

    def spoil(self, node: str, *verb: str) -> None:
        """Spoil the answers of the DNS pods there, or stop that."""
        path = f"PYTHONPATH={REPOSITORY}"
        run(enter.command(self._record, node, ["env", path, sys.executable, "-m", "lab.spoil", *verb]))

    def restart(self, node: str, program: str) -> None:
        """Restart a daemon of the lab."""
        control.ask(self._record.folder, {"do": "restart", "daemon": f"{program}-{node}"})


def kubectl(record: Record) -> Kubectl:
    """Return a kubectl for a running lab, from the host."""
    return Kubectl(build.kubernetes_programs(), record.kubeconfig)
