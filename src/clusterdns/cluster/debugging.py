"""Debug containers: one of ours in a pod of somebody else's, in the namespaces of one of its containers.

A pod's ephemeral containers cannot be taken away: they stay, ended, until the pod is replaced. So one is
made once a pod and found again by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a debug container is for.

    Attributes:
        name: Its name.
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
        ClusterError: the container cannot run, or an earlier one of that name has ended.
        DeadlineExceeded: it did not run in time.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    there = [container["name"] for container in pod["spec"].get("ephemeralContainers", ())]
    if purpose.name not in there:
        container = {
            "name": purpose.name,
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
        lambda: _running(cluster.find("pods", name, namespace=namespace), name, purpose.name),
        what=f"debug container in {namespace}/{name}",
        timeout=timeout,
    )
    return purpose.name


def _running(pod: Object | None, name: str, container: str) -> None:
    if pod is None:
        raise ClusterError(f"pod {name} went away while a debug container was started in it: run again")
    statuses = pod.get("status", {}).get("ephemeralContainerStatuses", ())
    state: Object = next((status["state"] for status in statuses if status["name"] == container), {})
    if "terminated" in state:
        raise ClusterError(
            f"the debug container in pod {name} has ended ({state['terminated'].get('reason')}) "
            "and cannot be started again: replace the pod"
        )
    if "running" not in state:
        raise NotYet(f"it is {state.get('waiting', {}).get('reason', 'not started')}")
