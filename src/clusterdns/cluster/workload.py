"""What a run makes in a cluster: its two namespaces, what is in them and beside them, and how it goes again.

Everything carries the run's id, and the time after which it counts as left behind by a
run that was killed. It is found again by label only.
"""

import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.objects import text
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import AdmissionRefused, HarnessError, PermissionMissing
from clusterdns.signals import signals_held

MANAGED_BY = {"app.kubernetes.io/managed-by": "cluster-dns-conformance"}
RUN_LABEL = "clusterdns.io/run"
EXPIRES = "clusterdns.io/expires"
CORDONED = "clusterdns.io/cordoned-by"
"""A node's label with the run that has cordoned it for a while."""
UNCORDON: Mapping[str, Any] = {
    "metadata": {"labels": {CORDONED: None}, "annotations": {EXPIRES: None}},
    "spec": {"unschedulable": None},
}
"""The patch that undoes `cordon`."""

_MADE = (
    ("v1", "Namespace", "namespaces"),
    ("apps/v1", "Deployment", "deployments"),
    ("v1", "Service", "services"),
    ("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors"),
)
"""What runs make, in namespaces of their own or beside a cluster's DNS: API version, kind, resource."""

_RUN_ID = re.compile(r"[0-9a-f]{1,32}")
_POD_SECURITY = "pod-security.kubernetes.io/enforce"


class Workload:
    """What one run makes. Use `close` when the run ends, however it ends."""

    def __init__(self, cluster: Cluster, run_id: str, *, expiry: float, timeout: float) -> None:
        """Make nothing yet.

        Args:
            cluster: to make it in.
            run_id: a DNS label's worth of letters and digits.
            expiry: seconds until it counts as left behind.
            timeout: seconds for a namespace to become usable, and for all to be gone.
        """
        self._cluster = cluster
        self._run_id = run_id
        self._expires = datetime.now(UTC) + timedelta(seconds=expiry)
        self._timeout = timeout
        self._namespaces: dict[str, Object] = {}
        self._placed: list[Object] = []
        self._lock = threading.Lock()
        self._making = {pod_security: threading.Lock() for pod_security in ("restricted", "privileged")}
        self._closed = False

    @property
    def namespace(self) -> str:
        """The run's namespace, of Pod Security "restricted"; made when first asked for."""
        return self._namespace(f"clusterdns-{self._run_id}", "restricted")

    @property
    def privileged_namespace(self) -> str:
        """The run's other namespace, for pods that the first one refuses; made when first asked for."""
        return self._namespace(f"clusterdns-{self._run_id}-privileged", "privileged")

    def other_runs(self) -> set[str]:
        """Return the ids of other runs whose namespaces are there, be it that they are going."""
        found = self._cluster.list("namespaces", labels=RUN_LABEL)
        ids = {text(namespace, "metadata", "labels", RUN_LABEL) for namespace in found}
        return {run_id for run_id in ids if _RUN_ID.fullmatch(run_id)} - {self._run_id}

    def owned(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Return a manifest with the run's marks, in a namespace of the run where one is given."""
        metadata = dict(manifest.get("metadata", {}))
        metadata["labels"] = {**metadata.get("labels", {}), **MANAGED_BY, RUN_LABEL: self._run_id}
        expires = self._expires.isoformat(timespec="seconds")
        metadata["annotations"] = {**metadata.get("annotations", {}), EXPIRES: expires}
        if namespace is not None:
            metadata["namespace"] = namespace
        return {**manifest, "metadata": metadata}

    def place(self, manifest: Mapping[str, Any]) -> None:
        """Create an object in a namespace that is not the run's; `take_away` or `close` removes it."""
        owned = self.owned(manifest)
        with self._lock:
            self._refuse_when_closed()
            self._placed.append(owned)  # first: an interrupted creation is removed as well
        self._cluster.create(owned)

    def take_away(self, grace: float = 0) -> None:
        """Remove all that was placed, pods and all, and wait until it is gone.

        Args:
            grace: Seconds that its pods may take to end.

        Raises:
            DeadlineExceeded: it did not go in time.
        """
        for manifest in reversed(self._placed):
            self._cluster.delete(manifest, owned_first=True)
        wait_until(self._none_placed, what="removal of what the run placed", timeout=self._timeout + grace)
        self._placed.clear()

    def close(self, *, wait: bool = True) -> list[str]:
        """Remove everything; return what could not be removed, in words.

        Args:
            wait: until it is gone, which takes the API server at least 5 s
                (k8s.io/kubernetes pkg/controller/namespace, namespaceDeletionGracePeriod).
        """
        left = []
        with self._lock:  # what is measured in the background makes nothing any more
            self._closed = True
        with signals_held():  # a second Ctrl-C must not keep the requests from being sent
            for manifest in (*self._namespaces.values(), *reversed(self._placed)):
                try:
                    if manifest["kind"] == "Namespace":
                        # The controller leaves it alone for 5 s: its pods can end meanwhile.
                        self._cluster.delete_all("pods", manifest["metadata"]["name"])
                    self._cluster.delete(manifest, owned_first=True)
                except HarnessError as error:
                    left.append(f"{described(manifest)}: {error}")
        if wait and not left:
            try:
                wait_until(self._all_gone, what="removal of what the run made", timeout=self._timeout)
            except HarnessError as error:
                left.append(str(error))
        return left

    def _namespace(self, name: str, pod_security: str) -> str:
        with self._making[pod_security]:
            if name in self._namespaces:
                return name
            manifest = self.owned(
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": name, "labels": {_POD_SECURITY: pod_security}},
                }
            )
            with self._lock:
                self._refuse_when_closed()
                self._namespaces[name] = manifest  # first: an interrupted creation is removed as well
            try:
                self._cluster.create(manifest)
            except (AdmissionRefused, PermissionMissing):
                with self._lock:
                    del self._namespaces[name]
                raise
            wait_until(
                lambda: self._usable(name), what=f"service account of namespace {name}", timeout=self._timeout
            )
        return name

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise HarnessError("the run has ended: it makes nothing any more")

    def _usable(self, namespace: str) -> None:
        # Until its service account is there, every pod is refused.
        if self._cluster.find("serviceaccounts", "default", namespace=namespace) is None:
            raise NotYet("no service account")

    def _none_placed(self) -> None:
        for manifest in self._placed:
            if self._cluster.exists(manifest):
                raise NotYet(f"{described(manifest)} is there")

    def _all_gone(self) -> None:
        self._none_placed()
        for name in self._namespaces:
            found = self._cluster.find("namespaces", name)
            if found is not None:
                raise NotYet(f"namespace {name} is {found['status'].get('phase', 'there')}")


def left_behind(cluster: Cluster, run_id: str | None = None) -> list[tuple[Object, datetime | None]]:
    """Return everything that a run made, and when it expires; None where that cannot be read.

    What is in the run's own namespaces goes with them, and is not listed.

    Args:
        cluster: Where to look.
        run_id: Of the run in question; None for all.
    """
    label = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
    found: list[tuple[Object, datetime | None]] = []
    own: set[str] = set()  # namespaces: the first of what runs make
    for api, kind, resource in _MADE:
        selector = f"{label},{RUN_LABEL}" + (f"={run_id}" if run_id else "")
        optional = "." in api  # an operator's: of what is Kubernetes' own, a list must have been seen
        for made in cluster.list(resource, api=api, labels=selector, missing_ok=optional):
            metadata = made["metadata"]
            if metadata.get("namespace") in own:
                continue
            if kind == "Namespace":
                own.add(metadata["name"])
            found.append(({"apiVersion": api, "kind": kind, **made}, expiry(made)))
    return found


def cordon(run_id: str, seconds: float) -> Mapping[str, Any]:
    """Return the patch that cordons a node for a run, which lets go of it within so many seconds."""
    expires = datetime.now(UTC) + timedelta(seconds=2 * seconds)
    metadata = {
        "labels": {CORDONED: run_id},
        "annotations": {EXPIRES: expires.isoformat(timespec="seconds")},
    }
    return {"metadata": metadata, "spec": {"unschedulable": True}}


def expiry(made: Object) -> datetime | None:
    """Return when what a run made or marked counts as left behind; None where that cannot be read."""
    try:
        return datetime.fromisoformat((made["metadata"].get("annotations") or {})[EXPIRES])
    except (KeyError, ValueError):
        return None


def described(manifest: Mapping[str, Any]) -> str:
    """Return an object in words."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"
