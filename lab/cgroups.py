"""Control groups: one named group per lab, below the caller's own, in every hierarchy.

The group is how a crashed lab's processes are found, and what a cgroup namespace
takes for its root, so that kubelets inside see a hierarchy of their own.
"""

import contextlib
import os
import shlex
import signal
import time
from dataclasses import dataclass
from pathlib import Path

VERSION_2 = 2
_MOUNT_ROOT = Path("/sys/fs/cgroup")
_REMOVAL_SECONDS = 5.0


@dataclass(frozen=True)
class Hierarchy:
    """One mounted cgroup hierarchy and the group of this process in it."""

    mount_point: Path
    options: str  # what to pass to `mount -t cgroup -o`; empty for version 2
    own: str  # path of this process's group, "/" at the root

    @property
    def version(self) -> int:
        """1 or 2."""
        return 1 if self.options else VERSION_2

    def inside(self, name: str) -> Path:
        """Return the folder of the group `name` (slashes nest) at the top of what this process sees."""
        return self.mount_point / name

    def below_own(self, name: str) -> Path:
        """Return the folder of the group `name` below this process's own.

        Version 2 forbids controllers in a group that both holds processes and hands
        controllers down, the top one excepted: there the group is made at the top.
        """
        return self.inside(name) if self.version == VERSION_2 else self.inside(self.own.lstrip("/")) / name


def hierarchies() -> list[Hierarchy]:
    """Return every hierarchy that is mounted and that this process is a member of.

    Source: proc(5) /proc/[pid]/mountinfo, cgroups(7) /proc/[pid]/cgroup.
    """
    mounted: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, super_options = after.split(" ", 2)
        if kind == "cgroup":
            controllers = [o for o in super_options.split(",") if o not in ("rw", "ro") and "=" not in o]
            controllers += [o for o in super_options.split(",") if o.startswith("name=")]
            mounted[",".join(sorted(controllers))] = Path(before.split(" ")[4])
        elif kind == "cgroup2":
            mounted[""] = Path(before.split(" ")[4])
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers_text, own = line.split(":", 2)
        key = ",".join(sorted(controllers_text.split(","))) if controllers_text else ""
        if key in mounted:
            options = f"none,{key}" if key.startswith("name=") else key
            found.append(Hierarchy(mounted[key], options, own))
    return found


def create(folders: list[Path]) -> None:
    """Create the groups.

    A version 1 cpuset starts empty and would hold nobody: it inherits its parent's
    processors and memory nodes. A version 2 parent has to `delegate` besides.
    """
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            inherited = folder.parent / file
            if inherited.exists() and not (folder / file).read_text().strip():
                (folder / file).write_text(inherited.read_text())


def delegate(folders: list[Path]) -> None:
    """Let the version 2 groups hand every controller they have to their children.

    From then on a group holds no processes of its own, but for the topmost.
    """
    for folder in folders:
        controllers = folder / "cgroup.controllers"
        for controller in controllers.read_text().split() if controllers.exists() else ():
            with contextlib.suppress(OSError):  # e.g. a controller that only threads can use
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def join(folders: list[Path]) -> None:
    """Move this process into the groups."""
    for folder in folders:
        (folder / "cgroup.procs").write_text(str(os.getpid()))


def joining(folders: list[Path], argv: list[str]) -> list[str]:
    """Return a command that joins the groups and then becomes `argv`.

    systemd escapes dashes in the names of groups with backslashes, which a shell would take away.
    """
    joins = "".join(f"echo $$ >{shlex.quote(str(folder / 'cgroup.procs'))}; " for folder in folders)
    return ["sh", "-ec", f'{joins}exec "$@"', "sh", *argv]


def mount_script() -> str:
    """Return shell lines that mount every hierarchy anew, rooted at the caller's cgroup namespace."""
    lines = []
    found = sorted(hierarchies(), key=lambda hierarchy: hierarchy.version)
    if found and found[0].version == 1:
        lines.append(f"mount -n -t tmpfs -o mode=755 cgroup {_MOUNT_ROOT}")
    for hierarchy in found:
        point = shlex.quote(str(hierarchy.mount_point))
        kind = f"-t cgroup -o {hierarchy.options}" if hierarchy.version == 1 else "-t cgroup2"
        lines.append(f"mkdir -p {point} && mount -n {kind} cgroup {point}")
    return "\n".join(lines)


def members(folders: list[Path]) -> set[int]:
    """Return the process ids in the groups and everything below them."""
    found: set[int] = set()
    for folder in folders:
        for file in folder.rglob("cgroup.procs") if folder.is_dir() else ():
            with contextlib.suppress(OSError):  # the group went away meanwhile
                found.update(int(pid) for pid in file.read_text().split())
    found.discard(0)
    return found


def destroy(folders: list[Path]) -> list[Path]:
    """Kill what is left in the groups and remove them, deepest first.

    Returns:
        The folders that could not be removed within five seconds; empty is success.
    """
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        for pid in members(folders):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for folder in folders:
            if folder.is_dir():
                below = sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True)
                for group in [*below, folder]:
                    with contextlib.suppress(OSError):
                        group.rmdir()
        left = [folder for folder in folders if folder.is_dir()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)  # a killed process leaves its group when the kernel has reaped it
