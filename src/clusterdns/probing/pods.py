"""The client of the agent: probe pods, and operations run in them over exec.

An operation is one file of `agent/`. It reads one JSON line, its request, answers in JSON
lines, and says {"done": true} last; {"error": "..."} says why it cannot go on.
"""

import base64
import contextlib
import copy
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.containers import one_line, why_not_started
from clusterdns.cluster.exec import ExecSession
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import ConnectionLost, DeadlineExceeded, HarnessError, ProbeError
from clusterdns.parallel import in_parallel
from clusterdns.probing.losses import Losses
from clusterdns.probing.operations import Answer, Operation

AGENT = Path(__file__).parent / "agent"
AGENT_CONFIGMAP = "clusterdns-agent"  # as manifests/probe/*.yaml mount it

_AGENT_MOUNT = "/opt/clusterdns"
_SHARED = re.compile(r"^from (_[a-z]\w*) import", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProbePod:
    """A pod that operations run in: one of ours that is ready, or a server's with a debug container."""

    namespace: str
    name: str
    node: str
    ip: str

    @classmethod
    def of(cls, pod: Object) -> Self:
        """Return a pod as the API tells it, which runs."""
        metadata = pod["metadata"]
        return cls(metadata["namespace"], metadata["name"], pod["spec"]["nodeName"], pod["status"]["podIP"])


class Prober:
    """Makes probe pods and runs operations in them."""

    def __init__(self, cluster: Cluster, *, ready_timeout: float, agent_timeout: float) -> None:
        """Make nothing yet.

        Args:
            cluster: to probe.
            ready_timeout: seconds for pods to become ready.
            agent_timeout: seconds of silence after which an operation is given up.
        """
        self._cluster = cluster
        self._losses = Losses(cluster)
        self._ready_timeout = ready_timeout
        self._agent_timeout = agent_timeout

    @property
    def lost(self) -> Mapping[str, str]:
        """Node -> why nothing is asked there any more; grows while a run goes on."""
        return self._losses.why

    def start(self, manifests: Sequence[Mapping[str, Any]]) -> list[ProbePod | HarnessError]:
        """Create pods from their manifests and wait until each is ready or cannot become so.

        Returns:
            In order, the pod, or why there is none: a ProbeError, e.g. where its image cannot be pulled, or
            a DeadlineExceeded where it did not become ready in time.

        Raises:
            AdmissionRefused: a policy does not let a pod in.
        """
        in_parallel(self._cluster.create, manifests)
        wanted = [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in manifests]

        started: list[ProbePod | HarnessError | NotYet] = []

        def look() -> None:
            found = {
                (namespace, pod["metadata"]["name"]): pod
                for namespace in {namespace for namespace, _ in wanted}
                for pod in self._cluster.list("pods", namespace=namespace)
            }
            started[:] = [_state(found.get(key), "/".join(key)) for key in wanted]
            for waiting in started:
                if isinstance(waiting, NotYet):
                    raise waiting

        with contextlib.suppress(DeadlineExceeded):  # told pod by pod
            wait_until(look, what="probe pods", timeout=self._ready_timeout)
        return [
            self._late(key, state) if isinstance(state, NotYet) else state
            for key, state in zip(wanted, started, strict=True)
        ]

    def _late(self, key: tuple[str, str], state: NotYet) -> DeadlineExceeded:
        waited = f"probe pods: not within {self._ready_timeout:g} s; last seen: {state}"
        return DeadlineExceeded(f"{waited}; {self._trouble(*key)}")

    def _trouble(self, namespace: str, name: str) -> str:
        """Return the latest warning about a pod: what the scheduler or a kubelet stumbled over."""
        fields = f"type=Warning,involvedObject.name={name}"
        events = list(self._cluster.list("events", namespace=namespace, fields=fields))
        if not events:
            return "no event says why"
        last = max(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime")))
        return one_line(f"{last['reason']} of {last['involvedObject']['name']}: {last['message']}")

    def open(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str = "probe"
    ) -> Operation:
        """Start an operation (a file name of `agent/`, without its ending) and send it its request.

        Raises:
            NodeLost: the pod has gone away since it was made, or its node; so does the operation then.
        """
        self._losses.refuse(pod.node)
        argv = ["python3", f"{_AGENT_MOUNT}/{operation}.py"]
        explaining = partial(self._losses.explaining, pod.namespace, pod.name, pod.node, container)
        with explaining():
            session = self._start(pod, container, argv, request)
        return Operation(session, _what(operation, pod), self._agent_timeout, explaining)

    def open_unmounted(
        self, pod: ProbePod, operation: str, request: Mapping[str, Any], container: str
    ) -> Operation:
        """As `open`, in a container of somebody else's pod, where the agent's files are not mounted."""
        session = self._start(pod, container, ["python3", "-c", _program(operation)], request)
        return Operation(session, _what(operation, pod), self._agent_timeout)

    def _start(
        self, pod: ProbePod, container: str, argv: Sequence[str], request: Mapping[str, Any]
    ) -> ExecSession:
        session = self._cluster.exec(pod.namespace, pod.name, container, argv)
        try:
            session.write_line(json.dumps(request))
        except HarnessError:
            session.close()
            raise
        return session

    def run(
        self,
        pod: ProbePod,
        operation: str,
        request: Mapping[str, Any],
        container: str = "probe",
        *,
        repeatable: bool = False,
    ) -> list[Answer]:
        """Run an operation to its end and return its answers.

        Args:
            pod: Where.
            operation: A file name of `agent/`, without its ending.
            request: What it is asked.
            container: Of the pod.
            repeatable: Whether it does no harm, and no measurement any, to run it again from its
                beginning where the connection broke off: it is, once.

        Raises:
            ProbeError: it failed, or fell silent; NodeLost where that is why.
        """

        def run() -> list[Answer]:
            with self.open(pod, operation, request, container) as running:
                return running.collect()

        try:
            return run()
        except ConnectionLost:
            if not repeatable:
                raise
            return run()


def _what(operation: str, pod: ProbePod) -> str:
    return f"{operation} in pod {pod.name} on node {pod.node}"


def _program(operation: str) -> str:
    """Return an operation and what it imports as one program that can be an argument."""
    *shared, own = (
        (name, base64.b64encode(zlib.compress((AGENT / f"{name}.py").read_bytes())).decode())
        for name in _needed(operation)
    )
    modules = "".join(
        f"m=sys.modules['{name}']=types.ModuleType('{name}');exec(u('{code}'),m.__dict__);"
        for name, code in shared
    )
    return (
        "import sys,types,zlib,base64;u=lambda s:zlib.decompress(base64.b64decode(s));"
        f"{modules}exec(u('{own[1]}'))"
    )


def _needed(name: str) -> list[str]:
    """Return a file of the agent and the shared ones that it imports, those that others need first."""
    imported = _SHARED.findall((AGENT / f"{name}.py").read_text(encoding="utf-8"))
    return list(dict.fromkeys([needed for one in imported for needed in _needed(one)] + [name]))


def agent_configmap() -> Object:
    """Return the manifest of the ConfigMap that puts the agent's files into pods."""
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(AGENT.glob("*.py"))}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": AGENT_CONFIGMAP}, "data": files}


def on_node(template: Mapping[str, Any], node: str, image: str, name: str) -> Object:
    """Return a pod template of manifests/probe/ made out for a node.

    Args:
        template: of a pod.
        node: its name. The scheduler places the pod, as a DaemonSet's, so that the node
            may still refuse it.
        image: for every container.
        name: of the pod.
    """
    pod: Object = copy.deepcopy(dict(template))
    pod["metadata"] = {**pod["metadata"], "name": name}
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    pod["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    for container in pod["spec"]["containers"]:
        container["image"] = image
    return pod


def _state(pod: Object | None, name: str) -> ProbePod | HarnessError | NotYet:
    """Return a pod that is ready, else why it is not, or not yet."""
    try:
        return _ready(pod, name)
    except (HarnessError, NotYet) as reason:
        return reason


def _ready(pod: Object | None, name: str) -> ProbePod:
    """Return a pod as seen in a look at it.

    Raises:
        NotYet: it may still become ready.
        ProbeError: it cannot.
    """
    if pod is None:
        raise ProbeError(f"probe pod {name} was removed by somebody else: run again")
    spec, status = pod["spec"], pod.get("status", {})
    node = spec.get("nodeName", "no node")
    for container in status.get("containerStatuses", ()):
        if trouble := why_not_started(container, node):
            raise ProbeError(f"probe pod {name}: {trouble}")
    if status.get("phase") in ("Failed", "Succeeded"):
        raise ProbeError(f"probe pod {name} ended on node {node}: {status.get('message', status['phase'])}")
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    if conditions.get("Ready", {}).get("status") == "True" and status.get("podIP"):
        return ProbePod.of(pod)
    unmet = (condition.get("message") for condition in conditions.values() if condition["status"] != "True")
    reason = next((one_line(message) for message in unmet if message), "no message")
    raise NotYet(f"pod {name} on {node} is {status.get('phase', 'unknown')} ({reason})")
