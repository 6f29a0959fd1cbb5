"""Starting a lab from the host: checks, builds, launcher process, progress, undoing on interruption."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from lab import addons, build, cgroups, inotify, state, topology
from lab.errors import LabError
from lab.network import MAX_NODES
from lab.paths import INSIDE_CACHE, REPOSITORY, cache_dir, state_dir

_FREE_BYTES = 2 << 30
_NAMESPACES = ["--net", "--mount", "--uts", "--ipc", "--pid", "--mount-proc", "--propagation=private"]


def up(  # noqa: PLR0913 - all that a lab is made of
    name: str,
    topology_name: str,
    nodes: int,
    progress: Callable[[str], None],
    with_addons: tuple[str, ...] = (),
    *,
    dual_stack: bool = False,
) -> state.Record:
    """Return a running lab of that name, topology and add-ons, booted now if it does not run yet.

    One that runs with more add-ons will do.

    Raises:
        LabError: it cannot be; nothing is left of the attempt.
    """
    folder = state_dir(name)
    topology.load(topology_name)
    if not 1 <= nodes <= MAX_NODES:
        raise LabError(f"--nodes {nodes}: use 1 to {MAX_NODES}")
    for dead in state.reclaim(name):
        progress(f"removed what the dead lab {dead!r} had left")
    existing = state.load(name)
    if existing is not None:
        is_ = (existing.state, existing.topology, existing.nodes, existing.dual_stack)
        same = is_ == ("running", topology_name, nodes, dual_stack)
        if same and set(with_addons) <= set(existing.addons):
            return existing
        what = f"{existing.state} with topology {existing.topology} and {existing.nodes} nodes"
        what += ", dual-stack" if existing.dual_stack else ""
        what += f", add-ons: {', '.join(existing.addons) or 'none'}"
        raise LabError(f"lab {name!r} is {what}; end it first: python -m lab down --name {name}")
    builds = build.build(progress)
    added = addons.built(with_addons, builds.template, progress) if with_addons else None
    if shutil.disk_usage(cache_dir()).free < _FREE_BYTES:
        raise LabError(f"a lab needs {_FREE_BYTES >> 30} GiB free in {cache_dir()}; make room first")
    inotify.require(nodes)
    state.remove(name)  # a shred without a record
    folder.mkdir()
    (folder / "nodes").mkdir()
    try:
        spec = _spec(name, topology_name, nodes, builds, added)
        _boot({**spec, "dual_stack": dual_stack}, progress)
    except BaseException as error:
        if isinstance(error, LabError):
            _keep_logs(folder)
        state.remove(name)
        raise
    return state.running(name)


def _keep_logs(folder: Path) -> None:
    """Keep a failed lab's logs, and only those, until the next one fails."""
    kept = cache_dir() / "failed-lab-logs"
    shutil.rmtree(kept, ignore_errors=True)
    if (folder / "logs").is_dir():
        shutil.copytree(folder / "logs", kept)


def _spec(
    name: str, topology_name: str, nodes: int, builds: build.Builds, added: addons.Built | None
) -> dict[str, Any]:
    """Return what the lab's manager is told: paths are those inside the lab."""

    def inside(path: Path) -> str:
        return str(INSIDE_CACHE / path.relative_to(cache_dir()))

    template = added.template if added else builds.template
    return {
        "name": name,
        "topology": topology_name,
        "nodes": nodes,
        "state": str(state_dir(name)),
        "cache": str(cache_dir()),
        "kubernetes": inside(builds.kubernetes),
        "coredns": inside(builds.coredns),
        "template": inside(template / "root"),
        "builds": [*builds.names(), *(added.names() if added else ())],
        "addons": list(added.addons) if added else [],
        "crds": inside(added.crds) if added and added.crds else None,
    }


def _boot(spec: dict[str, Any], progress: Callable[[str], None]) -> None:
    name = str(spec["name"])
    with (state_dir(name) / "manager.log").open("w") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "lab.launch", json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=REPOSITORY,
            start_new_session=True,
        )
    try:
        _follow(launcher, state_dir(name), progress)
    except BaseException:
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        raise


def _follow(launcher: subprocess.Popen[str], folder: Path, progress: Callable[[str], None]) -> None:
    """Pass the manager's progress on until the lab is ready."""
    for line in launcher.stdout or ():
        said = line.strip()
        if said.startswith("failed: "):
            raise LabError(said.removeprefix("failed: "))
        progress(said)
        if said.endswith("  ready"):
            return
    last = (folder / "manager.log").read_text().strip().splitlines()[-1:]
    raise LabError(f"the lab ended while booting: {''.join(last) or 'no word why'}")


def _launch(spec: dict[str, Any]) -> None:
    """Become the lab: open the host's end of the API and enter new namespaces."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.set_inheritable(True)
    spec = {**spec, "port": listener.getsockname()[1], "listener": listener.fileno()}
    become(spec, [sys.executable, "-m", "lab.fabric", json.dumps(spec)])


def become(spec: Mapping[str, Any], init: list[str]) -> NoReturn:
    """Write this process's record, join its groups, and become `init` in new namespaces.

    Args:
        spec: What the record says, by the record's own names.
        init: The command that is PID 1 inside; with it all ends.
    """
    name = str(spec["name"])
    groups = state.groups(name)
    leaves = [group / "fabric" for group in groups]
    pid = os.getpid()
    state.Record(
        name=name,
        topology=str(spec["topology"]),
        nodes=int(spec["nodes"]),
        dual_stack=bool(spec.get("dual_stack")),
        pid=pid,
        pid_start=state.start_time(pid) or 0,
        port=int(spec["port"]),
        cgroups=[str(group) for group in groups],
        builds=list(spec["builds"]),
        addons=list(spec["addons"]),
    ).save()
    cgroups.create(groups)
    cgroups.delegate([group.parent for group in groups])
    cgroups.join(groups)  # what the cgroup namespace takes for its top …
    cgroups.create(leaves)  # … and where processes stay, so that the top can delegate
    enter = ["unshare", *_NAMESPACES, "--fork", "--kill-child", *init]
    argv = ["unshare", "--cgroup", *cgroups.joining(leaves, enter)]
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    _launch(json.loads(sys.argv[1]))
