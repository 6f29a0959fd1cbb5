"""A cache of builds by content: same inputs, same folder, made once."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.paths import cache_dir


def key(*inputs: str | Path) -> str:
    """Return a digest of texts and of the contents of files and folders."""
    digest = hashlib.sha256()
    for item in inputs:
        files = [item] if isinstance(item, str) or item.is_file() else sorted(item.rglob("*"))
        for file in files:
            if isinstance(file, str):
                content = file.encode()
            elif file.is_file() and "__pycache__" not in file.parts:
                content = file.read_bytes()
                digest.update(file.name.encode() + b"\0")
            else:
                continue
            digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


def kept(kind: str, digest: str) -> Path | None:
    """Return the folder of a finished build, None where there is none."""
    folder = cache_dir() / "builds" / f"{kind}-{digest}"
    return folder if folder.is_dir() else None


def build(kind: str, digest: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of the build, made now by `make(empty folder)` if it is not kept yet.

    A build that fails or is interrupted leaves nothing; two processes that want the
    same build make it once.
    """
    builds = cache_dir() / "builds"
    builds.mkdir(exist_ok=True)
    with locked(builds / f"{kind}.lock"):
        found = kept(kind, digest)
        if found:
            return found
        draft = builds / f".{kind}-{digest}"
        shutil.rmtree(draft, ignore_errors=True)  # a killed build's
        draft.mkdir()
        try:
            make(draft)
            return draft.rename(builds / f"{kind}-{digest}")
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def prune(kind: str, keep: str, in_use: set[str]) -> None:
    """Remove the builds of `kind` made from other inputs, but for those that are in use."""
    for folder in (cache_dir() / "builds").glob(f"{kind}-*"):
        if folder.is_dir() and folder.name not in {f"{kind}-{keep}", *in_use}:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file; it goes with the process, however that ends.

    Raises:
        BlockingIOError: another process holds it, and we are not to wait.
    """
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
