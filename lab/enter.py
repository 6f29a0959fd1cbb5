"""Running a command inside a lab from the host."""

import contextlib
from pathlib import Path

from lab import control
from lab.errors import LabError
from lab.state import Record


def command(record: Record, node: str | None, argv: list[str]) -> list[str]:
    """Return the command that runs `argv` in the namespaces of a node, or of the fabric.

    Raises:
        LabError: there is no such node, or the lab does not answer.
    """
    manager = control.manager_pid(record.folder)
    if node is None:
        target = manager
    else:
        pids = control.ask(record.folder, {"do": "pids"})["pids"]
        if node not in pids:
            raise LabError(f"no node named {node!r}; there are: {', '.join(pids)}")
        target = _host_pid(manager, pids[node])
    namespaces = ["--net", "--mount", "--uts", "--ipc", "--cgroup", "--pid"]
    return ["nsenter", f"--target={target}", *namespaces, "--", *argv]


def _host_pid(manager: int, inner: int) -> int:
    """Translate a process id of the lab's PID namespace (proc(5), NSpid) to the host's."""
    namespace = Path(f"/proc/{manager}/ns/pid").readlink()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (folder / "status").read_text()
            ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if ids[-1] == str(inner) and (folder / "ns" / "pid").readlink() == namespace:
                return int(folder.name)
    raise LabError("the node's processes are gone; see: python -m lab status")
