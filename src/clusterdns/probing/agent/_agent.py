"""What the operations share: the protocol, the kernel's counters, and the C library of the image.

An operation reads one JSON line from standard input, and more of them where it says so: standard input stays
open, as Kubernetes' exec cannot close its half. It writes JSON lines to standard output. The last line of a
good run has "done": true; without it nothing was measured. A failure of the operation itself is {"error":
"..."} and exit 1.

Standard library only, Python >= 3.9: this runs in whatever image a cluster offers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

FLUSH_SECONDS = 0.2

_flushed_at = 0.0


def emit(**answer: object) -> None:
    """Writes one answer, one line, at once."""
    _write(answer)
    sys.stdout.flush()


def emit_soon(**answer: object) -> None:
    """Writes one answer of many: what is flushed at once costs a frame of Kubernetes' exec each."""
    global _flushed_at  # noqa: PLW0603 - one standard output, one time at which it was flushed
    _write(answer)
    now = time.monotonic()
    if now - _flushed_at >= FLUSH_SECONDS:
        sys.stdout.flush()
        _flushed_at = now


def _write(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")


def run(operation: Callable[[dict[str, Any]], None]) -> None:
    """Runs an operation, which emits its answers, on the request from standard input."""
    try:
        operation(json.loads(sys.stdin.readline()))
        emit(done=True)
    # Whatever goes wrong has to reach the caller as a line of the protocol.
    except Exception as error:  # noqa: BLE001
        emit(error=f"{type(error).__name__}: {error}")
        sys.exit(1)


def per_processor(path: str) -> dict[str, int]:
    """Adds up a table of hexadecimal counters with a line per processor."""
    try:
        names, *lines = Path(path).read_text().splitlines()
    except OSError:
        return {}
    columns = zip(*(line.split() for line in lines))  # noqa: B905 - Python 3.9
    totals = (sum(int(number, 16) for number in column) for column in columns)
    return dict(zip(names.split(), totals))  # noqa: B905 - Python 3.9


def libc() -> dict[str, str]:
    """Tells which C library this Python is linked against.

    Returns:
        {"name": "glibc" | "musl" | "unknown", "version": "2.36"}, the version empty where unknown.
    """
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (OSError, ValueError):
        pass
    else:
        return {"name": name, "version": version}
    loaders = [str(path) for path in Path("/lib").glob("ld-musl-*.so.1")]
    if not loaders:
        return {"name": "unknown", "version": ""}
    # musl's loader, run on its own, says "Version 1.2.5" among its usage and fails.
    usage = subprocess.run(loaders[:1], stderr=subprocess.PIPE, text=True, check=False).stderr
    return {"name": "musl", "version": usage.partition("Version ")[2].partition("\n")[0]}
