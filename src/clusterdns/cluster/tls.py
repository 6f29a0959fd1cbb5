"""TLS with the certificates of a kubeconfig, which lie in no file of ours while the run goes on.

The Kubernetes client writes what a kubeconfig holds in itself, private keys too, into temporary files that
last as long as the process, and longer where that is killed.
"""

import base64
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from urllib3.util.ssl_ import create_urllib3_context

from clusterdns.files import read_bounded

_LARGEST = 8 << 20  # bytes of a file of certificates: a bundle of all public authorities has 300 kB
_CERTIFICATE, _KEY, _AUTHORITY = "client-certificate", "client-key", "certificate-authority"


def tls_context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what connections to an API server are encrypted with.

    Args:
        cluster: Its entry in a kubeconfig.
        user: The entry of a user.

    Raises:
        ValueError, OSError: a certificate or key cannot be used.
    """
    unverified = bool(cluster.get("insecure-skip-tls-verify"))
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE if unverified else ssl.CERT_REQUIRED)
    authority = _content(cluster, _AUTHORITY)
    if authority:
        context.load_verify_locations(cadata=authority.decode())
    else:
        context.load_default_certs()
    certificate, key = _content(user, _CERTIFICATE), _content(user, _KEY)
    if certificate:
        with tempfile.NamedTemporaryFile() as file:  # ssl reads them from nowhere else
            file.write(b"\n".join((certificate, key)))
            file.flush()
            context.load_cert_chain(file.name, password="")  # an encrypted key would ask the terminal for one
    return context


def without_certificates(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a kubeconfig without what `tls_context` has read of it."""
    read = {name + suffix for name in (_CERTIFICATE, _KEY, _AUTHORITY) for suffix in ("", "-data")}
    return {name: value for name, value in entry.items() if name not in read}


def _content(entry: Mapping[str, Any], name: str) -> bytes:
    """Return what an entry holds in itself, or else in the file that it names; nothing where neither is."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(data)
    return read_bounded(Path(entry[name]), _LARGEST) if entry.get(name) else b""
