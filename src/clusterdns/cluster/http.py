"""What answers by HTTP share: a deadline for a whole answer, bounded sizes, and errors in one phrase."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from clusterdns.errors import ClusterError, DeadlineExceeded, HarnessError

_CHUNK = 1 << 16  # bytes
_LARGEST = 128 << 20  # bytes: a page of 500 objects of 256 KiB, which is a sixth of what etcd takes


class _RawUntil(io.RawIOBase):
    """A socket's bytes, each awaited no longer than until a deadline."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._sock = sock
        self._raw = raw
        timeout = sock.gettimeout()
        self._until = time.monotonic() + timeout if timeout is not None else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a writable buffer, which has no type before 3.12
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response for which the time-out of the connection counts as a whole, from status line to last byte.

    The time-out of a socket counts for each read: a server that sends a byte a second never meets it.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(sock, *args, **kwargs)
        self.fp: io.BufferedReader = io.BufferedReader(_RawUntil(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _Response


class _TLSConnection(HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def bounded(pool: urllib3.PoolManager, tls: ssl.SSLContext | None = None) -> urllib3.PoolManager:
    """Return a pool whose read time-outs count for whole answers from now on, encrypted as told."""
    if tls is not None:
        pool.connection_pool_kw["ssl_context"] = tls
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return pool


def whole(response: urllib3.BaseHTTPResponse, largest: int = _LARGEST) -> bytes:
    """Return the body of a response, decompressed.

    Args:
        response: Not read yet.
        largest: Bytes that it may have.

    Raises:
        ClusterError: it has more.
        urllib3.exceptions.HTTPError, OSError: it broke off, or did not come in time.
    """
    body = bytearray()
    whole = False
    try:
        for chunk in response.stream(_CHUNK):
            body += chunk
            if len(body) > largest:
                raise ClusterError(f"an answer of more than {largest >> 20} MiB: no API server sends such")
        if not body and _of_unknown_length(response):
            raise ProtocolError("Connection broken: the answer broke off in its header")
        whole = True
    finally:
        if not whole:
            response.close()  # what is left of it is not for the next request
    response.release_conn()
    return bytes(body)


def _of_unknown_length(response: urllib3.BaseHTTPResponse) -> bool:
    """Return whether nothing says how long the body is.

    What breaks off in its header is no error to http.client, which takes the end for an empty body's.
    """
    told = "content-length" in response.headers or "transfer-encoding" in response.headers
    return response.status != http.client.NO_CONTENT and not told


def arriving(
    send: Callable[[], urllib3.BaseHTTPResponse],
    refused: Callable[[int, bytes], HarnessError],
    what: str,
    seconds: float,
) -> Iterator[bytes]:
    """Yield the body of a response piece by piece, within a deadline.

    Args:
        send: sends the request; its errors are passed on, but for urllib3's ReadTimeoutError.
        refused: makes the error that a status of 300 or more means.
        what: words for messages.
        seconds: for all of it.
    """
    until = time.monotonic() + seconds
    try:
        response = send()
    except ReadTimeoutError:
        raise _late(what, seconds) from None
    try:
        if response.status >= 300:  # noqa: PLR2004 - HTTP's own
            raise refused(response.status, response.read(_CHUNK))
        for chunk in response.stream(_CHUNK):
            yield chunk
            if time.monotonic() > until:
                raise _late(what, seconds)
    except ReadTimeoutError:
        raise _late(what, seconds) from None
    except (HTTPError, OSError) as error:
        raise ClusterError(f"{what}: the answer broke off: {cause(error)}; run again") from None
    finally:
        response.close()


def whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of what comes piece by piece."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)


def _late(what: str, seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"{what} did not answer whole within {seconds:g} s: look at its load, or raise --prometheus-timeout"
    )


def cause(error: Exception) -> str:
    """Return the one phrase in a chain of urllib3's errors that a reader needs."""
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error}"
    return str(error).rpartition(": ")[2] or type(error).__name__
