"""A Prometheus of the cluster: where it is, and what it says it scrapes.

It is asked through the API server's proxy, or straight at a URL.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError, SSLError

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.http import arriving, bounded, cause
from clusterdns.errors import ClusterError, HarnessError, UsageError
from clusterdns.files import read_bounded
from clusterdns.formats.targets import TargetsError, read_targets
from clusterdns.model.scraping import Target

_WEB_PORTS = ("web", "http-web", "http", "https", "web-https")
_WEB_NUMBER = 9090
# Labels of the Services that prometheus-operator, kube-prometheus and the Helm charts make.
_LABELS = ("operated-prometheus=true", "app.kubernetes.io/name=prometheus", "app=prometheus")
_LARGEST = 1 << 20  # bytes of the file with the header's value
_REDIRECT, _UNAUTHORIZED, _FORBIDDEN = 300, 401, 403

Ask = Callable[[str, Mapping[str, str | None]], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """A Prometheus that can be asked.

    Attributes:
        name: Where it is, for messages.
        ask: Path below its root, query -> the answer in pieces.
    """

    name: str
    ask: Ask

    def targets(self) -> Iterator[Target]:
        """Yield what it scrapes.

        Raises:
            ClusterError: it cannot be reached, wants credentials, or is no Prometheus.
            DeadlineExceeded: it is too slow.
        """
        try:
            yield from read_targets(self.ask("/api/v1/targets", {"state": "active"}))
        except TargetsError as error:
            raise ClusterError(
                f"{self.name} does not answer as a Prometheus does: {error}; check its URL, path included"
            ) from None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return what an instant query gives: labels and value of each series.

        Raises:
            ClusterError, DeadlineExceeded: as `targets`.
        """
        text = b"".join(self.ask("/api/v1/query", {"query": expression}))
        try:
            found = json.loads(text)["data"]["result"]
            return [(one["metric"], float(one["value"][1])) for one in found]
        except (ValueError, KeyError, TypeError, IndexError):
            raise ClusterError(f"{self.name} does not answer queries as a Prometheus does") from None


def in_cluster(cluster: Cluster, seconds: float, service: str | None = None) -> list[PrometheusServer]:
    """Return every Prometheus with a Service, asked through the API server.

    Args:
        cluster: to look in.
        seconds: for each answer to be whole.
        service: "namespace/name" or "namespace/name:port" of the one to ask; None looks for them by label.

    Raises:
        ClusterError: the named Service is not there.
    """
    if service is not None:
        namespace, _, rest = service.partition("/")
        name, _, port = rest.partition(":")
        found = next(cluster.list("services", namespace=namespace, fields=f"metadata.name={name}"), None)
        if found is None:
            raise ClusterError(f"no Service {namespace}/{name}: check --prometheus-service")
        return [_server(cluster, found, seconds, port)]
    services: dict[str, Object] = {}
    for labels in _LABELS:
        for one in cluster.list("services", labels=labels):
            # One Prometheus may have several Services: the operator's and the chart's.
            pods = json.dumps([one["metadata"]["namespace"], one["spec"].get("selector")], sort_keys=True)
            if _port(one) is not None:
                services.setdefault(pods, one)
    return [_server(cluster, one, seconds) for one in services.values()]


def _authorization(file: Path) -> str:
    """Return the value of the header in a file; what is wrong with it is told without quoting it."""
    value = read_bounded(file, _LARGEST).strip()
    if not value.isascii() or not value.decode("ascii", "replace").isprintable():  # urllib3 would quote it
        raise UsageError(f"{file}: no value of an Authorization header: one line of visible characters")
    return value.decode()


def at_url(
    url: str, seconds: float, *, auth_file: Path | None = None, ca_file: Path | None = None
) -> PrometheusServer:
    """Return the Prometheus at a URL.

    Args:
        url: of its root, e.g. "https://prometheus.example/prefix".
        seconds: for each answer to be whole.
        auth_file: whose one line is the Authorization header's value.
        ca_file: certificates of those who may sign its own.

    Raises:
        UsageError: a file cannot be read, or no header can hold what is in it.
    """
    headers = {"accept": "application/json"}
    try:
        if auth_file is not None:
            headers["authorization"] = _authorization(auth_file)
        pool = bounded(urllib3.PoolManager(ca_certs=str(ca_file) if ca_file else None))
        if ca_file is not None:
            ca_file.open("rb").close()
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    name = f"the Prometheus at {url}"

    def send(path: str, query: Mapping[str, str | None]) -> urllib3.BaseHTTPResponse:
        given = urlencode({name: value for name, value in query.items() if value is not None})
        try:
            return pool.request(
                "GET",
                f"{url.rstrip('/')}{path}?{given}",
                headers=headers,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except ReadTimeoutError:
            raise
        except (HTTPError, OSError) as error:
            todo = "name its CA with --prometheus-ca" if _is_tls(error) else "check --prometheus-url"
            raise ClusterError(f"cannot reach {name}: {cause(error)}; {todo}") from None

    def ask(path: str, query: Mapping[str, str | None]) -> Iterator[bytes]:
        return arriving(partial(send, path, query), partial(_refused, name), name, seconds)

    return PrometheusServer(name, ask)


def _refused(name: str, status: int, body: bytes) -> HarnessError:
    if status in (_UNAUTHORIZED, _FORBIDDEN):
        return ClusterError(
            f"{name} wants credentials (HTTP {status}): put the Authorization header's value, "
            'e.g. "Bearer TOKEN", into a file and give it with --prometheus-auth-file'
        )
    if _REDIRECT <= status < _UNAUTHORIZED - 1:
        return ClusterError(
            f"{name} sends us elsewhere (HTTP {status}), to a login perhaps: give the URL behind it"
        )
    said = " ".join(body.decode("utf-8", "replace").split())[:200]
    return ClusterError(f"{name} answers HTTP {status}: {said or 'nothing'}")


def _server(cluster: Cluster, service: Object, seconds: float, port: str = "") -> PrometheusServer:
    namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
    found = _port(service) or {"port": _WEB_NUMBER}
    number = port or str(found["port"])
    scheme = "https:" if "https" in (found.get("name"), found.get("appProtocol")) else ""
    root = f"/api/v1/namespaces/{namespace}/services/{scheme}{name}:{number}/proxy"
    title = f"the Prometheus behind Service {namespace}/{name}"

    def ask(path: str, query: Mapping[str, str | None]) -> Iterator[bytes]:
        return cluster.chunks(f"{root}{path}", query, seconds=seconds, what=title)

    return PrometheusServer(title, ask)


def _port(service: Object) -> Object | None:
    ports = service["spec"].get("ports") or []
    named = [port for port in ports if port.get("name") in _WEB_PORTS]
    return next(iter(named or [port for port in ports if port["port"] == _WEB_NUMBER]), None)


def _is_tls(error: BaseException) -> bool:
    return isinstance(error, SSLError) or any(
        isinstance(argument, BaseException) and _is_tls(argument) for argument in error.args
    )
