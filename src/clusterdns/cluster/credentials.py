"""The credentials of a kubeconfig that change while a run goes on: a token's file, and an exec plugin.

The Kubernetes client reads such a file once, and runs a plugin without a limit.
Source: client-go, transport/token_source.go (files) and plugin/pkg/client/auth/exec (plugins).
"""

import base64
import contextlib
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clusterdns.cluster.exec_plugin import Credential, run_plugin
from clusterdns.errors import UsageError
from clusterdns.files import read_bounded

_LARGEST = 1 << 20  # bytes of a token's file
_AHEAD = timedelta(seconds=30)  # a credential is renewed before a request that takes long could outlive it

Token = Callable[[], str]
"""Returns the token that counts now."""


def resolved(user: Mapping[str, Any], cluster: Mapping[str, Any]) -> tuple[dict[str, Any], Token | None]:
    """Return a user's entry as the client can use it, and where its token comes from if that changes.

    Args:
        user: Of a kubeconfig; a token's file counts before a token, and either before a plugin.
        cluster: The entry of the cluster, for plugins.

    Raises:
        UsageError: the token's file cannot be read.
        ClusterError: the plugin gave nothing.
    """
    fixed = {name: value for name, value in user.items() if name not in ("exec", "tokenFile")}
    if file := user.get("tokenFile"):
        from_file = _TokenFile(Path(file))
        return {**fixed, "token": from_file()}, from_file
    plugin = user.get("exec")
    if not plugin or user.get("token"):
        return fixed, None
    from_plugin = _Plugin(plugin, cluster)
    credential = from_plugin.credential
    if credential.token:
        return {**fixed, "token": credential.token}, from_plugin
    # Connections keep the certificate they began with: one that expires in mid-run is not renewed.
    pair = {"client-certificate-data": credential.certificate, "client-key-data": credential.key}
    return fixed | {name: base64.b64encode(text.encode()).decode() for name, text in pair.items()}, None


class _TokenFile:
    """A token's file, read for every request: whoever renews it does not say so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = self._read()
        if not self._last:
            raise UsageError(f"--kubeconfig: its token file {path} is empty")

    def __call__(self) -> str:
        with contextlib.suppress(UsageError):  # it is being replaced: the last token counts until then
            self._last = self._read() or self._last
        return self._last

    def _read(self) -> str:
        try:
            text = read_bounded(self._path, _LARGEST)
        except OSError as error:
            raise UsageError(
                f"--kubeconfig: cannot read its token file {self._path}: {error.strerror or error}"
            ) from None
        return text.decode("utf-8", "backslashreplace").strip()


class _Plugin:
    """An exec plugin, run again where the token that it gave is about to expire."""

    def __init__(self, plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._running = threading.Lock()
        self.credential: Credential = run_plugin(plugin, cluster)

    def __call__(self) -> str:
        with self._running:  # by one of the requests that go on at once
            expires = self.credential.expires
            if expires and expires - _AHEAD <= datetime.now(UTC):
                self.credential = run_plugin(self._plugin, self._cluster)
            return self.credential.token
