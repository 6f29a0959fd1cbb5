"""A little API server on 127.0.0.1 that answers what a test tells it to."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from hypothesis import HealthCheck, settings

from clusterdns.cluster.api import Cluster, connect
from tests.hang_ups import hang_ups_are_heard  # noqa: F401 - a fixture

Answer = tuple[int, Any]

# A machine that is busy is no fault of the code: timings belong to bench/.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

CORE = {
    "resources": [
        {"name": "namespaces", "kind": "Namespace", "namespaced": False},
        {"name": "pods", "kind": "Pod", "namespaced": True},
        {"name": "pods/exec", "kind": "PodExecOptions", "namespaced": True},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
        {"name": "services", "kind": "Service", "namespaced": True},
    ]
}


def says(status: int, message: str) -> Answer:
    """Return an answer in the API server's form for refusals."""
    return status, {"kind": "Status", "status": "Failure", "message": message}


@dataclass
class ApiServer:
    """Answers by method and path; everything else is not found."""

    url: str = ""
    answers: dict[str, Answer | Callable[[Mapping[str, list[str]], Any], Answer]] = field(
        default_factory=dict
    )
    requests: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def answer(self, method: str, target: str, body: Any) -> Answer:
        parts = urlsplit(target)
        key = f"{method} {parts.path}"
        self.requests.append((key, body))
        found = self.answers.get(key, says(404, f"{parts.path} not found"))
        return found(parse_qs(parts.query), body) if callable(found) else found


@pytest.fixture
def api_server() -> Iterator[ApiServer]:
    """An API server without objects."""
    server = ApiServer()
    server.answers["GET /api/v1"] = 200, CORE
    server.answers["GET /version"] = 200, {"gitVersion": "v1.34.4"}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, answer = server.answer(self.command, self.path, body)
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # a client comes with many connections at once

    with Server(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        before = set(threading.enumerate())
        yield server
        # Where one of many requests at once has failed, nobody has waited for the others. Without a server
        # they are made again for seconds, beside the next tests.
        for asking in set(threading.enumerate()) - before:
            if not asking.daemon:
                asking.join(5)
                assert not asking.is_alive(), f"{asking.name} outlives its test"
        http.shutdown()
        thread.join()


@pytest.fixture
def kubeconfig_file(api_server: ApiServer, tmp_path: Path) -> Path:
    """A kubeconfig for the server, with a token."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": {"server": api_server.url}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def cluster(kubeconfig_file: Path) -> Cluster:
    """The API of the server."""
    return connect(yaml.safe_load(kubeconfig_file.read_text()), 2)
