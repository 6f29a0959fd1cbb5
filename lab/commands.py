"""Running programs: output captured, failures in one line, nothing left running."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from lab.errors import LabError

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


def run(  # noqa: PLR0913 - what a program is started with
    argv: list[str],
    *,
    log: Path | None = None,
    stdin: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    seconds: float = 60.0,
) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Args:
        argv: The program and its arguments.
        log: A file that gets all output instead (the return value is then empty).
        stdin: Text for its standard input.
        cwd: The folder to run in.
        env: Variables besides those of this process.
        seconds: How long it may take.

    Raises:
        LabError: it is missing, failed, or took too long; carries its last line of output.
    """
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(log.open("a")) if log else subprocess.PIPE
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT if log else subprocess.PIPE,
                text=True,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise LabError(f"{argv[0]}: not found; run: python -m lab build") from error
        with _lock:
            _running.add(process)
        try:
            output, errors = process.communicate(stdin, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{_label(argv)}: no end after {seconds:.0f} s") from error
        finally:
            _end(process)
            with _lock:
                _running.discard(process)
    if process.returncode:
        said = (errors or (log.read_text(errors="replace") if log else "") or output or "").strip()
        last = said.splitlines()[-1] if said else f"exit status {process.returncode}"
        where = f" (all of it: {log})" if log else ""
        raise LabError(f"{_label(argv)}: {last}{where}")
    return output or ""


def end_all() -> None:
    """End every program that `run` is waiting for in any thread: for use when interrupted."""
    with _lock:
        processes = list(_running)
    for process in processes:
        _end(process, signal.SIGTERM)


def _label(argv: list[str]) -> str:
    return " ".join(argv)[:60].partition("\n")[0]


def _end(process: subprocess.Popen[str], how: signal.Signals = signal.SIGKILL) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
