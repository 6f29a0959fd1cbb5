"""The only door to the Kubernetes API.

Objects are plain dicts as the API server sends them: the client's typed models cost more
time and memory than all the rest of reading a large cluster. The client does what is
hard to do well: credentials, TLS and proxies out of a kubeconfig.
"""

import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import kubernetes.client
import kubernetes.config

from clusterdns.cluster.credentials import resolved
from clusterdns.cluster.exec import ExecSession
from clusterdns.cluster.http import whole_lines
from clusterdns.cluster.kubeconfig import Kubeconfig
from clusterdns.cluster.paths import named, path_of, words_for
from clusterdns.cluster.shapes import is_object, is_resource
from clusterdns.cluster.tls import tls_context, without_certificates
from clusterdns.cluster.transport import Transport
from clusterdns.errors import AlreadyExists, ClusterError, UsageError
from clusterdns.parallel import WORKERS

Object = dict[str, Any]

NAMESPACE = "kube-system"
"""Where a cluster's DNS is."""

_PAGE = 500  # objects per list call: the API server's own clients use it
_MOST_PAGES = 10_000  # five million objects: beyond any cluster


class Cluster:
    """A cluster behind one context of a kubeconfig.

    Every method raises ClusterError (unreachable, refused, gone), PermissionMissing
    (not allowed) or AdmissionRefused (a policy says no), and nothing of the client's.
    """

    def __init__(
        self, client: kubernetes.client.ApiClient, context: str, timeout: float, tls: ssl.SSLContext
    ) -> None:
        self._transport = Transport(client, context, timeout, tls)
        self._resources: dict[str, Sequence[Object]] = {}
        self.context = context
        self.host = self._transport.host

    def version(self) -> str:
        """Return the API server's version, e.g. "v1.34.4"."""
        what = "the API server's version"
        version = self._request("get", "/version", what).get("gitVersion")
        if not isinstance(version, str):
            raise self._strange(what)
        return version

    def answers(self, within: float) -> bool:
        """Return whether the API server answers within so many seconds, at the first attempt."""
        return self._transport.answers("/version", within)

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
        for items, _ in self._pages(resource, api, namespace, labels, fields, missing_ok=missing_ok):
            yield from items

    def snapshot(
        self, resource: str, *, api: str = "v1", namespace: str | None = None
    ) -> tuple[Sequence[Object], str]:
        """Return every object of a resource, and the version of the list, from which `watch` goes on."""
        pages = list(self._pages(resource, api, namespace))
        return [thing for items, _ in pages for thing in items], pages[-1][1]

    def watch(
        self, resource: str, version: str, *, api: str = "v1", namespace: str | None = None, seconds: int
    ) -> Iterator[tuple[str, Object]]:
        """Yield ("ADDED" | "MODIFIED" | "DELETED", object) for what changes after a version.

        Args:
            resource: As in `list`.
            version: Of the list, or of the last object that came.
            api: As in `list`.
            namespace: As in `list`.
            seconds: After which it ends; what it lacks then, the next one brings.

        Raises:
            ClusterError: also where the server no longer knows the version: take a new list.
        """
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(seconds)}
        what = f"changes of {words_for(resource, namespace)}"
        lines = whole_lines(
            self.chunks(path_of(api, resource, namespace), query, seconds=2 * seconds, what=what)
        )
        for line in lines:
            try:
                event = json.loads(line)
                kind, changed = event["type"], event["object"]
            except (ValueError, KeyError, TypeError):
                raise self._strange(what) from None
            if kind == "ERROR":
                raise ClusterError(f"{what}: the API server no longer knows version {version}")
            if not is_object(changed):
                raise self._strange(what)
            yield kind, changed

    def _pages(  # noqa: PLR0913 - all that a list call can narrow
        self,
        resource: str,
        api: str,
        namespace: str | None,
        labels: str | None = None,
        fields: str | None = None,
        *,
        missing_ok: bool = False,
    ) -> Iterator[tuple[Sequence[Object], str]]:
        """Yield each page's objects, and the version of the list."""
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        what = words_for(resource, namespace)
        path = path_of(api, resource, namespace)
        for _ in range(_MOST_PAGES):
            page = self._request("list", path, what, query=query, missing_ok=missing_ok)
            if missing_ok and not page:
                return
            items, metadata = page.get("items"), page.get("metadata", {})
            if (
                not isinstance(items, list)
                or not isinstance(metadata, dict)
                or not all(map(is_object, items))
            ):
                raise self._strange(what)
            yield items, str(metadata.get("resourceVersion", ""))
            token = metadata.get("continue")
            if not token:
                return
            if token == query.get("continue"):
                break
            query["continue"] = token
        raise ClusterError(f"{self.host} lists {what} without an end: check the context's server")

    def served(self, group: str) -> tuple[str, ...]:
        """Return the versions that an API group is served in, e.g. ("v1",); none where there is no such."""
        found = self._request("get", f"/apis/{quote(group)}", f"the API group {group}", missing_ok=True)
        versions = found.get("versions", [])
        if not isinstance(versions, list):
            raise self._strange(f"the API group {group}")
        return tuple(str(version["version"]) for version in versions if isinstance(version, dict))

    def find(
        self, resource: str, name: str, *, api: str = "v1", namespace: str | None = None
    ) -> Object | None:
        """Return one object, None where there is none of that name."""
        path, what = (
            f"{path_of(api, resource, namespace)}/{quote(name)}",
            words_for(resource, namespace, name),
        )
        found = self._request("get", path, what, missing_ok=True)
        if found and not is_object(found):
            raise self._strange(what)
        return found or None

    def get(self, resource: str, name: str, *, api: str = "v1", namespace: str | None = None) -> Object:
        """Return one object that should be there."""
        path = f"{path_of(api, resource, namespace)}/{quote(name)}"
        return self._request("get", path, words_for(resource, namespace, name))

    def create(self, manifest: Mapping[str, Any]) -> Object:
        """Create an object from its manifest, which names its own namespace; return it as created.

        An attempt whose answer got lost may have made it: it is known again by the manifest's labels.
        """
        path, what = self._locate(manifest)
        try:
            return self._request("create", path, what, body=manifest)
        except AlreadyExists as error:
            labels = manifest["metadata"].get("labels")
            if error.repeated and labels:
                there = self._request("get", named(path, manifest), what, missing_ok=True)
                if labels.items() <= (there.get("metadata", {}).get("labels") or {}).items():
                    return there
            raise

    def knows(self, api: str, kind: str) -> bool:
        """Return whether the cluster knows a kind of objects, e.g. of an operator that may be installed."""
        return any(resource["kind"] == kind for resource in self._resources_of(api))

    def exists(self, manifest: Mapping[str, Any]) -> bool:
        """Return whether the object of a manifest is there."""
        path, what = self._locate(manifest)
        return bool(self._request("get", named(path, manifest), what, missing_ok=True))

    def delete(self, manifest: Mapping[str, Any], *, owned_first: bool = False) -> None:
        """Begin to delete the object of a manifest, with all that it owns; none there is well, too.

        Args:
            manifest: with the object's name.
            owned_first: the object goes when all that it owns is gone, e.g. a Deployment's pods.
        """
        path, what = self._locate(manifest)
        policy = {"propagationPolicy": "Foreground" if owned_first else "Background"}
        self._request("delete", named(path, manifest), what, body=policy, missing_ok=True)

    def evict(self, namespace: str, pod: str) -> None:
        """Begin to evict a pod, if its disruption budgets allow that just now.

        Raises:
            ClusterError: a budget does not allow it; the message is the API server's.
        """
        path = f"{path_of('v1', 'pods', namespace)}/{quote(pod)}/eviction"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        self._request("create", path, words_for("pods/eviction", namespace, pod), body=eviction)

    def patch(  # noqa: PLR0913 - all that a patch is made of
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str | None = None,
        subresource: str = "",
        *,
        api: str = "v1",
    ) -> Object:
        """Merge a patch into an object, or into its subresource; return the object."""
        path = f"{path_of(api, resource, namespace)}/{quote(name)}"
        whole = f"{resource}/{subresource}" if subresource else resource
        what = words_for(whole, namespace, name)
        return self._request("patch", f"{path}/{subresource}".rstrip("/"), what, body=patch)

    def text(self, path: str, query: Mapping[str, str | None] | None = None) -> str:
        """Return what an API path answers as plain text: a log, or a proxied page."""
        return self._transport.send("get", path, path, query=query)[1].decode("utf-8", "replace")

    def chunks(
        self, path: str, query: Mapping[str, str | None] | None = None, *, seconds: float, what: str = ""
    ) -> Iterator[bytes]:
        """Yield what an API path answers piece by piece, for pages too large to hold; `what` is for messages.

        Raises:
            DeadlineExceeded: the answer was not whole within `seconds`.
        """
        yield from self._transport.chunks(path, query, seconds=seconds, what=what or path)

    def delete_all(self, resource: str, namespace: str) -> None:
        """Begin to delete every object of a core resource ("pods") in a namespace."""
        self._request(
            "delete", path_of("v1", resource, namespace), words_for(resource, namespace), missing_ok=True
        )

    def exec(self, namespace: str, pod: str, container: str, argv: Sequence[str]) -> ExecSession:
        """Start a program in a container; the session ends it when it is closed."""
        query = [("container", container), *(("command", word) for word in argv)]
        query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")]
        path = f"{path_of('v1', 'pods', namespace)}/{quote(pod)}/exec"
        return self._transport.start(path, query, words_for("pods/exec", namespace, pod))

    def _locate(self, manifest: Mapping[str, Any]) -> tuple[str, str]:
        """Return the path of a manifest's collection, and words for the object."""
        api, kind = manifest["apiVersion"], manifest["kind"]
        for resource in self._resources_of(api):
            if resource["kind"] == kind and "/" not in resource["name"]:
                namespace = manifest["metadata"]["namespace"] if resource["namespaced"] else None
                name = manifest["metadata"].get("name")
                return path_of(api, resource["name"], namespace), words_for(resource["name"], namespace, name)
        raise ClusterError(f"the cluster knows no {kind} of {api}: install what defines it")

    def _resources_of(self, api: str) -> Sequence[Object]:
        """Return the kinds of an API version; none where the cluster lacks it."""
        if api not in self._resources:
            what = f"the resources of {api}"
            resources = self._request("get", path_of(api), what, missing_ok=True).get("resources", [])
            if not isinstance(resources, list) or not all(map(is_resource, resources)):
                raise self._strange(what)
            self._resources[api] = resources
        return self._resources[api]

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
        status, text = self._transport.send(verb, path, what, query=query, body=body, missing_ok=missing_ok)
        if status == 404:  # noqa: PLR2004 - HTTP's own
            return {}
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._strange(what)
        return answer

    def _strange(self, what: str) -> ClusterError:
        return ClusterError(
            f"{self.host} does not answer as an API server when asked for {what}: check the context's server"
        )


def connect(config: Kubeconfig, timeout: float) -> Cluster:
    """Return the cluster of a kubeconfig; nothing is sent yet, but an exec plugin is run.

    Args:
        config: Of one context (`kubeconfig.read`).
        timeout: Seconds for each request.

    Raises:
        UsageError: the context's entries make no client.
        ClusterError: its exec plugin gave no credentials.
    """
    context = config["current-context"]
    (its_cluster,), (its_user,) = config["clusters"], config["users"]
    user, token = resolved(its_user["user"], its_cluster["cluster"])
    entries = {
        **config,
        "clusters": [its_cluster | {"cluster": without_certificates(its_cluster["cluster"])}],
        "users": [its_user | {"user": without_certificates(user)}],
    }
    configuration: Any = kubernetes.client.Configuration()  # its types leave the hook out
    configuration.connection_pool_maxsize = WORKERS
    try:
        tls = tls_context(its_cluster["cluster"], user)
        client = kubernetes.config.new_client_from_config_dict(
            entries, context, persist_config=False, client_configuration=configuration
        )
    except Exception as error:  # noqa: BLE001 - the client has no word for what it cannot use, and quotes it
        raise UsageError(
            f"--kube-context: {context!r} cannot be used ({type(error).__name__}): "
            "check its certificates, keys and files"
        ) from None
    if token:
        configuration.refresh_api_key_hook = lambda kept: kept.api_key.update(BearerToken=f"Bearer {token()}")
    return Cluster(client, context, timeout, tls)
