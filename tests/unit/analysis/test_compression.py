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


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("after", [b"", b"\xff" * 1000])
def test_what_lies_before_damage_is_read(
    tmp_path: Path, compress: Callable[[bytes], bytes], after: bytes
) -> None:
    whole = [b"%d %d" % (number, number * number) for number in range(200_000)]
    data = compress(b"\n".join(whole))
    path = tmp_path / "file"
    path.write_bytes(data[: len(data) // 2] + after)
    got: list[bytes] = []
    with path.open("rb") as file, pytest.raises(CompressionError):
        got.extend(lines(file))  # what came before the error stays
    assert got[:80_000] == whole[:80_000]
