"""Changes of objects that a topology brings along, and their undoing: the topology's own manifest again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError
from lab.kubectl import Kubectl

_SYSTEM = "kube-system"
_NAMESPACE = f"--namespace={_SYSTEM}"
_WITH_PODS = ("deployment/", "daemonset/")
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

    def undo(self, kubectl: Kubectl, manifests: Iterable[Path]) -> None:
        """Put the lab's own object there again.

        Args:
            kubectl: the lab's.
            manifests: files of all that the lab was made of.

        Raises:
            LabError: the lab was made without such an object.
        """
        kubectl("replace", "--filename=-", stdin=json.dumps(original(self.object, manifests)))


def original(wanted: str, manifests: Iterable[Path]) -> dict[str, Any]:
    """Return the manifest of an object ("kind/name") out of manifest files.

    Raises:
        LabError: none has it.
    """
    for path in manifests:
        for manifest in yaml.safe_load_all(path.read_text()):
            if f"{manifest['kind'].lower()}/{manifest['metadata']['name']}" == wanted:
                return dict(manifest)
    raise LabError(f"the lab was made without {wanted}")


def workloads(objects: Iterable[str]) -> tuple[str, ...]:
    """Return those of "kind/name" that have pods to wait for, each once."""
    return tuple(dict.fromkeys(one for one in objects if one.startswith(_WITH_PODS)))


def named(manifests: Iterable[Path]) -> list[str]:
    """Return every object in manifest files as "kind/name", outside kube-system as "kind/name@namespace"."""
    found = []
    for path in manifests:
        for manifest in yaml.safe_load_all(path.read_text()):
            namespace = manifest["metadata"].get("namespace", _SYSTEM)
            at = "" if namespace == _SYSTEM else f"@{namespace}"
            found.append(f"{manifest['kind'].lower()}/{manifest['metadata']['name']}{at}")
    return found


def roll_out(kubectl: Kubectl, restart: Sequence[str], changed: Sequence[str]) -> None:
    """Restart workloads of kube-system; wait until they and the changed ones run as they should, alone."""
    for workload in restart:
        kubectl("rollout", "restart", _NAMESPACE, workload)
    for workload in workloads((*restart, *changed)):
        name, _, namespace = workload.partition("@")
        within = f"--namespace={namespace or _SYSTEM}"
        kubectl("rollout", "status", within, name, seconds=_ROLLOUT_SECONDS)
    pods = kubectl.items(f"/api/v1/namespaces/{_SYSTEM}/pods")
    ending = [f"pod/{pod['metadata']['name']}" for pod in pods if "deletionTimestamp" in pod["metadata"]]
    if ending:
        # kubedns uses its whole grace of 30 s up; nobody asks a pod any more that is on its way out.
        kubectl("delete", _NAMESPACE, "--grace-period=1", "--wait=false", "--ignore-not-found", *ending)
        kubectl("wait", _NAMESPACE, "--for=delete", f"--timeout={_ROLLOUT_SECONDS:g}s", *ending, seconds=100)
