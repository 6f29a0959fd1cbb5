"""The exec plugin of a kubeconfig, run in bounded time. What it writes is quoted nowhere.

The Kubernetes client waits for a plugin without a limit, and holds whatever it writes.
Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
"""

import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clusterdns.errors import ClusterError

_SECONDS = 30.0  # plugins of cloud providers take one to five
_LARGEST = 1 << 20  # bytes that it may write: tokens and certificates have some thousand
_CONFIGURATION = "client.authentication.k8s.io/exec"  # the extension of a cluster's entry that is for plugins


@dataclass(frozen=True, slots=True)
class Credential:
    """What a plugin gave.

    Attributes:
        token: "" where it gave a certificate.
        certificate: As PEM, "" where it gave a token.
        key: The certificate's, as PEM.
        expires: None where the plugin did not say.
    """

    token: str
    certificate: str
    key: str
    expires: datetime | None


def run_plugin(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any], seconds: float = _SECONDS
) -> Credential:
    """Return what a plugin gives.

    Args:
        plugin: The `exec` of a user's entry, as `kubeconfig.read` lets it pass.
        cluster: The entry of the cluster, which the plugin is told of if it asks for that.
        seconds: That it may take.

    Raises:
        ClusterError: it gave nothing that can be used, or not in time.
    """
    version = plugin["apiVersion"]
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = _told_of(cluster)
    asked = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    environment = {variable["name"]: variable["value"] for variable in plugin.get("env") or ()}
    output = _output(
        [plugin["command"], *(plugin.get("args") or ())],
        {**os.environ, **environment, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
        seconds,
    )
    try:
        return _credential(json.loads(output), version)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _gave_none(f"it wrote no ExecCredential of {version} with a token or certificate") from None


def _credential(answer: Mapping[str, Any], version: str) -> Credential:
    if (answer["kind"], answer["apiVersion"]) != ("ExecCredential", version):
        raise ValueError
    status = answer["status"]
    token, certificate, key = (
        status.get(name) or "" for name in ("token", "clientCertificateData", "clientKeyData")
    )
    if not all(isinstance(part, str) for part in (token, certificate, key)) or not (
        token or (certificate and key)
    ):
        raise ValueError
    said = status.get("expirationTimestamp")
    expires = datetime.fromisoformat(said) if said else None
    if expires and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return Credential(token, certificate, key, expires)


def _told_of(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cluster's entry as plugins get it: with certificates and configuration in place."""
    told = {
        name: value for name, value in cluster.items() if name not in ("certificate-authority", "extensions")
    }
    if file := cluster.get("certificate-authority"):
        with contextlib.suppress(OSError):  # what cannot be read is told where the server is asked
            told.setdefault("certificate-authority-data", base64.b64encode(Path(file).read_bytes()).decode())
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == _CONFIGURATION:
            told["config"] = extension.get("extension")
    return told


def _output(argv: list[str], environment: dict[str, str], seconds: float) -> bytes:
    """Return what a program writes to standard output, and end it with all that it has started."""
    until = time.monotonic() + seconds
    try:
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be passed"
        raise _gave_none(f"it cannot be started ({reason})") from None
    with process:
        try:
            output = _read(process.stdout, until, seconds)
            status = process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise _late(seconds) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if status:
        raise _gave_none(f"it ended with status {status}")
    return output


def _read(pipe: Any, until: float, seconds: float) -> bytes:  # noqa: ANN401 - Popen's, which is never None here
    output = bytearray()
    while select.select([pipe], [], [], max(until - time.monotonic(), 0))[0]:
        piece = os.read(pipe.fileno(), 1 << 16)
        if not piece:
            return bytes(output)
        output += piece
        if len(output) > _LARGEST:
            raise _gave_none(f"it wrote more than {_LARGEST >> 20} MiB")
    raise _late(seconds)


def _late(seconds: float) -> ClusterError:
    return _gave_none(f"it had not ended after {seconds:g} s")


def _gave_none(why: str) -> ClusterError:
    return ClusterError(
        f"the kubeconfig's exec plugin gave no credentials: {why}; run it by hand to see more"
    )
