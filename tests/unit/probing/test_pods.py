from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.cluster.waiting import NotYet
from clusterdns.errors import AdmissionRefused, DeadlineExceeded, ProbeError
from clusterdns.probing import pods
from clusterdns.probing.operations import Operation
from clusterdns.probing.pods import ProbePod, Prober, agent_configmap, on_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

MANIFESTS = Path(__file__).parents[3] / "manifests" / "probe"
PODS = "/api/v1/namespaces/ns/pods"
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns"}}


class FakeSession:
    """Answers with lines, then ends with a status."""

    def __init__(self, *lines: str, status: int = 0, stderr: str = "") -> None:
        self.lines: list[str | None] = list(lines)
        self.status = status
        self.stderr = stderr
        self.sent: list[str] = []
        self.closed = False

    def read_line(self, timeout: float) -> str | None:
        assert timeout == 7
        return self.lines.pop(0) if self.lines else None

    def returncode(self, timeout: float) -> int:
        assert timeout == 7
        return self.status

    def write_line(self, text: str) -> None:
        self.sent.append(text)

    def close(self) -> None:
        self.closed = True


def operation(session: FakeSession) -> Operation:
    return Operation(session, "send in pod p on node n", 7)  # type: ignore[arg-type]


def collect(running: Operation) -> object:
    return running.collect()


def ready(running: Operation) -> None:
    running.ready()


def test_answers_are_collected_up_to_done() -> None:
    assert operation(FakeSession('{"a": 1}', '{"b": 2}', '{"done": true}')).collect() == [{"a": 1}, {"b": 2}]


def test_a_streaming_operation_is_ready_then_stopped() -> None:
    session = FakeSession('{"ready": true}', '{"packets": 3}', '{"done": true}')
    with operation(session) as running:
        running.ready()
        running.stop()
        assert running.collect() == [{"packets": 3}]
    assert session.sent == ['{"stop": true}']
    assert session.closed


@pytest.mark.parametrize(
    ("session", "act", "message"),
    [
        (FakeSession(), collect, "ended with status 0 before it was done: nothing on standard error"),
        (FakeSession('{"a": 1}'), collect, "ended with status 0 before it was done"),
        (
            FakeSession(status=1, stderr="Trace\nKeyError: 'x'"),
            collect,
            "with status 1 before .*: KeyError: 'x'",
        ),
        (FakeSession('{"error": "no NET_RAW"}'), collect, "send in pod p on node n: no NET_RAW"),
        (FakeSession("Segmentation fault"), collect, "answered with no JSON: 'Segmentation fault'"),
        (FakeSession('{"done": true}', status=3), collect, "ended with status 3: no message"),
        (FakeSession('{"packets": 1}'), ready, "before it was ready"),
        (FakeSession(), ready, "before it was done"),
    ],
)
def test_an_operation_that_does_not_do_its_part_is_an_error(
    session: FakeSession, act: Callable[[Operation], object], message: str
) -> None:
    with pytest.raises(ProbeError, match=message):
        act(operation(session))


def test_the_agents_files_go_into_one_config_map() -> None:
    files = agent_configmap()["data"]
    assert set(files) == {path.name for path in pods.AGENT.glob("*.py")}


@pytest.mark.parametrize("operation", ["watch", "load"])
def test_an_operation_runs_as_one_program_without_its_files(operation: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", pods._program(operation)],
        input="no JSON",
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout)["error"].startswith("JSONDecodeError"), done.stderr


@pytest.mark.parametrize("name", ["probe", "capture"])
def test_templates_are_made_out_for_a_node(name: str) -> None:
    template = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text())
    before = yaml.safe_dump(template)
    pod = on_node(template, "node-1", "image:1", f"{name}-0")
    assert yaml.safe_dump(template) == before
    assert pod["metadata"]["name"] == f"{name}-0"
    assert {container["image"] for container in pod["spec"]["containers"]} == {"image:1"}
    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchFields"][0]["values"] == ["node-1"]


def test_probe_containers_keep_to_pod_security_restricted() -> None:
    # kubernetes.io/docs/concepts/security/pod-security-standards/
    pod = yaml.safe_load((MANIFESTS / "probe.yaml").read_text())["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(set(volume) == {"name", "configMap"} for volume in pod["volumes"])


def test_capture_containers_have_net_raw_and_nothing_else() -> None:
    pod = yaml.safe_load((MANIFESTS / "capture.yaml").read_text())["spec"]
    probe, capture = pod["containers"]
    assert capture["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}
    assert probe["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


def seen(*, ready: bool = False, waiting: dict[str, str] | None = None, **status: Any) -> dict[str, Any]:
    """Return a pod as the API server shows it."""
    condition = {"type": "Ready", "status": str(ready), "message": "containers with unready status: [probe]"}
    containers = [
        {"name": "probe", "image": "image:1", "state": {"waiting": waiting} if waiting else {"running": {}}}
    ]
    return {
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": "Pending", "conditions": [condition], "containerStatuses": containers, **status},
    }


def listed(*items: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"metadata": {}, "items": list(items)}


@pytest.fixture
def prober(api_server: ApiServer, cluster: Cluster) -> Prober:
    api_server.answers[f"POST {PODS}"] = lambda _query, body: (201, body)
    api_server.answers["GET /api/v1/namespaces/ns/events"] = listed()
    return Prober(cluster, ready_timeout=0.5, agent_timeout=7)


def test_pods_are_returned_when_all_are_ready(api_server: ApiServer, prober: Prober) -> None:
    looks = [seen(waiting={"reason": "ContainerCreating"}), seen(ready=True, podIP="10.0.0.1")]
    api_server.answers[f"GET {PODS}"] = lambda _query, _body: listed(looks.pop(0))
    assert prober.start([MANIFEST]) == [ProbePod("ns", "p", "node-1", "10.0.0.1")]


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (
            seen(waiting={"reason": "ErrImagePull", "message": "no such\nhost"}),
            r"node node-1 cannot pull image image:1 \(ErrImagePull: no such host\): choose .* --image-repo",
        ),
        (seen(waiting={"reason": "ErrImageNeverPull"}), "cannot pull image image:1"),
        (seen(waiting={"reason": "CrashLoopBackOff"}), "cannot start on node node-1: CrashLoopBackOff"),
        (seen(phase="Failed", message="evicted"), "ended on node node-1: evicted"),
    ],
)
def test_what_no_waiting_mends_is_told_at_once(
    api_server: ApiServer, prober: Prober, pod: dict[str, Any], message: str
) -> None:
    api_server.answers[f"GET {PODS}"] = listed(pod)
    (error,) = prober.start([MANIFEST])
    assert isinstance(error, ProbeError)
    assert re.search(message, str(error))


def test_a_pod_that_somebody_removed_is_told(api_server: ApiServer, prober: Prober) -> None:
    api_server.answers[f"GET {PODS}"] = listed()
    (error,) = prober.start([MANIFEST])
    assert isinstance(error, ProbeError)
    assert "was removed by somebody else" in str(error)


def test_a_deadline_tells_the_state_and_the_latest_warning(api_server: ApiServer, prober: Prober) -> None:
    api_server.answers[f"GET {PODS}"] = listed(seen())
    api_server.answers["GET /api/v1/namespaces/ns/events"] = listed(
        {
            "metadata": {},
            "lastTimestamp": "2026-01-01T00:00:02Z",
            "reason": "FailedMount",
            "message": "b",
            "involvedObject": {"name": "p"},
        },
        {
            "metadata": {},
            "lastTimestamp": "2026-01-01T00:00:01Z",
            "reason": "Other",
            "message": "a",
            "involvedObject": {"name": "p"},
        },
    )
    (error,) = prober.start([MANIFEST])
    assert isinstance(error, DeadlineExceeded)
    assert re.search(r"ns/p on node-1 is Pending \(.*\); FailedMount of p: b$", str(error))


def test_a_refused_pod_is_told_apart(api_server: ApiServer, prober: Prober) -> None:
    message = 'pods "p" is forbidden: violates PodSecurity "baseline:latest"'
    api_server.answers[f"POST {PODS}"] = 403, {"message": message}
    with pytest.raises(AdmissionRefused, match="violates PodSecurity"):
        prober.start([MANIFEST])


def test_not_yet_is_not_an_error_of_ours() -> None:
    with pytest.raises(NotYet, match="is Pending"):
        pods._ready(seen(), "ns/p")
