"""What is being replaced just now: workloads and pods that are not yet as they are about to be.

Times of the API server are held against the clock of this machine; a second between them does no harm.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from clusterdns.cluster.api import Object
from clusterdns.cluster.objects import items, mapping, name_of, number, text
from clusterdns.cluster.readiness import is_ready, why_not_ready

_STARTING = 30.0  # seconds in which a DNS pod becomes ready, its image pulled
_SETTLING = 2.0  # seconds in which EndpointSlices follow a pod that has become ready
_OVERDUE = 30.0  # seconds past a pod's grace period after which it is stuck: its node is lost
_WAITING = {"", "ContainerCreating", "PodInitializing"}


class Transitions:
    """Looks at the workloads of a namespace and their pods, each once, and says what of them is changing."""

    def __init__(self) -> None:
        """See nothing yet."""
        self._now = datetime.now(UTC)
        self._workloads: list[Object] = []
        self._starting: dict[str, str] = {}
        self._going: dict[str, list[str]] = {}
        self._staying: Counter[str] = Counter()

    def see_workload(self, workload: Object) -> None:
        """Look at a Deployment or a DaemonSet."""
        self._workloads.append(workload)

    def see_pod(self, pod: Object, workload: str) -> None:
        """Look at a pod of a workload, at those that are being deleted, too."""
        deleted = _time(pod, "metadata", "deletionTimestamp")
        if deleted is None:
            self._staying[workload] += 1
            if self._is_starting(pod):
                self._starting[name_of(pod)] = why_not_ready(pod) or "ready a moment ago"
        elif (self._now - deleted).total_seconds() < _OVERDUE:
            self._going.setdefault(workload, []).append(name_of(pod))

    def told(self) -> Iterator[str]:
        """Yield what is changing, in words."""
        for name, state in self._starting.items():
            yield f"{name} is starting: {state}"
        for workload in self._workloads:
            name = name_of(workload)
            generation = number(workload, "metadata", "generation") or 0
            if (number(workload, "status", "observedGeneration") or generation) < generation:
                yield f"{name} was changed a moment ago"
            if name in self._going and self._staying[name] < _asked(workload):
                yield f"{', '.join(self._going[name])} of {name}: being deleted, and not replaced yet"

    def _is_starting(self, pod: Object) -> bool:
        """Return whether a pod has become ready too lately, or is not and nothing says that it will not."""
        if is_ready(pod):
            return any(
                text(condition, "type") == "Ready"
                and self._is_within(_SETTLING, condition, "lastTransitionTime")
                for condition in items(pod, "status", "conditions")
            )
        containers = (
            *items(pod, "status", "initContainerStatuses"),
            *items(pod, "status", "containerStatuses"),
        )
        return (
            bool(text(pod, "spec", "nodeName"))
            and self._is_within(_STARTING, pod, "metadata", "creationTimestamp")
            and not any(number(container, "restartCount") for container in containers)
            and all(text(container, "state", "waiting", "reason") in _WAITING for container in containers)
        )

    def _is_within(self, seconds: float, thing: object, *path: str) -> bool:
        time = _time(thing, *path)
        return time is not None and abs((self._now - time).total_seconds()) < seconds


def _asked(workload: Object) -> int:
    """Return how many pods a Deployment or a DaemonSet is to have."""
    if "replicas" in mapping(workload, "spec"):
        return number(workload, "spec", "replicas") or 0
    return number(workload, "status", "desiredNumberScheduled") or 0


def _time(thing: object, *path: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text(thing, *path))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
