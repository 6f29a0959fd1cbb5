"""kubectl in the control plane's container: there in every node image, whatever the host has."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lab.kubectl import Kubectl


class NodeKubectl(Kubectl):
    """kubectl of a kind cluster, with the administrator's rights."""

    def __init__(self, cluster: str) -> None:
        """Use the control plane of the cluster of that name."""
        kubeconfig = "--kubeconfig=/etc/kubernetes/admin.conf"
        self._argv = ["docker", "exec", "--interactive", f"{cluster}-control-plane", "kubectl", kubeconfig]

    def apply(self, manifests: Iterable[Path], images: Mapping[str, str] | None = None) -> None:
        """Apply manifest files.

        Args:
            manifests: Files here.
            images: Image that they name -> image that the nodes have instead.
        """
        text = "\n---\n".join(path.read_text() for path in manifests)
        for named, held in (images or {}).items():
            text = text.replace(f"image: {named}\n", f"image: {held}\n")
        if text:
            self._apply(text)

    def apply_objects(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Apply objects."""
        self._apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def _apply(self, text: str) -> None:
        self("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
