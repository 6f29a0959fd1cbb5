"""`clusterdns`: the checks by `clusterdns test`, and what can be done without pytest.

Exit codes are those of a run: 0 and 1 by what was found, 4 for wrong usage, 6 for what cannot be read.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from clusterdns.commands import audit, capacity, capture, cleanup, compare, dnsmasq_log, test
from clusterdns.errors import HarnessError, UsageError
from clusterdns.model.outcome import ExitCode

_COMMANDS = (audit, capacity, capture, cleanup, compare, dnsmasq_log, test)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == [test.NAME]:
        return test.run(arguments[1:])
    parser = _Parser(prog="clusterdns", description="Cluster DNS conformance: the checks, and tools beside.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.add(commands)
    try:
        options = parser.parse_args(arguments)
        return int(options.run(options))
    except UsageError as error:
        print(f"clusterdns: {error}", file=sys.stderr)
        return ExitCode.USAGE
    except HarnessError as error:
        print(f"clusterdns: {error}", file=sys.stderr)
        return ExitCode.NOT_MEASURABLE
    except KeyboardInterrupt:
        print("clusterdns: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough; nothing is to be flushed to it at the end either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
