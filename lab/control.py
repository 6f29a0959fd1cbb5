"""Asking a running lab's manager from the host, over a Unix socket in the lab's state folder."""

import contextlib
import json
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lab.errors import LabError

_SOCKET = "control.sock"
_SECONDS = 60.0

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def serve(folder: Path, handle: Handler) -> None:
    """Answer requests on a socket in `folder`, in a thread; a LabError becomes the answer's `error`."""

    class Request(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            if not line:  # somebody only wanted to know who we are
                return
            try:
                answer = handle(json.loads(line))
            except LabError as error:
                answer = {"error": str(error)}
            with contextlib.suppress(OSError):  # whoever asked has gone
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    server = socketserver.ThreadingUnixStreamServer(str(folder / _SOCKET), Request)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()


def ask(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send a request to the manager of the lab whose state folder is given; return its answer.

    Raises:
        LabError: it does not answer, or it answers with an error.
    """
    with _connected(folder) as connection:
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        except (OSError, ValueError) as error:
            raise LabError(f"the lab in {folder} did not answer: {error}") from error
    if "error" in answer:
        raise LabError(answer["error"])
    return answer


def manager_pid(folder: Path) -> int:
    """Return the manager's process id as the host sees it (SO_PEERCRED, unix(7)).

    Raises:
        LabError: it does not answer.
    """
    with _connected(folder) as connection:
        size = struct.calcsize("3i")
        pid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
        return pid


@contextlib.contextmanager
def _connected(folder: Path) -> Iterator[socket.socket]:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_SECONDS)
    directory = os.open(folder, os.O_PATH)
    try:
        # The folder's own path may be longer than the 107 bytes that a socket address holds.
        connection.connect(f"/proc/self/fd/{directory}/{_SOCKET}")
        yield connection
    except OSError as error:
        raise LabError(f"the lab in {folder} does not answer: {error}") from error
    finally:
        os.close(directory)
        connection.close()
