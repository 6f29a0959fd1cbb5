"""Asks for pages by HTTP and HTTPS, and tells how long each phase took: DNS, connect, TLS, first byte, total.

Request:
    {"urls": ["http://www.example.com/", "https://www.example.com/"], "times": 20, "timeout": 5.0,
     "give_up": 3}
Every URL is asked for so many "times", one request after the other, each over its own connection.
"timeout" is each phase's, in seconds, but for DNS, which is as patient as the C library. With "give_up", a
URL that failed so often in a row is not asked for again.

Answers, one per request:
    {"timing": 0, "url": "...", "phases": {"dns": 2100000, "connect": 90000, "tls": ..., "first_byte": ...,
     "total": ...}, "failed": null | "dns" | "connect" | "tls" | "first_byte" | "body", "failure": "",
     "status": 200}
Times are in nanoseconds; a phase ends where the next one starts, and "total" runs from the start of the first
to the last byte. The phase that failed has its time too; those after it are absent.

Certificates are not verified: this measures time, and trusts nothing that it is told.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any, Iterator, Optional
from urllib.parse import urlsplit

from _agent import emit, run

MOST = 1 << 20  # bytes of a page that are read


class TimedRequest:
    """One request for a page: phases in order, each of which may fail."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.url, self.timeout = url, timeout
        self.tls = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.tls else 80)
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.phases: dict[str, int] = {}
        self.status: Optional[int] = None
        self._socket = socket.socket()  # until there is one with a peer

    def outcome(self) -> dict[str, Any]:
        """Goes through the phases as far as they succeed."""
        failed, failure = None, ""
        start = time.monotonic_ns()
        for phase, act in self._plan():
            began = time.monotonic_ns()
            try:
                act()
            except (OSError, ValueError) as error:
                failed, failure = phase, f"{type(error).__name__}: {error}"
            if phase != "body":
                self.phases[phase] = time.monotonic_ns() - began
            if failed:
                break
        self.phases["total"] = time.monotonic_ns() - start
        self._socket.close()
        return {
            "url": self.url,
            "phases": self.phases,
            "failed": failed,
            "failure": failure,
            "status": self.status,
        }

    def _plan(self) -> Iterator[tuple[str, Any]]:
        yield "dns", self._resolve
        yield "connect", self._connect
        if self.tls:
            yield "tls", self._shake_hands
        yield "first_byte", self._ask
        yield "body", self._read

    def _resolve(self) -> None:
        self._addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)

    def _connect(self) -> None:
        problem: OSError = OSError("no address")
        for family, kind, protocol, _, address in self._addresses:
            attempt = None
            try:
                attempt = socket.socket(family, kind, protocol)
                attempt.settimeout(self.timeout)
                attempt.connect(address)
            except OSError as error:
                problem = error
                if attempt:
                    attempt.close()
            else:
                self._socket.close()
                self._socket = attempt
                return
        raise problem

    def _shake_hands(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket, server_hostname=self.host)

    def _ask(self) -> None:
        host = self.host if self.port in (80, 443) else f"{self.host}:{self.port}"
        lines = (f"GET {self.path} HTTP/1.1", f"Host: {host}", "User-Agent: clusterdns", "Connection: close")
        self._socket.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii"))
        self._head = self._socket.recv(1 << 16)
        words = self._head.split(b" ", 2)
        if not words[0].startswith(b"HTTP/") or len(words) < 3 or not words[1].isdigit():  # noqa: PLR2004
            raise ValueError(f"no HTTP: {self._head[:40]!r}")
        self.status = int(words[1])

    def _read(self) -> None:
        size = len(self._head)
        while size < MOST:
            piece = self._socket.recv(1 << 16)
            if not piece:
                return
            size += len(piece)


def http_timing(request: dict[str, Any]) -> None:
    """Makes every request, URL by URL."""
    number, most = 0, request.get("give_up", request["times"])
    for url in request["urls"]:
        in_a_row = 0
        for _ in range(request["times"]):
            outcome = TimedRequest(url, request["timeout"]).outcome()
            emit(timing=number, **outcome)
            number += 1
            in_a_row = in_a_row + 1 if outcome["failed"] else 0
            if in_a_row == most:
                break


if __name__ == "__main__":
    run(http_timing)
