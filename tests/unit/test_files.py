"""Files that a user names may be anything."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest

from clusterdns import files
from clusterdns.files import read_bounded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_file_holds_no_more_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(OSError, match="File too large") as raised:
        read_bounded(path, 4)
    assert raised.value.errno == errno.EFBIG


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        read_bounded(tmp_path, 5)


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    writer = threading.Thread(target=pipe.write_bytes, args=(b"1" * 200_000,))
    writer.start()
    assert read_bounded(pipe, 200_000) == b"1" * 200_000
    writer.join()


@pytest.mark.parametrize("silent_writer", [False, True])
def test_a_pipe_without_an_end_is_not_awaited_for_ever(
    pipe: Path, monkeypatch: pytest.MonkeyPatch, *, silent_writer: bool
) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.1)
    writer = os.open(pipe, os.O_RDWR) if silent_writer else None
    with pytest.raises(TimeoutError, match=r"did not come within 0\.1 s"):
        read_bounded(pipe, 5)
    if writer is not None:
        os.close(writer)
