from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clusterdns.cluster.prometheus import at_url, in_cluster
from clusterdns.errors import ClusterError, DeadlineExceeded, UsageError
from tests.unit.conftest import says

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clusterdns.cluster.api import Cluster
    from tests.unit.conftest import ApiServer

TARGETS = "GET /api/v1/targets"
PROXY = "/api/v1/namespaces/monitoring/services/prometheus-operated:9090/proxy"


def answer(*addresses: str) -> bytes:
    targets = [{"scrapePool": "p", "scrapeUrl": f"http://{one}/metrics", "health": "up"} for one in addresses]
    return json.dumps({"data": {"activeTargets": targets}}, separators=(",", ":")).encode()


def service(name: str, *ports: dict[str, Any], **selector: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "monitoring"},
        "spec": {"ports": list(ports), "selector": selector},
    }


def test_targets_are_read_at_a_url_with_credentials(api_server: ApiServer, tmp_path: Path) -> None:
    secret = tmp_path / "auth"
    secret.write_text("Bearer hush\n")
    api_server.answers["GET /prefix/api/v1/targets"] = 200, answer("10.0.0.1:9253")
    found = list(at_url(f"{api_server.url}/prefix/", 5, auth_file=secret).targets())
    assert [(one.host, one.port) for one in found] == [("10.0.0.1", 9253)]
    assert api_server.headers[-1]["authorization"] == "Bearer hush"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "wants credentials .HTTP 401.: .* --prometheus-auth-file"),
        (403, b"", "wants credentials"),
        (302, b"", "sends us elsewhere .HTTP 302., to a login perhaps"),
        (503, b"no healthy upstream", "answers HTTP 503: no healthy upstream"),
        (200, b"<html>please log in</html>", "does not answer as a Prometheus does: .*please log in"),
        (200, answer("10.0.0.1:9253")[:-20], "breaks off"),
    ],
)
def test_what_is_no_list_of_targets_is_one_clear_line(
    api_server: ApiServer, status: int, body: bytes, words: str
) -> None:
    api_server.answers[TARGETS] = status, body
    with pytest.raises(ClusterError, match=words) as caught:
        list(at_url(api_server.url, 5).targets())
    assert "\n" not in str(caught.value)


def test_an_unreachable_one_says_so_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ClusterError, match=r"cannot reach the Prometheus at .*refused"):
        list(at_url(f"http://127.0.0.1:{port}", 5).targets())


def test_plain_text_where_tls_is_wanted_names_the_flag(api_server: ApiServer) -> None:
    with pytest.raises(ClusterError, match="--prometheus-ca"):
        list(at_url(api_server.url.replace("http:", "https:"), 5).targets())


def test_a_slow_one_is_given_up(api_server: ApiServer) -> None:
    def slow(_query: Mapping[str, list[str]], _body: Any) -> tuple[int, bytes]:
        time.sleep(0.3)
        return 200, answer("10.0.0.1:9253")

    api_server.answers[TARGETS] = slow
    with pytest.raises(DeadlineExceeded, match=r"did not answer whole within 0\.2 s"):
        list(at_url(api_server.url, 0.2).targets())


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("auth_file", "ca_file"):
        with pytest.raises(UsageError, match="No such file"):
            at_url("https://prometheus.example", 5, **{name: tmp_path / "none"})


@pytest.mark.parametrize("content", ["Bearer c4n4ry\nX: c4n4ry", "Bearer c4n4ry\0", "Bearer c4n4ryé"])
def test_what_no_header_can_hold_is_not_quoted(tmp_path: Path, content: str) -> None:
    file = tmp_path / "auth"
    file.write_text(content)
    with pytest.raises(UsageError, match="no value of an Authorization header") as caught:
        at_url("https://prometheus.example", 5, auth_file=file)
    assert "c4n4ry" not in str(caught.value)


def test_an_endless_file_holds_no_header() -> None:
    with pytest.raises(UsageError, match="/dev/zero: File too large"):
        at_url("https://prometheus.example", 5, auth_file=Path("/dev/zero"))


def test_a_prometheus_is_found_by_label_once_and_asked_through_the_api_server(
    api_server: ApiServer, cluster: Cluster
) -> None:
    pods = {"app.kubernetes.io/name": "prometheus"}
    web = {"name": "web", "port": 9090}
    found = {
        "operated-prometheus=true": [service("prometheus-operated", web, **pods)],
        "app.kubernetes.io/name=prometheus": [
            service("chart", web, **pods),
            service("node-exporter", {"name": "metrics", "port": 9100}),
        ],
    }

    def services(query: Mapping[str, list[str]], _body: Any) -> tuple[int, Any]:
        return 200, {"metadata": {}, "items": found.get(query["labelSelector"][0], [])}

    api_server.answers["GET /api/v1/services"] = services
    api_server.answers[f"GET {PROXY}/api/v1/targets"] = 200, answer("10.0.0.1:9253")
    api_server.answers[f"GET {PROXY}/api/v1/query"] = (
        200,
        {"data": {"result": [{"metric": {"job": "a"}, "value": [1, "5"]}]}},
    )
    (server,) = in_cluster(cluster, 5)
    assert server.name == "the Prometheus behind Service monitoring/prometheus-operated"
    assert [one.host for one in server.targets()] == ["10.0.0.1"]
    assert server.query("up") == [({"job": "a"}, 5.0)]


def test_a_named_service_may_have_another_port_and_tls(api_server: ApiServer, cluster: Cluster) -> None:
    root = "/api/v1/namespaces/monitoring/services"
    web = {"name": "https", "port": 443}

    def named(query: Any, _body: object) -> tuple[int, Any]:
        asked = query["fieldSelector"]
        items = [service("mine", web)] if "metadata.name=mine" in (asked, *asked) else []
        return 200, {"metadata": {}, "items": items}

    api_server.answers[f"GET {root}"] = named
    api_server.answers[f"GET {root}/https:mine:443/proxy/api/v1/targets"] = 200, answer("10.0.0.2:1")
    api_server.answers[f"GET {root}/https:mine:8443/proxy/api/v1/targets"] = says(502, "bad gateway")
    assert [one.host for one in in_cluster(cluster, 5, "monitoring/mine")[0].targets()] == ["10.0.0.2"]
    with pytest.raises(ClusterError, match="bad gateway"):
        list(in_cluster(cluster, 5, "monitoring/mine:8443")[0].targets())
    with pytest.raises(ClusterError, match="check --prometheus-service"):
        in_cluster(cluster, 5, "monitoring/other")
