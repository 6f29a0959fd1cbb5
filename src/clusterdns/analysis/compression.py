"""Files that may be compressed: gzip and Zstandard are told by their first octets, not by their names."""

import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, 3.1.1
_GZIP_WINDOW = 31  # zlib's code for the largest window, within gzip's header
_READ, _WRITE = 1 << 16, 1 << 21  # octets that go in and come out at a time
_ZSTD_READ = 1 << 12  # of Zstandard: what one call has made before it meets damage is lost
LONGEST_LINE = 1 << 16
"""Octets of a line that are kept."""


class CompressionError(ValueError):
    """Compressed data is damaged, or ends before its end; what lies before that was read."""


class _Gzip:
    """zlib's decompressor behind the interface of Zstandard's; gives all that lies before damage."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP_WINDOW)
        self._damage: zlib.error | None = None

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        if self._damage:
            raise self._damage
        before, waiting = self._inner.copy(), self._inner.unconsumed_tail + data
        try:
            return self._inner.decompress(waiting, most)
        except zlib.error as error:
            self._damage = error
        whole = bytearray()
        with suppress(zlib.error):
            for octet in waiting:
                whole += before.decompress(bytes([octet]))
                if len(whole) >= most:
                    break
        return bytes(whole[:most])


class _Uncompressed(io.RawIOBase):
    """What a compressed file holds, up to where it is damaged."""

    def __init__(self, file: BinaryIO, kind: type[_Gzip] | type[zstd.ZstdDecompressor]) -> None:
        super().__init__()
        self._file = file
        self._kind = kind
        self._inner = kind()
        self._read = _READ if kind is _Gzip else _ZSTD_READ
        self._started = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer as far as one step gets; see `io.RawIOBase`.

        Raises:
            CompressionError: see there.
        """
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type] # typeshed: any buffer
        try:
            data = self._some(min(len(view), _WRITE))
        except (zlib.error, zstd.ZstdError, EOFError) as error:
            raise CompressionError(f"the compressed file is damaged or was cut off: {error}") from None
        view[: len(data)] = data
        return len(data)

    def _some(self, most: int) -> bytes:
        while True:
            if self._inner.eof:  # another member may follow
                rest = self._inner.unused_data or self._file.read(self._read)
                if not rest.strip(b"\0"):
                    return b""
                self._inner = self._kind()
            else:
                rest = self._file.read(self._read) if self._inner.needs_input else b""
                if not rest and self._inner.needs_input:
                    raise EOFError("it ends before its end")
            if data := self._inner.decompress(rest, most):
                return data


def uncompressed(file: io.BufferedReader) -> BinaryIO:
    """Open a file that may be compressed, to be read in constant memory.

    Args:
        file: Open for reading, at its beginning; a pipe will do.

    Returns:
        What is in it; reading it raises `CompressionError` where it is damaged.
    """
    magic = file.peek(len(_ZSTD))
    if magic.startswith(_GZIP):
        return io.BufferedReader(_Uncompressed(file, _Gzip), _WRITE)
    if magic.startswith(_ZSTD):
        return io.BufferedReader(_Uncompressed(file, zstd.ZstdDecompressor), _WRITE)
    return file


def blocks(file: io.BufferedReader) -> Iterator[bytes]:
    """Yields a file's lines, many in a block, uncompressed; of a long one `LONGEST_LINE` octets.

    Yields:
        Whole lines, without the end of the last one.

    Raises:
        CompressionError: see there; the lines before were yielded.
    """
    plain = uncompressed(file)
    rest, damage = b"", None
    while True:
        try:
            piece = plain.read1(_WRITE) if isinstance(plain, io.BufferedReader) else plain.read(_WRITE)
        except CompressionError as error:
            piece, damage = b"", error
        if not piece:
            break
        last = piece.rfind(b"\n")
        if last < 0:
            rest += piece[: max(LONGEST_LINE - len(rest), 0)]
            continue
        first = piece.find(b"\n")
        rest += piece[: min(first, max(LONGEST_LINE - len(rest), 0))]
        yield b"".join((rest, memoryview(piece)[first:last]))
        rest = piece[last + 1 :][:LONGEST_LINE]
    if rest:
        yield rest
    if damage:
        raise damage


def lines(file: io.BufferedReader) -> Iterator[bytes]:
    """Yields the same line by line, without their ends."""
    for block in blocks(file):
        yield from block.split(b"\n")
