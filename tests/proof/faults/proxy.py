"""A proxy between the suite and an API server: answers wrongly, late or not at all, at a chosen instant."""

import base64
import gzip
import socket
import socketserver
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

_CHUNK = 65_536
_HEAD = (
    "HTTP/1.1 {status}\r\ncontent-type: {type}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n"
)


class Fault(StrEnum):
    """What happens to a request."""

    BUSY = "429"
    UNAVAILABLE = "503"
    RESET = "reset"  # before the request has reached the server
    LOST = "lost"  # the connection is reset when the server has done what it was asked
    TRUNCATED = "truncated"  # half of the answer, then the end of the connection
    LATE = "late"  # 300 ms
    DRIP = "drip"  # an octet a second
    SILENT = "silent"  # nothing, on an open connection
    HTML = "html"  # a page of a gateway, with status 200; so have all that follow but for the last two
    NULL = "null"
    LIST = "list"
    NUMBER = "number"
    EMPTY = "empty"
    BINARY = "binary"
    DEEP = "deep"  # nested 100,000 times
    BOMB = "bomb"  # 300 MiB, compressed
    OBJECTS_OF_NUMBERS = "objects of numbers"  # {"items": [5], ...}
    REDIRECT = "redirect"  # to a page of the same server
    REFUSAL_WITHOUT_WORDS = "refusal without words"  # 403, {"message": 5}


HARMLESS = frozenset({Fault.BUSY, Fault.UNAVAILABLE, Fault.RESET, Fault.LOST, Fault.TRUNCATED, Fault.LATE})
"""What a run gets over, where it happens for a moment."""

BAD_ANSWERS = tuple(fault for fault in Fault if fault not in HARMLESS | {Fault.DRIP, Fault.SILENT})
"""What no API server answers."""

_JSON = "application/json"
_ANSWERS = {
    Fault.BUSY: ("429 Too Many Requests", "text/plain", b"slow down", "retry-after: 1\r\n"),
    Fault.UNAVAILABLE: ("503 Service Unavailable", "text/plain", b"etcdserver: leader changed", ""),
    Fault.HTML: ("200 OK", "text/html", b"<html><body>Please log in</body></html>", ""),
    Fault.NULL: ("200 OK", _JSON, b"null", ""),
    Fault.LIST: ("200 OK", _JSON, b"[]", ""),
    Fault.NUMBER: ("200 OK", _JSON, b"5", ""),
    Fault.EMPTY: ("200 OK", _JSON, b"", ""),
    Fault.BINARY: ("200 OK", _JSON, bytes(range(256)), ""),
    Fault.DEEP: ("200 OK", _JSON, b'{"items":' + b"[" * 100_000, ""),
    Fault.BOMB: ("200 OK", _JSON, gzip.compress(b" " * (1 << 20)) * 300, "content-encoding: gzip\r\n"),
    Fault.OBJECTS_OF_NUMBERS: ("200 OK", _JSON, b'{"items":[5],"metadata":5,"gitVersion":5}', ""),
    Fault.REDIRECT: ("302 Found", "text/html", b"", "location: /elsewhere\r\n"),
    Fault.REFUSAL_WITHOUT_WORDS: ("403 Forbidden", _JSON, b'{"kind":"Status","message":5}', ""),
}


@dataclass(frozen=True)
class Injection:
    """Which requests something happens to.

    Attributes:
        fault: What happens.
        first: The number of the first request that it happens to, from 1.
        count: How many in a row; None for all that follow.
        seconds: For how long from the first one on; None for any time.
    """

    fault: Fault
    first: int
    count: int | None = None
    seconds: float | None = None


class Proxy:
    """Passes requests on to the API server of a kubeconfig, but for those that something happens to.

    Attributes:
        requests: How many have come.
        injected: How many of them something happened to.
    """

    def __init__(self, kubeconfig: Path, injection: Injection | None = None) -> None:
        """Listen on a free port, and pass nothing on yet.

        Args:
            kubeconfig: Of one context, with a client certificate.
            injection: What happens; None for nothing.
        """
        config = yaml.safe_load(kubeconfig.read_text())
        where = urlsplit(config["clusters"][0]["cluster"]["server"])
        self._upstream = (str(where.hostname), where.port or 443)
        self._tls = _client_context(config)
        self._injection = injection
        self._lock = threading.Lock()
        self._began: float | None = None
        self.requests = 0
        self.injected = 0
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.proxy = self

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads through the proxy, with a context named "faults"; return its path."""
        server = f"http://127.0.0.1:{self._server.server_address[1]}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "faults", "cluster": {"server": server}}],
            "users": [{"name": "faults", "user": {}}],
            "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
            "current-context": "faults",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def fault(self) -> Fault | None:
        """Count a request; return what happens to it."""
        with self._lock:
            self.requests += 1
            injection = self._injection
            if injection is None or self.requests < injection.first:
                return None
            self._began = self._began or time.monotonic()
            if injection.count is not None and self.injected >= injection.count:
                return None
            if injection.seconds is not None and time.monotonic() > self._began + injection.seconds:
                return None
            self.injected += 1
            return injection.fault

    @contextmanager
    def upstream(self) -> Iterator[ssl.SSLSocket]:
        """A connection to the API server."""
        with (
            socket.create_connection(self._upstream, timeout=60) as plain,
            self._tls.wrap_socket(plain, server_hostname=self._upstream[0]) as connection,
        ):
            connection.settimeout(None)
            yield connection


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: Proxy


class _Connection(socketserver.StreamRequestHandler):
    """One request, or one exec session."""

    server: _Server

    def handle(self) -> None:
        with suppress(OSError):  # either side went away
            head = self._head()
            if head:
                self._answer(head, self.rfile.read(_length(head)))

    def _head(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _answer(self, head: bytes, body: bytes) -> None:
        proxy = self.server.proxy
        fault = proxy.fault()
        if fault in _ANSWERS:
            status, kind, content, more = _ANSWERS[fault]
            told = _HEAD.format(status=status, type=kind, length=len(content), more=more)
            self.wfile.write(told.encode() + content)
        elif fault is Fault.SILENT:
            proxy.closing.wait(120)
        elif fault is Fault.RESET:
            self._reset()
        elif fault in (Fault.LOST, Fault.TRUNCATED, Fault.DRIP):
            self._damage(fault, self._whole(head, body))
        else:
            if fault is Fault.LATE:
                time.sleep(0.3)
            self._pass_on(head, body)

    def _damage(self, fault: Fault, answer: bytes) -> None:
        if fault is Fault.LOST:
            self._reset()
        elif fault is Fault.TRUNCATED:
            self.wfile.write(answer[: len(answer) // 2])
        else:
            for octet in answer:
                self.wfile.write(bytes([octet]))
                if self.server.proxy.closing.wait(1):
                    return

    def _whole(self, head: bytes, body: bytes) -> bytes:
        """Return the answer to a request; of a session that would be upgraded, its beginning."""
        with self.server.proxy.upstream() as upstream:
            upstream.sendall(_closing(head) + body)
            if _upgrades(head):
                return upstream.recv(_CHUNK)
            return b"".join(iter(lambda: upstream.recv(_CHUNK), b""))

    def _pass_on(self, head: bytes, body: bytes) -> None:
        with self.server.proxy.upstream() as upstream:
            upstream.sendall(_closing(head) + body)
            if _upgrades(head):
                threading.Thread(target=_copy, args=(self.connection, upstream), daemon=True).start()
            _copy(upstream, self.connection)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(_CHUNK):
            target.sendall(content)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def _length(head: bytes) -> int:
    for line in head.splitlines():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _upgrades(head: bytes) -> bool:
    return b"\nupgrade:" in head.lower()


def _closing(head: bytes) -> bytes:
    """Return a request's head that asks for the connection to be closed after the answer."""
    if _upgrades(head):
        return head + b"\r\n"
    kept = [line for line in head.splitlines(keepends=True) if not line.lower().startswith(b"connection:")]
    return b"".join(kept) + b"connection: close\r\n\r\n"


def _client_context(config: Mapping[str, Any]) -> ssl.SSLContext:
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    decoded = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=decoded)
    with tempfile.NamedTemporaryFile() as file:  # ssl reads them from nowhere else
        for part in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(user[part]) + b"\n")
        file.flush()
        context.load_cert_chain(file.name)
    return context
