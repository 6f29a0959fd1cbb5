"""Whether a pod is ready, and why it is not, as its status tells."""

from clusterdns.cluster.api import Object
from clusterdns.cluster.containers import one_line
from clusterdns.cluster.objects import items, mapping, part, text


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready, as the API tells it."""
    conditions = items(pod, "status", "conditions")
    return any(text(one, "type") == "Ready" and text(one, "status") == "True" for one in conditions)


def why_not_ready(pod: Object) -> str:
    """Return why a pod is not ready, as its status tells: not placed, a container, its readiness probe.

    "" where it is ready.
    """
    if is_ready(pod):
        return ""
    for condition in items(pod, "status", "conditions"):
        if (text(condition, "type"), text(condition, "status")) == ("PodScheduled", "False"):
            return _said(condition)
    for container in (
        *items(pod, "status", "initContainerStatuses"),
        *items(pod, "status", "containerStatuses"),
    ):
        for state in ("waiting", "terminated"):
            if part(container, "ready") is not True and (told := mapping(container, "state", state)):
                return f"container {text(container, 'name')}: {_said(told)}"
    for container in items(pod, "status", "containerStatuses"):
        if part(container, "ready") is not True:
            return f"container {text(container, 'name')} runs, and its readiness probe fails"
    return text(pod, "status", "phase") or "nothing is known of it yet"


def _said(status: Object) -> str:
    return ": ".join(filter(None, (text(status, "reason"), one_line(text(status, "message")))))
