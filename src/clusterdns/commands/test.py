"""`clusterdns test`: the checks, from wherever the user stands."""

import os
import sys
from collections.abc import Sequence

from clusterdns.commands._arguments import Commands
from clusterdns.suite import SUITE

NAME = "test"


def add(commands: Commands) -> None:
    """Offer the command; what follows it is pytest's, `--help` among it."""
    commands.add_parser(NAME, help="run the checks; takes --cluster and every argument of pytest")


def command(arguments: Sequence[str], environ: dict[str, str]) -> list[str]:
    """Return the command line that runs the checks.

    Args:
        arguments: What the user gave, flags of the suite and of pytest.
        environ: Is given what the process needs besides.
    """
    # What pytest would write beside the suite, which may be read-only or somebody else's.
    environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    return [
        sys.executable,
        "-m",
        "pytest",
        f"--config-file={SUITE / 'pyproject.toml'}",
        f"--rootdir={SUITE}",
        f"--confcutdir={SUITE}",
        "-p",
        "no:cacheprovider",
        *arguments,
        str(SUITE / "tests" / "conformance"),
    ]


def run(arguments: Sequence[str]) -> int:
    """Run pytest in place of this process: signals and the exit code are its own."""
    environ = dict(os.environ)
    line = command(arguments, environ)
    sys.stdout.flush()
    os.execve(line[0], line, environ)
