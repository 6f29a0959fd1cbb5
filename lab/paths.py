"""Where the lab keeps things: builds and state under the user's cache directory, never in the repository."""

import os
import re
from pathlib import Path

from lab.errors import LabError

SOURCE = Path(__file__).resolve().parent
REPOSITORY = SOURCE.parent

# Inside a lab both folders are mounted here, so that no configuration depends on
# where the user's cache is, and nodes may cover /var/lib, /etc and /var/log.
INSIDE = Path("/run/lab")
INSIDE_CACHE = INSIDE / "cache"
INSIDE_STATE = INSIDE / "state"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


def cache_dir() -> Path:
    """Return the project's folder in the user's cache directory (XDG_CACHE_HOME), made if need be.

    Raises:
        LabError: it cannot be made.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "cluster-dns-conformance"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot keep anything in {folder}: {error.strerror}; set XDG_CACHE_HOME") from error
    return folder


def labs_dir() -> Path:
    """Return the folder that holds one state folder per lab."""
    folder = cache_dir() / "labs"
    folder.mkdir(exist_ok=True)
    return folder


def state_dir(name: str) -> Path:
    """Return the state folder of the lab called `name`, which need not exist.

    Raises:
        LabError: the name is not a DNS label of at most 32 characters.
    """
    if not _NAME.fullmatch(name):
        raise LabError(f"lab name {name!r}: use 1 to 32 lower-case letters, digits and inner hyphens")
    return labs_dir() / name
