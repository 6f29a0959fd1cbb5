"""What is known of a lab from outside: its record on disk, whether it lives, and taking it away."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab import cgroups, store
from lab.errors import LabError
from lab.paths import labs_dir, state_dir

_DEATH_SECONDS = 10.0


@dataclass(frozen=True)
class Record:
    """A lab as written to `lab.json` by the process that started it."""

    name: str
    topology: str
    nodes: int
    pid: int  # the launcher: all of the lab dies with it
    pid_start: int  # its start time in clock ticks, since a process id alone may be another's by now
    port: int  # the API server's, on 127.0.0.1
    cgroups: list[str]
    builds: list[str]  # folder names of the builds it runs from
    addons: list[str] = field(default_factory=list)
    dual_stack: bool = False

    @property
    def folder(self) -> Path:
        """The lab's state folder."""
        return state_dir(self.name)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for use on this host."""
        return self.folder / "kubeconfig"

    @property
    def state(self) -> str:
        """`running`, `starting` or `dead`."""
        if start_time(self.pid) != self.pid_start:
            return "dead"
        return "running" if (self.folder / "ready").exists() else "starting"

    def save(self) -> None:
        """Write the record whole or not at all."""
        draft = self.folder / "lab.json.new"
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(self.folder / "lab.json")


def alone(name: str, *, wait: bool = True) -> AbstractContextManager[None]:
    """Return a context in which no other process starts or ends the lab called `name`.

    Raises:
        BlockingIOError: another process does, and we are not to wait.
    """
    state_dir(name)
    return store.locked(labs_dir() / f"{name}.lock", wait=wait)


def groups(name: str) -> list[Path]:
    """Return the folders of the control groups of the lab called `name`; other users' labs have others."""
    owner = hashlib.sha256(str(labs_dir()).encode()).hexdigest()[:8]
    return [one.below_own(f"clusterdns-lab-{owner}-{name}") for one in cgroups.hierarchies()]


def start_time(pid: int) -> int | None:
    """Return when process `pid` started, in clock ticks since boot; None where there is none (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def load(name: str) -> Record | None:
    """Return the record of the lab called `name`, None where there is none (or only a shred of one)."""
    try:
        return Record(**json.loads((state_dir(name) / "lab.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def names() -> list[str]:
    """Return the names of all labs that have a state folder."""
    return sorted(folder.name for folder in labs_dir().iterdir() if folder.is_dir())


def builds_in_use() -> set[str]:
    """Return the folder names of the builds that labs run from."""
    records = [load(name) for name in names()]
    return {build for record in records if record and record.state != "dead" for build in record.builds}


def running(name: str) -> Record:
    """Return the record of a lab that runs.

    Raises:
        LabError: it does not.
    """
    record = load(name)
    if record is None or record.state != "running":
        raise LabError(f"no lab named {name!r} is running; start it with: python -m lab up --name {name}")
    return record


def remove(name: str) -> bool:
    """End the lab called `name` and remove all that is left of it; return whether there was anything.

    Killing the launcher ends its PID namespace, and with it every process, network
    namespace, link and mount of the lab; groups and the state folder are left.

    Raises:
        LabError: something would not go away.
    """
    folder = state_dir(name)
    record = load(name)
    existed = folder.exists()
    if record is not None:
        if start_time(record.pid) == record.pid_start:
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
        deadline = time.monotonic() + _DEATH_SECONDS
        while start_time(record.pid) == record.pid_start and time.monotonic() < deadline:
            time.sleep(0.01)  # the kernel is taking the namespace apart
        left = cgroups.destroy([Path(path) for path in record.cgroups])
        if left:
            raise LabError(f"lab {name!r}: cannot remove the control groups {', '.join(map(str, left))}")
    if folder.exists():
        shutil.rmtree(folder)
    return existed


def reclaim(own: str) -> list[str]:
    """Remove what dead labs left behind; return their names.

    Args:
        own: The lab that the caller is alone with; others that somebody is busy with are left to them.
    """
    reclaimed = []
    for name in names():
        record = load(name)
        if record is None or record.state != "dead":
            continue
        with contextlib.suppress(BlockingIOError), contextlib.ExitStack() as stack:
            if name != own:
                stack.enter_context(alone(name, wait=False))
            if remove(name):
                reclaimed.append(name)
    return reclaimed
