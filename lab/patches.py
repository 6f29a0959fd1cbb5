"""Changes of objects that a topology brings along, and their undoing: the topology's own manifest again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError
from lab.kubectl import Kubectl
from lab.topology import Topology

_NAMESPACE = "--namespace=kube-system"
_ROLLOUT_SECONDS = 90.0


@dataclass(frozen=True)
class Patch:
    """A change of an object of kube-system.

    Attributes:
        object: "kind/name", e.g. "configmap/node-local-dns".
        change: A strategic merge patch, or the list of operations of a JSON patch.
    """

    object: str
    change: dict[str, Any] | list[Any]

    def apply(self, kubectl: Kubectl) -> None:
        """Make the change."""
        form = "json" if isinstance(self.change, list) else "strategic"
        kubectl("patch", _NAMESPACE, self.object, f"--type={form}", f"--patch={json.dumps(self.change)}")

    def undo(self, kubectl: Kubectl, topology: Topology) -> None:
        """Put the topology's own object there again.

        Raises:
            LabError: the topology brings no such object.
        """
        for path in topology.manifests:
            for manifest in yaml.safe_load_all(path.read_text()):
                if f"{manifest['kind'].lower()}/{manifest['metadata']['name']}" == self.object:
                    kubectl("replace", "--filename=-", stdin=json.dumps(manifest))
                    return
        raise LabError(f"topology {topology.name} has no {self.object}")


def workloads(objects: Iterable[str]) -> tuple[str, ...]:
    """Return those of "kind/name" that have pods to wait for, each once."""
    return tuple(dict.fromkeys(one for one in objects if one.startswith(("deployment/", "daemonset/"))))


def named(manifests: Iterable[Path]) -> list[str]:
    """Return every object in manifest files as "kind/name"."""
    return [
        f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
        for path in manifests
        for manifest in yaml.safe_load_all(path.read_text())
    ]


def roll_out(kubectl: Kubectl, restart: Sequence[str], changed: Sequence[str]) -> None:
    """Restart workloads of kube-system, and wait until these and the changed ones run as they should."""
    for workload in restart:
        kubectl("rollout", "restart", _NAMESPACE, workload)
    for workload in workloads((*restart, *changed)):
        kubectl("rollout", "status", _NAMESPACE, workload, seconds=_ROLLOUT_SECONDS)
