"""A program in a container, spoken to line by line.

Its own few lines on websocket-client, since the Kubernetes client's WSClient has no
time-out for its handshake, cuts UTF-8 at frames, copies all that is left for each line
read, and turns an interrupt into an API error.
Source: the remote command subprotocol v4.channel.k8s.io (k8s.io/apimachinery/pkg/util/remotecommand).
"""

import contextlib
import json
import math
import select
import socket
import ssl
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import websocket

from clusterdns.errors import ConnectionLost, ProbeError

_STDIN, _STDOUT, _STDERR, _STATUS = range(4)
_SWITCHING = 101  # the HTTP status that begins a WebSocket


class Socket(websocket.WebSocket):
    """A WebSocket for which a whole frame has a deadline, not each read of it.

    Attributes:
        until: The deadline, by time.monotonic.
    """

    until = math.inf

    def _recv(self, bufsize: int) -> bytes:
        if self.until < math.inf:
            self.settimeout(max(self.until - time.monotonic(), 0.001))
        return bytes(super()._recv(bufsize))  # type: ignore[no-untyped-call] # websocket-client leaves it bare


class ExecSession:
    """A running program. Close it, or use it as a context manager."""

    def __init__(self, socket: Socket, what: str) -> None:
        self._socket = socket
        self._what = what
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._stderr = b""
        self._status = b""
        self._ended = False

    @property
    def stderr(self) -> str:
        """What the program has written to standard error so far."""
        return self._stderr.decode("utf-8", "backslashreplace").strip()

    def write_line(self, text: str) -> None:
        """Send one line to standard input.

        Raises:
            ProbeError: the connection is gone.
        """
        try:
            self._socket.send(bytes([_STDIN]) + text.encode() + b"\n", websocket.ABNF.OPCODE_BINARY)
        except (websocket.WebSocketException, OSError) as error:
            raise self._lost(error) from None

    def read_line(self, timeout: float) -> str | None:
        """Return the next line of standard output without its end, None when there is no more.

        Raises:
            ProbeError: nothing came for `timeout` seconds, or the connection is gone.
        """
        deadline = time.monotonic() + timeout
        while not self._lines and not self._ended:
            self._receive(deadline, timeout)
        if self._lines:
            return self._lines.popleft().decode("utf-8", "backslashreplace")
        last, self._rest = self._rest, b""
        return last.decode("utf-8", "backslashreplace") or None

    def read_lines_so_far(self, timeout: float) -> list[str]:
        """Return the lines that have come and were not read yet, without waiting for another.

        Raises:
            ProbeError: a frame that has begun does not end in time, or the connection is gone.
        """
        while not self._ended and self._has_more():
            self._receive(time.monotonic() + timeout, timeout)
        lines = [line.decode("utf-8", "backslashreplace") for line in self._lines]
        self._lines.clear()
        return lines

    def returncode(self, timeout: float) -> int:
        """Wait until the program ends, drop what it still says, and return its exit status.

        Raises:
            ProbeError: it does not end in time, or it ended without a status.
        """
        # The status comes after the output: it is there once all of that is read
        # (kubernetes-client/python issue 1177).
        deadline = time.monotonic() + timeout
        while not self._ended:
            self._receive(deadline, timeout)
        try:
            status = json.loads(self._status)
        except ValueError:
            raise ConnectionLost(
                f"{self._what}: the connection ended before the program did; run again"
            ) from None
        if not isinstance(status, dict):
            raise ProbeError(f"{self._what}: ended with a status that is none: {str(status)[:200]!r}")
        if status.get("status") == "Success":
            return 0
        for cause in status.get("details", {}).get("causes", ()):
            if cause.get("reason") == "ExitCode":
                return int(cause["message"])
        raise ProbeError(f"{self._what}: {status.get('message', 'failed')}")

    def close(self) -> None:
        """End the session; the program's standard input ends."""
        self._ended = True
        self._socket.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _has_more(self) -> bool:
        below = self._socket.sock
        decrypted = isinstance(below, ssl.SSLSocket) and below.pending() > 0
        return decrypted or bool(select.select([self._socket], [], [], 0)[0])

    def _receive(self, deadline: float, timeout: float) -> None:
        """Take in one frame."""
        self._socket.until = deadline
        try:
            opcode, frame = self._socket.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            said = f"; it said: {self.stderr}" if self.stderr else ""
            raise ProbeError(f"{self._what}: silent for {timeout:g} s{said}") from None
        except websocket.WebSocketConnectionClosedException:
            self._ended = True
            return
        except (websocket.WebSocketException, OSError) as error:
            raise self._lost(error) from None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self._ended = True
        elif opcode in (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_TEXT) and frame.data:
            channel, data = frame.data[0], frame.data[1:]
            if channel == _STDOUT:
                *lines, self._rest = (self._rest + data).split(b"\n")
                self._lines.extend(lines)
            elif channel == _STDERR:
                self._stderr += data
            elif channel == _STATUS:
                self._status += data

    def _lost(self, error: Exception) -> ConnectionLost:
        return ConnectionLost(f"{self._what}: the connection was lost: {error}; run again")


def open_session(  # noqa: PLR0913, PLR0917 - all that a session is made of
    configuration: Any,  # noqa: ANN401 - kubernetes.client.Configuration, which has no types
    tls: ssl.SSLContext,
    path: str,
    headers: dict[str, str],
    what: str,
    timeout: float,
) -> ExecSession:
    """Start what the exec `path` of the API server names.

    Args:
        configuration: of the client: server, proxy.
        tls: what the connection is encrypted with.
        path: with its query.
        headers: that authenticate.
        what: words for messages.
        timeout: seconds for the connection to be made.

    Raises:
        websocket.WebSocketBadStatusException: the API server said no.
        websocket.WebSocketException, OSError: it could not be reached.
    """
    proxy = urlsplit(configuration.proxy or "")
    name = configuration.tls_server_name
    connection = Socket(sslopt={"context": tls, **({"server_hostname": name} if name else {})})
    # A handshake that comes octet by octet meets no time-out of a single read.
    late = threading.Timer(timeout, _shut, (connection,))
    late.daemon = True
    late.start()
    try:
        connection.connect(
            configuration.host.replace("http", "ws", 1) + path,
            timeout=timeout,
            subprotocols=["v4.channel.k8s.io"],
            header=headers,
            http_proxy_host=proxy.hostname,
            http_proxy_port=proxy.port,
            suppress_origin=True,
            redirect_limit=0,  # the credentials are for this server alone
        )
    except BaseException:
        connection.shutdown()
        raise
    finally:
        late.cancel()
    status = connection.status
    if status != _SWITCHING:
        connection.shutdown()
        raise websocket.WebSocketBadStatusException("no WebSocket", status or 0, resp_body=b"")
    return ExecSession(connection, what)


def _shut(connection: Socket) -> None:
    """End a connection that another thread reads from."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
