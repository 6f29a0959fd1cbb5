"""Files that a user names, which may be anything: /dev/zero, a disk."""

import errno
import os
from pathlib import Path


def read_bounded(path: Path, largest: int) -> bytes:
    """Return the content of a file.

    Args:
        path: Of the file.
        largest: Bytes that it may hold.

    Raises:
        OSError: It cannot be read; EFBIG where it holds more.
    """
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content
