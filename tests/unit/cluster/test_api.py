from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusterdns.cluster.api import Cluster, connect
from clusterdns.errors import AdmissionRefused, ClusterError, HarnessError, PermissionMissing, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.unit.conftest import ApiServer

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns"}}
PODS = "/api/v1/namespaces/ns/pods"


def pod(name: str) -> Any:
    return {"metadata": {"name": name}}


def refusal(status: int, message: str) -> tuple[int, Any]:
    return status, {"kind": "Status", "message": message}


def test_lists_come_in_pages(api_server: ApiServer, cluster: Cluster) -> None:
    asked = []

    def page(query: Mapping[str, list[str]], _body: object) -> tuple[int, Any]:
        asked.append(query)
        page_number = query.get("continue", ["0"])[0]
        metadata = {} if page_number == "2" else {"continue": str(int(page_number) + 1)}
        return 200, {"metadata": metadata, "items": [pod(page_number)]}

    api_server.answers[f"GET {PODS}"] = page
    assert list(cluster.list("pods", namespace="ns", labels="a=b")) == [pod("0"), pod("1"), pod("2")]
    assert asked[2] == {"limit": ["500"], "labelSelector": ["a=b"], "continue": ["2"]}


def test_credentials_are_sent(api_server: ApiServer, cluster: Cluster) -> None:
    assert cluster.version() == "v1.34.4"
    assert api_server.headers[0]["authorization"] == "Bearer secret"


def test_what_is_not_there_is_none(cluster: Cluster) -> None:
    assert cluster.find("pods", "p", namespace="ns") is None


def test_a_manifest_is_created_where_it_says(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[f"POST {PODS}"] = lambda _query, body: (201, {**body, "status": {}})
    assert cluster.create(POD)["status"] == {}
    assert api_server.requests[-1] == (f"POST {PODS}", POD)


def test_deleting_what_is_gone_is_well(api_server: ApiServer, cluster: Cluster) -> None:
    cluster.delete(POD)
    assert api_server.requests[-1] == (f"DELETE {PODS}/p", {"propagationPolicy": "Background"})


def test_an_eviction_names_its_pod_and_says_what_a_budget_forbids(
    api_server: ApiServer, cluster: Cluster
) -> None:
    path = f"POST {PODS}/p/eviction"
    api_server.answers[path] = (201, {})
    cluster.evict("ns", "p")
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    api_server.answers[path] = refusal(429, message)
    with pytest.raises(ClusterError, match="pods/eviction p in namespace ns: Cannot evict pod"):
        cluster.evict("ns", "p")


def test_a_kind_nobody_knows_is_told(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="the cluster knows no Prober of v1"):
        cluster.create({**POD, "kind": "Prober"})


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (refusal(401, "Unauthorized"), ClusterError, "does not accept the credentials of context c"),
        (
            refusal(403, 'pods is forbidden: User "system:anonymous" cannot create resource "pods"'),
            ClusterError,
            "does not accept the credentials of context c",
        ),
        (
            refusal(403, 'pods is forbidden: User "me" cannot create resource "pods"'),
            PermissionMissing,
            "not allowed to create pods p in namespace ns: grant it (see manifests/rbac)",
        ),
        (
            refusal(403, 'pods "p" is forbidden: violates PodSecurity "restricted:latest"'),
            AdmissionRefused,
            'cannot create pods p in namespace ns: pods "p" is forbidden: violates PodSecurity',
        ),
        (
            refusal(422, "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no"),
            AdmissionRefused,
            "denied request: no",
        ),
        (refusal(409, 'pods "p" already exists'), ClusterError, "already exists"),
        ((500, {}), ClusterError, "HTTP status 500"),
        ((200, b"<html>"), ClusterError, "does not answer as an API server"),
    ],
)
def test_every_refusal_is_one_of_our_errors(
    api_server: ApiServer, cluster: Cluster, answer: Any, error: type[HarnessError], message: str
) -> None:
    api_server.answers[f"POST {PODS}"] = answer
    with pytest.raises(error) as caught:
        cluster.create(POD)
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_exec_that_is_refused_says_why(api_server: ApiServer, cluster: Cluster) -> None:
    api_server.answers[f"GET {PODS}/p/exec"] = refusal(404, 'pods "p" not found')
    with pytest.raises(ClusterError, match='cannot start pods/exec p in namespace ns: pods "p" not found'):
        cluster.exec("ns", "p", "c", ["true"])


@pytest.fixture
def unreachable(kubeconfig_file: Path) -> Callable[[str], Cluster]:
    """Return the cluster of a server that does not answer."""

    def unreachable(server: str) -> Cluster:
        config = yaml.safe_load(kubeconfig_file.read_text())
        config["clusters"][0]["cluster"]["server"] = server
        kubeconfig_file.write_text(yaml.safe_dump(config))
        return connect(yaml.safe_load(kubeconfig_file.read_text()), 0.3)

    return unreachable


def reach(cluster: Cluster) -> str:
    """Return what is said of a cluster that can be reached neither by a request nor by exec."""
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"cannot reach the API server .* of context c: "):
        cluster.exec("ns", "p", "c", ["true"])
    with pytest.raises(ClusterError, match=r"cannot reach the API server .* of context c: ") as caught:
        cluster.version()
    assert time.monotonic() - started < 5
    return str(caught.value)


def test_a_server_that_is_not_there_is_told(unreachable: Callable[[str], Cluster]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "Connection refused" in reach(unreachable(f"http://127.0.0.1:{unused.getsockname()[1]}"))


def test_a_server_that_does_not_speak_tls_is_told(
    unreachable: Callable[[str], Cluster], api_server: ApiServer
) -> None:
    address = api_server.url.partition("//")[2]
    assert "TLS failed: [SSL: " in reach(unreachable(f"https://{address}"))


def test_a_server_that_says_nothing_is_told_in_time(unreachable: Callable[[str], Cluster]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in reach(unreachable(f"https://127.0.0.1:{silent.getsockname()[1]}"))


def test_a_server_whose_name_is_not_known_is_told(unreachable: Callable[[str], Cluster]) -> None:
    assert "no.such.host.invalid" in reach(unreachable("http://no.such.host.invalid"))


def test_a_context_that_makes_no_client_is_told(kubeconfig_file: Path) -> None:
    config = yaml.safe_load(kubeconfig_file.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    config["users"][0]["user"] = {"client-certificate-data": "x", "client-key-data": "y"}
    kubeconfig_file.write_text(yaml.safe_dump(config))
    with pytest.raises(UsageError, match="--kube-context: 'c' cannot be used"):
        connect(yaml.safe_load(kubeconfig_file.read_text()), 1)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "c4n4ry", "client-key-data": "c4n4ry"},
        {"token": "c4n4ry", "client-certificate-data": "!c4n4ry"},
    ],
)
def test_what_the_client_cannot_use_is_not_quoted(kubeconfig_file: Path, user: dict[str, Any]) -> None:
    config = yaml.safe_load(kubeconfig_file.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    config["users"][0]["user"] = user
    kubeconfig_file.write_text(yaml.safe_dump(config))
    with pytest.raises((UsageError, ClusterError)) as caught:
        connect(yaml.safe_load(kubeconfig_file.read_text()), 0.3).version()
    assert "c4n4ry" not in str(caught.value)


def test_a_token_that_no_header_can_hold_is_not_quoted(kubeconfig_file: Path) -> None:
    config = yaml.safe_load(kubeconfig_file.read_text())
    config["users"][0]["user"] = {"token": "c4n4ry\x00é"}
    kubeconfig_file.write_text(yaml.safe_dump(config))
    with pytest.raises(ClusterError, match="the token of context c is none") as caught:
        connect(yaml.safe_load(kubeconfig_file.read_text()), 0.3).version()
    assert "c4n4ry" not in str(caught.value)
