"""`clusterdns`: the checks by `clusterdns test`, and what can be done without pytest.

Exit codes are those of a run: 0 and 1 by what was found, 4 for wrong usage, 6 for what cannot be read.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from clusterdns.errors import HarnessError, UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.printable import printable_line

_TEST = "test"
_COMMANDS = ("audit", "capacity", "capture", "cleanup", "compare", "dnsmasq-log", _TEST)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _module(command: str) -> Any:  # noqa: ANN401 - every one has `add` and `run`
    return import_module(f"clusterdns.commands.{command.replace('-', '_')}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == [_TEST]:
        return int(_module(_TEST).run(arguments[1:]))
    parser = _Parser(prog="clusterdns", description="Cluster DNS conformance: the checks, and tools beside.")
    commands = parser.add_subparsers(dest="command", required=True)
    # A module alone, where one is named: the Kubernetes client of others takes longer than most captures.
    for name in [name for name in _COMMANDS if name in arguments[:1]] or _COMMANDS:
        _module(name).add(commands)
    try:
        options = parser.parse_args(arguments)
        return int(options.run(options))
    except UsageError as error:
        print(printable_line(f"clusterdns: {error}"), file=sys.stderr)
        return ExitCode.USAGE
    except HarnessError as error:
        print(printable_line(f"clusterdns: {error}"), file=sys.stderr)
        return ExitCode.NOT_MEASURABLE
    except KeyboardInterrupt:
        print("clusterdns: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing is to be flushed to it at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
