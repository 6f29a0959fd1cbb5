"""The lab's own kubectl, for the lab's own needs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.commands import run
from lab.errors import LabError

_SECONDS = 60.0


class Kubectl:
    """kubectl with the programs of a lab and one kubeconfig."""

    def __init__(self, programs: Path, kubeconfig: Path) -> None:
        """Use `programs`/kubectl with `kubeconfig`."""
        self._argv = [str(programs / "kubectl"), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *args: str, stdin: str = "", seconds: float = _SECONDS) -> str:
        """Run kubectl with arguments and return its output.

        Raises:
            LabError: it failed.
        """
        return run([*self._argv, *args], stdin=stdin, seconds=seconds)

    def apply(self, manifests: Iterable[Path]) -> None:
        """Apply manifest files.

        Raises:
            LabError: the API server refused one.
        """
        files = [f"--filename={path}" for path in manifests]
        if files:
            self("apply", "--server-side", "--force-conflicts", *files)

    def delete(self, manifest: Path) -> None:
        """Delete what a manifest file holds, and what that owns; return when it is gone.

        Raises:
            LabError: the API server refused it.
        """
        self(
            "delete",
            "--ignore-not-found",
            "--cascade=foreground",
            "--filename=-",
            stdin=manifest.read_text(),
        )

    def define(self, definitions: Sequence[Path]) -> None:
        """Apply definitions of resources; return when objects of these may be made.

        Raises:
            LabError: the API server refused one, or took too long.
        """
        if definitions:
            self.apply(definitions)
            self("wait", "crd", "--all", "--for=condition=Established", f"--timeout={_SECONDS:g}s")

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the objects at an API path."""
        try:
            items: list[dict[str, Any]] = json.loads(self("get", "--raw", path))["items"]
        except ValueError as error:
            raise LabError(f"{path}: not JSON") from error
        return items

    def workloads_ready(self) -> bool:
        """Whether every workload is wholly ready, as its controller sees it, and Services know."""
        deployments = self.items("/apis/apps/v1/deployments") + self.items("/apis/apps/v1/statefulsets")
        daemonsets = self.items("/apis/apps/v1/daemonsets")
        return (
            all(
                _observed(deployment)
                and deployment["status"].get("readyReplicas", 0) == deployment["spec"]["replicas"]
                for deployment in deployments
            )
            and all(
                _observed(daemonset)
                and daemonset["status"].get("numberReady", 0)
                == daemonset["status"].get("desiredNumberScheduled", -1)
                for daemonset in daemonsets
            )
            and self._endpoints_known()
        )

    def trouble(self) -> str:
        """Return the newest warning about a pod, "" where there is none."""
        events = self.items("/api/v1/events?fieldSelector=type=Warning,involvedObject.kind=Pod")
        if not events:
            return ""
        newest = max(
            events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or "")
        )
        return f"{newest['involvedObject']['name']}: {newest['message']}"

    def _endpoints_known(self) -> bool:
        """Whether the EndpointSlices of kube-system's Services list every pod: they follow readiness."""
        core = "/api/v1/namespaces/kube-system"
        pods = self.items(f"{core}/pods")
        listed: dict[str, set[str]] = {}
        for endpoint_slice in self.items("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"):
            service = endpoint_slice["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
            listed.setdefault(service, set()).update(
                endpoint["targetRef"]["name"]
                for endpoint in endpoint_slice.get("endpoints") or ()
                if endpoint["conditions"].get("ready") and "targetRef" in endpoint
            )
        return all(
            pod["metadata"]["name"] in listed.get(service["metadata"]["name"], set())
            for service in self.items(f"{core}/services")
            for pod in pods
            if (selector := service["spec"].get("selector"))
            and selector.items() <= pod["metadata"].get("labels", {}).items()
        )


def _observed(workload: dict[str, Any]) -> bool:
    return bool(workload.get("status", {}).get("observedGeneration") == workload["metadata"]["generation"])
