"""Files that may be compressed: gzip and Zstandard are told by their first octets, not by their names."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1


class CompressionError(ValueError):
    """Compressed data is damaged, or ends before its end."""


@contextmanager
def uncompressed(file: io.BufferedReader) -> Iterator[BinaryIO]:
    """Open a file that may be compressed, to be read in constant memory.

    Args:
        file: Open for reading, at its beginning; a pipe will do.

    Raises:
        CompressionError: see there; raised while it is read.
    """
    magic = file.peek(len(_ZSTD))
    try:
        if magic.startswith(_GZIP):
            with gzip.open(file) as unzipped:
                yield cast("BinaryIO", unzipped)
        elif magic.startswith(_ZSTD):
            with zstd.open(file) as unzipped:
                yield cast("BinaryIO", unzipped)
        else:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error, zstd.ZstdError) as error:
        raise CompressionError(str(error)) from None


def lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Yields the lines of a file, with their ends, uncompressed; see `uncompressed`."""
    with uncompressed(file) as plain:
        yield from plain
