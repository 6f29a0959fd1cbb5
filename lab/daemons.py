"""Long-running programs of a lab: started, watched, restarted, all children of the manager."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab import cgroups
from lab.errors import LabError


@dataclass
class Daemon:
    """One program, with its log and the namespaces and groups that it runs in."""

    name: str
    argv: list[str]
    log: Path
    groups: list[Path] = field(default_factory=list)  # besides the fabric's own
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        argv = cgroups.joining(self.groups, self.argv) if self.groups else self.argv
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, seconds: float = 10.0) -> None:
        """End it and wait for that."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def failure(self) -> str | None:
        """Return one line saying how it ended, None while it runs."""
        if self.process is None or self.process.poll() is None:
            return None
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return (
            f"{self.name} ended with status {self.process.returncode}: {lines[-1] if lines else 'no output'}"
        )


class Daemons:
    """All programs of a lab, by name."""

    def __init__(self, logs: Path) -> None:
        """Keep logs in the folder `logs`."""
        self._logs = logs
        self._all: dict[str, Daemon] = {}

    def start(
        self,
        name: str,
        argv: list[str],
        *,
        inside: int | None = None,
        groups: list[Path] | None = None,
    ) -> Daemon:
        """Start a program, in the namespaces of process `inside` if given."""
        daemon = Daemon(name, _entering(inside, argv), self._logs / f"{name}.log", groups or [])
        self._all[name] = daemon
        daemon.start()
        return daemon

    def restart(self, name: str) -> None:
        """Stop and start a program."""
        self._all[name].stop()
        self._all[name].start()

    def pause(self, name: str, seconds: float) -> None:
        """Keep a program from running for a while: it neither answers nor ends its connections."""
        process = self._all[name].process
        if process is None:
            return
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def end(self, name: str) -> None:
        """Stop a program for good."""
        self._all.pop(name).stop()

    def wait(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready()`; give up at once when a program dies.

        Raises:
            LabError: a program died, or the time ran out.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise LabError(f"{what}: not within {seconds:.0f} s; logs are in {self._logs}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise if a program has died.

        Raises:
            LabError: with its name and last line.
        """
        for daemon in list(self._all.values()):
            failure = daemon.failure()
            if failure:
                raise LabError(failure)


def _entering(pid: int | None, argv: list[str]) -> list[str]:
    if pid is None:
        return argv
    return ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--ipc", "--cgroup", "--", *argv]
