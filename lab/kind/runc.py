"""runc for a machine that lacks CAP_SYS_RESOURCE: takes it out of what Docker asks for, then becomes runc.

`docker run --privileged` asks for every capability there is, and runc refuses what it cannot
give. Stand-alone and standard library only: Docker runs it as its runtime.
"""

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

_MISSING = "CAP_SYS_RESOURCE"


def specification(arguments: list[str]) -> Path | None:
    """Return the file that says what to run, of runc's arguments: a bundle's, or a process's."""
    for flag, value in pairwise(arguments):
        if flag in ("--bundle", "-b"):
            return Path(value) / "config.json"
        if flag in ("--process", "-p"):
            return Path(value)
    return None


def without_missing(specified: dict[str, object]) -> dict[str, object]:
    """Return a bundle's or a process's specification without the capability."""
    process = specified.get("process", specified)
    if isinstance(process, dict):
        for names in (process.get("capabilities") or {}).values():
            if names:  # an empty set may be null
                names[:] = [name for name in names if name != _MISSING]
    return specified


def main() -> None:
    """Rewrite, and become runc."""
    file = specification(sys.argv[1:])
    if file is not None and file.exists():
        file.write_text(json.dumps(without_missing(json.loads(file.read_text()))))
    os.execvp("runc", ["runc", *sys.argv[1:]])


if __name__ == "__main__":
    main()
