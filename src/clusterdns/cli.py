"""`clusterdns`: the checks by `clusterdns test`, and what can be done without pytest.

Exit codes are those of a run: 0 and 1 by what was found, 3 for a defect of ours, 4 for wrong usage, 6 for
what cannot be read or written, 141 for a pipe that its reader has closed (`ending`).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from clusterdns.signals import hear_signals
from clusterdns.starting import tell_interrupts

tell_interrupts()

from clusterdns.ending import ended_by  # noqa: E402 - an interrupt of what follows is told
from clusterdns.errors import UsageError  # noqa: E402

_TEST = "test"
_COMMANDS = ("audit", "capacity", "capture", "cleanup", "compare", "dnsmasq-log", _TEST)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _module(command: str) -> Any:  # noqa: ANN401 - every one has `add` and `run`
    return import_module(f"clusterdns.commands.{command.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    if sys.stdout is None:  # closed by who called us: only the code is asked for
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    as_before = hear_signals()
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - whatever it is, it is no verdict
        return ended_by(error)
    finally:
        as_before()
    return code


def _run(arguments: Sequence[str]) -> int:
    if arguments[:1] == [_TEST]:
        return int(_module(_TEST).run(arguments[1:]))
    parser = _Parser(prog="clusterdns", description="Cluster DNS conformance: the checks, and tools beside.")
    commands = parser.add_subparsers(dest="command", required=True)
    # A module alone, where one is named: the Kubernetes client of others takes longer than most captures.
    for name in [name for name in _COMMANDS if name in arguments[:1]] or _COMMANDS:
        _module(name).add(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))
