"""Asking Docker, by its own command line."""

import json
import shutil
from typing import Any

from lab.commands import run
from lab.errors import LabError

_ANSWER_SECONDS = 8.0  # a bad answer, or none, is told within ten
_SECONDS = 120.0


def docker(*arguments: str, stdin: str = "", seconds: float = _SECONDS) -> str:
    """Run docker with arguments and return its output.

    Raises:
        LabError: it failed.
    """
    return run(["docker", *arguments], stdin=stdin, seconds=seconds)


def information() -> dict[str, Any]:
    """Return what the daemon says of itself.

    Raises:
        LabError: none answers; says what to do.
    """
    if not shutil.which("docker"):
        raise LabError("there is no docker here: install Docker, or let `tox -e kind` start one, as root")
    try:
        said: dict[str, Any] = json.loads(
            docker("info", "--format={{json .}}", seconds=_ANSWER_SECONDS) or "{}"
        )
    except LabError as error:
        said = {"ServerErrors": [str(error).partition(": ")[2]]}
    if said.get("ServerErrors") or not said.get("ServerVersion"):
        why = str((said.get("ServerErrors") or ["no answer"])[0]).rstrip("?. ")
        raise LabError(
            f"no Docker for us ({why}): start it, or join its group, or let `tox -e kind` start one, as root"
        )
    return said


def present(image: str) -> bool:
    """Whether the daemon has an image."""
    try:
        docker("image", "inspect", "--format={{.Id}}", image)
    except LabError:
        return False
    return True


def nodes(cluster: str) -> list[str]:
    """Return the names of the containers that are the nodes of a kind cluster."""
    label = f"label=io.x-k8s.kind.cluster={cluster}"
    return docker("ps", "--all", "--filter", label, "--format={{.Names}}").split()
