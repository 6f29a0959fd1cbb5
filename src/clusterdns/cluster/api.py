"""The only door to the Kubernetes API.

Objects are plain dicts as the API server sends them: the client's typed models cost more
time and memory than all the rest of reading a large cluster. The client does what is
hard to do well: credentials, TLS and proxies out of a kubeconfig.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import kubernetes.client
import kubernetes.config
import urllib3
import websocket
from urllib3.exceptions import HTTPError, ReadTimeoutError

from clusterdns.cluster.exec import ExecSession, open_session
from clusterdns.cluster.http import arriving, cause
from clusterdns.errors import AdmissionRefused, ClusterError, PermissionMissing, UsageError
from clusterdns.parallel import WORKERS

Object = dict[str, Any]

NAMESPACE = "kube-system"
"""Where a cluster's DNS is."""

_DENIED = re.compile("denied (the )?request")

_PAGE = 500  # objects per list call: the API server's own clients use it


class Cluster:
    """A cluster behind one context of a kubeconfig.

    Every method raises ClusterError (unreachable, refused, gone), PermissionMissing
    (not allowed) or AdmissionRefused (a policy says no), and nothing of the client's.
    """

    def __init__(self, client: kubernetes.client.ApiClient, context: str, timeout: float) -> None:
        self._configuration = client.configuration
        self._pool: urllib3.PoolManager = client.rest_client.pool_manager
        self._timeout = timeout
        self._resources: dict[str, Sequence[Object]] = {}
        self.context = context
        self.host: str = client.configuration.host

    def version(self) -> str:
        """Return the API server's version, e.g. "v1.34.4"."""
        return str(self._request("get", "/version", "the API server's version")["gitVersion"])

    def list(  # noqa: PLR0913 - all that a list call can narrow
        self,
        resource: str,
        *,
        api: str = "v1",
        namespace: str | None = None,
        labels: str | None = None,
        fields: str | None = None,
        missing_ok: bool = False,
    ) -> Iterator[Object]:
        """Yield every object of a resource ("pods"), of one namespace or all, in pages.

        With `missing_ok` there are none where the cluster does not know the resource.
        """
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        while True:
            page = self._request(
                "list",
                _path(api, resource, namespace),
                _what(resource, namespace),
                query=query,
                missing_ok=missing_ok,
            )
            if not page:
                return
            yield from page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    def served(self, group: str) -> tuple[str, ...]:
        """Return the versions that an API group is served in, e.g. ("v1",); none where there is no such."""
        found = self._request("get", f"/apis/{quote(group)}", f"the API group {group}", missing_ok=True)
        return tuple(version["version"] for version in found.get("versions", ()))

    def find(
        self, resource: str, name: str, *, api: str = "v1", namespace: str | None = None
    ) -> Object | None:
        """Return one object, None where there is none of that name."""
        path = f"{_path(api, resource, namespace)}/{quote(name)}"
        return self._request("get", path, _what(resource, namespace, name), missing_ok=True) or None

    def get(self, resource: str, name: str, *, api: str = "v1", namespace: str | None = None) -> Object:
        """Return one object that should be there."""
        path = f"{_path(api, resource, namespace)}/{quote(name)}"
        return self._request("get", path, _what(resource, namespace, name))

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Create an object from its manifest, which names its own namespace; return it as created."""
        path, what = self._locate(manifest)
        return self._request("create", path, what, body=manifest)

    def knows(self, api: str, kind: str) -> bool:
        """Return whether the cluster knows a kind of objects, e.g. of an operator that may be installed."""
        return any(resource["kind"] == kind for resource in self._resources_of(api))

    def exists(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether the object of a manifest is there."""
        path, what = self._locate(manifest)
        return bool(self._request("get", _named(path, manifest), what, missing_ok=True))

    def delete(self, manifest: Mapping[str, Any], *, owned_first: bool = False) -> None:
        """Begin to delete the object of a manifest, with all that it owns; none there is well, too.

        Args:
            manifest: with the object's name.
            owned_first: the object goes when all that it owns is gone, e.g. a Deployment's pods.
        """
        path, what = self._locate(manifest)
        policy = {"propagationPolicy": "Foreground" if owned_first else "Background"}
        self._request("delete", _named(path, manifest), what, body=policy, missing_ok=True)

    def evict(self, namespace: str, pod: str) -> None:
        """Begin to evict a pod, if its disruption budgets allow that just now.

        Raises:
            ClusterError: a budget does not allow it; the message is the API server's.
        """
        path = f"{_path('v1', 'pods', namespace)}/{quote(pod)}/eviction"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        self._request("create", path, _what("pods/eviction", namespace, pod), body=eviction)

    def patch(  # noqa: PLR0913 - all that a patch is made of
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str,
        subresource: str = "",
        *,
        api: str = "v1",
    ) -> Object:
        """Merge a patch into an object, or into its subresource; return the object."""
        path = f"{_path(api, resource, namespace)}/{quote(name)}"
        whole = f"{resource}/{subresource}" if subresource else resource
        what = _what(whole, namespace, name)
        return self._request("patch", f"{path}/{subresource}".rstrip("/"), what, body=patch)

    def text(self, path: str, query: Mapping[str, str | None] | None = None) -> str:
        """Return what an API path answers as plain text: a log, or a proxied page."""
        return self._send("get", path, path, query=query)[1]

    def chunks(
        self, path: str, query: Mapping[str, str | None] | None = None, *, seconds: float, what: str = ""
    ) -> Iterator[bytes]:
        """Yield what an API path answers piece by piece, for pages too large to hold; `what` is for messages.

        Raises:
            DeadlineExceeded: the answer was not whole within `seconds`.
        """
        yield from arriving(
            lambda: self._open("get", path, query=query, patience=seconds),
            lambda status, body: failure(status, _status(body), "get", what or path, self.context),
            what or path,
            seconds,
        )

    def delete_all(self, resource: str, namespace: str) -> None:
        """Begin to delete every object of a core resource ("pods") in a namespace."""
        self._request("delete", _path("v1", resource, namespace), _what(resource, namespace), missing_ok=True)

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str]) -> ExecSession:
        """Start a program in a container; the session ends it when it is closed."""
        query = [("container", container), *(("command", word) for word in argv)]
        query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")]
        path = f"{_path('v1', 'pods', namespace)}/{quote(pod)}/exec?{urlencode(query)}"
        what = _what("pods/exec", namespace, pod)
        try:
            return open_session(self._configuration, path, self._headers(), what, self._timeout)
        except websocket.WebSocketBadStatusException as error:
            raise failure(error.status_code, _status(error.resp_body), "start", what, self.context) from None
        except (websocket.WebSocketException, OSError) as error:
            raise self._unreachable(cause(error)) from None

    def _locate(self, manifest: Mapping[str, Any]) -> tuple[str, str]:
        """Return the path of a manifest's collection, and words for the object."""
        api, kind = manifest["apiVersion"], manifest["kind"]
        for resource in self._resources_of(api):
            if resource["kind"] == kind and "/" not in resource["name"]:
                namespace = manifest["metadata"]["namespace"] if resource["namespaced"] else None
                name = manifest["metadata"].get("name")
                return _path(api, resource["name"], namespace), _what(resource["name"], namespace, name)
        raise ClusterError(f"the cluster knows no {kind} of {api}: install what defines it")

    def _resources_of(self, api: str) -> Sequence[Object]:
        """Return the kinds of an API version; none where the cluster lacks it."""
        if api not in self._resources:
            found = self._request("get", _path(api), f"the resources of {api}", missing_ok=True)
            self._resources[api] = found.get("resources", [])
        return self._resources[api]

    def _headers(self) -> dict[str, str]:
        bearer = self._configuration.auth_settings().get("BearerToken")
        return {"authorization": bearer["value"]} if bearer else {}

    def _request(  # noqa: PLR0913 - all that a request is made of
        self,
        verb: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> Object:
        """Return the answer to one request; an empty dict where nothing is there and that is well."""
        status, text = self._send(verb, path, what, query=query, body=body, missing_ok=missing_ok)
        if status == 404:  # noqa: PLR2004 - HTTP's own
            return {}
        try:
            return dict(json.loads(text))
        except ValueError:
            raise ClusterError(
                f"{self.host} does not answer as an API server: check the context's server"
            ) from None

    def _send(  # noqa: PLR0913 - all that a request is made of
        self,
        verb: str,
        path: str,
        what: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> tuple[int, str]:
        """Return status and text of the answer to one request, which succeeded or found nothing."""
        response = self._open(verb, path, query=query, body=body)
        text = response.data.decode("utf-8", "replace")
        if response.status >= 300 and not (response.status == 404 and missing_ok):  # noqa: PLR2004 - HTTP's own
            raise failure(response.status, _status(response.data), verb, what, self.context)
        return response.status, text

    def _open(
        self,
        verb: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
        patience: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Return the response to one request, whatever its status.

        It is read already; with `patience`, the seconds that it may begin in, it is to be read yet.
        """
        method = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}[verb]
        sort = "strategic-merge-patch+json" if verb == "patch" else "json"
        arguments = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        try:
            return self._pool.request(
                method,
                f"{self.host}{path}{'?' if arguments else ''}{arguments}",
                headers={
                    **self._headers(),
                    "accept": "application/json, */*",
                    "content-type": f"application/{sort}",
                },
                body=json.dumps(body).encode() if body is not None else None,
                timeout=urllib3.Timeout(connect=self._timeout, read=patience)
                if patience
                else urllib3.Timeout(total=self._timeout),
                retries=False,
                preload_content=patience is None,
            )
        except ReadTimeoutError as error:
            if patience:
                raise
            raise self._unreachable(cause(error)) from None
        except (HTTPError, OSError) as error:
            raise self._unreachable(cause(error)) from None

    def _unreachable(self, cause: str) -> ClusterError:
        return ClusterError(
            f"cannot reach the API server {self.host} of context {self.context}: {cause}; "
            "check that the cluster runs and can be reached from here"
        )


def connect(kubeconfig: Path, context: str, timeout: float) -> Cluster:
    """Return the cluster of a context; nothing is sent yet.

    Args:
        kubeconfig: a private copy (see `kubeconfig`).
        context: in it.
        timeout: seconds for each request.

    Raises:
        UsageError: the context's entries make no client.
    """
    configuration = kubernetes.client.Configuration()
    configuration.connection_pool_maxsize = WORKERS
    try:
        client = kubernetes.config.new_client_from_config(
            str(kubeconfig), context, persist_config=False, client_configuration=configuration
        )
    except (kubernetes.config.ConfigException, ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(f"--kube-context: {context!r} cannot be used: {error}") from None
    return Cluster(client, context, timeout)


def failure(
    status: int, answer: Mapping[str, Any], verb: str, what: str, context: str
) -> ClusterError | PermissionMissing:
    """Return the error that an answer with an HTTP status of 300 or more means."""
    message = answer.get("message") or f"HTTP status {status}"
    if status == 401 or "system:anonymous" in message:  # noqa: PLR2004 - HTTP's own
        return ClusterError(
            f"the API server does not accept the credentials of context {context}: renew them"
        )
    # A webhook or policy may refuse with any status; the API server's words are the same.
    if status != 403 and not _DENIED.search(message):  # noqa: PLR2004 - HTTP's own
        return ClusterError(f"cannot {verb} {what}: {message}")
    # The authorizer says who cannot do what; admission says which rule the object breaks.
    if " cannot " in message:
        return PermissionMissing(f"not allowed to {verb} {what}: grant it (see manifests/rbac); {message}")
    return AdmissionRefused(f"cannot {verb} {what}: {message}")


def _named(path: str, manifest: Mapping[str, Any]) -> str:
    return f"{path}/{quote(manifest['metadata']['name'])}"


def _path(api: str, resource: str | None = None, namespace: str | None = None) -> str:
    parts = ["/api" if api == "v1" else "/apis", api]
    parts += ["namespaces", quote(namespace)] if namespace else []
    parts += [resource] if resource else []
    return "/".join(parts)


def _what(resource: str, namespace: str | None, name: str | None = None) -> str:
    return resource + (f" {name}" if name else "") + (f" in namespace {namespace}" if namespace else "")


def _status(body: bytes | None) -> Object:
    """Return the API server's words for a refusal, as far as it said any."""
    try:
        return dict(json.loads(body or b""))
    except ValueError:
        return {"message": (body or b"").decode("utf-8", "backslashreplace")}
