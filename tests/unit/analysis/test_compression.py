from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import pytest

from clusterdns.analysis.compression import CompressionError, lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"one\ntwo\nthree"


def read(folder: Path, data: bytes) -> list[bytes]:
    path = folder / "file"
    path.write_bytes(data)
    with path.open("rb") as file:
        return list(lines(file))


def stored(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("compress", [stored, gzip.compress, zstd.compress])
def test_lines_come_out_uncompressed(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    assert read(tmp_path, compress(TEXT)) == [b"one", b"two", b"three"]


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_data_that_is_cut_off_is_told(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CompressionError):
        read(tmp_path, compress(TEXT)[:-6])


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []
