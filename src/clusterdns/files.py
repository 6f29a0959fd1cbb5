"""Files that a user names, which may be anything: /dev/zero, a disk, a pipe that nobody writes to."""

import errno
import os
import select
import time
from pathlib import Path

_PATIENCE = 20  # seconds: what writes to a pipe may have to fetch it first


def read_bounded(path: Path, largest: int) -> bytes:
    """Return the content of a file.

    Args:
        path: Of the file.
        largest: Bytes that it may hold.

    Raises:
        OSError: It cannot be read; EFBIG where it holds more, ETIMEDOUT where it does not end in time.
    """
    deadline = time.monotonic() + _PATIENCE
    content = bytearray()
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        ready = select.poll()
        ready.register(file, select.POLLIN)
        while len(content) <= largest:
            left = deadline - time.monotonic()
            if left <= 0 or not ready.poll(left * 1000):
                raise OSError(errno.ETIMEDOUT, f"its end did not come within {_PATIENCE} s", str(path))
            chunk = file.read(largest + 1 - len(content))
            if chunk == b"":
                return bytes(content)
            content += chunk or b""  # None: somebody else has read what was there
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe is opened without waiting for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
