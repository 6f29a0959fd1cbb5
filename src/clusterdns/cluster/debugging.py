"""Debug containers: one of ours in a pod of somebody else's, in the namespaces of one of its containers.

A pod's ephemeral containers cannot be taken away: they stay, ended, until the pod is replaced. So one that
runs is found again by its name, and one that does not is followed by another under the next name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.containers import why_not_started
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a debug container is for.

    Attributes:
        name: Its name; the second is called NAME-2, and so on.
        security: What its securityContext holds besides the least that there can be.
    """

    name: str
    security: Mapping[str, Any]


WATCH = Purpose(
    "clusterdns-watch", {"runAsUser": 65534, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
)
CAPTURE = Purpose(
    "clusterdns-capture", {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}
)

_SLEEP_SECONDS = 86400  # it ends by itself: nobody can remove it


def attach(  # noqa: PLR0913 - whose, beside what, which, how long, what for
    cluster: Cluster, pod: Object, target: str, image: str, timeout: float, *, purpose: Purpose = WATCH
) -> str:
    """Make sure that a debug container runs in a pod, and return its name.

    Args:
        cluster: the pod's.
        pod: as read from the API.
        target: the container whose PID namespace it shares.
        image: with Python.
        timeout: seconds for it to run.
        purpose: what it is for.

    Raises:
        PermissionMissing: pods/ephemeralcontainers may not be patched.
        AdmissionRefused: a policy does not let it in.
        ClusterError: the container cannot run, e.g. its image cannot be pulled.
        DeadlineExceeded: it did not run in time.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    running = [str(status["name"]) for status in _statuses(pod, purpose) if "running" in status["state"]]
    if running:
        return running[-1]
    there = {container["name"] for container in pod["spec"].get("ephemeralContainers", ())}
    names = (f"{purpose.name}-{number}" for number in count(2))
    chosen = next(chosen for chosen in chain([purpose.name], names) if chosen not in there)
    container = {
        "name": chosen,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", str(_SLEEP_SECONDS)],
        "targetContainerName": target,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "seccompProfile": {"type": "RuntimeDefault"},
            **purpose.security,
        },
    }
    cluster.patch(
        "pods", name, {"spec": {"ephemeralContainers": [container]}}, namespace, "ephemeralcontainers"
    )
    wait_until(
        lambda: _running(cluster.find("pods", name, namespace=namespace), name, chosen),
        what=f"debug container in {namespace}/{name}",
        timeout=timeout,
    )
    return chosen


def _statuses(pod: Object, purpose: Purpose) -> list[Object]:
    """Return the states of a pod's debug containers for a purpose."""
    return [
        status
        for status in pod.get("status", {}).get("ephemeralContainerStatuses", ())
        if status["name"] == purpose.name or status["name"].startswith(f"{purpose.name}-")
    ]


def _running(pod: Object | None, name: str, container: str) -> None:
    if pod is None:
        raise ClusterError(f"pod {name} went away while a debug container was started in it: run again")
    statuses = pod.get("status", {}).get("ephemeralContainerStatuses", ())
    status: Object = next((status for status in statuses if status["name"] == container), {"state": {}})
    state = status["state"]
    if trouble := why_not_started(status, pod["spec"].get("nodeName", "")):
        raise ClusterError(f"debug container in pod {name}: {trouble}")
    if "terminated" in state:
        raise ClusterError(
            f"debug container {container} in pod {name} ended at once "
            f"({state['terminated'].get('reason')}): choose an image with `sleep` by --probe-image"
        )
    if "running" not in state:
        raise NotYet(f"it is {state.get('waiting', {}).get('reason', 'not started')}")
