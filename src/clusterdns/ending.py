"""What ends a program of ours other than a verdict -> one line and an exit code (`model.outcome.ExitCode`).

A reader that closes its pipe before it has the whole answer makes it 141, as SIGPIPE does: nobody shall take
half an answer for a verdict.
"""

import contextlib
import os
import signal
import sys

from clusterdns import defects
from clusterdns.errors import HarnessError, UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.reporting.text import shown

PIPE_CLOSED = 128 + signal.SIGPIPE


def ended_by(error: BaseException) -> int:
    """Say what ended the program, in one line; return the exit code that this means."""
    match error:
        case UsageError():
            code, message = ExitCode.USAGE, str(error)
        case HarnessError():
            code, message = ExitCode.NOT_MEASURABLE, str(error)
        case KeyboardInterrupt():
            code, message = ExitCode.INTERRUPTED, "interrupted"
        case BrokenPipeError():
            _drop_output()
            return PIPE_CLOSED
        case OSError():  # a full disk, for one: the machine's, no defect of ours
            _drop_output()
            where = error.filename or "cannot write the answer"
            code, message = ExitCode.NOT_MEASURABLE, f"{where}: {error.strerror or type(error).__name__}"
        case _:
            code, message = ExitCode.INTERNAL, defects.told(error)
    with contextlib.suppress(OSError, AttributeError):  # standard error may be full or closed
        sys.stderr.write(f"clusterdns: {shown(message)}\n")
        sys.stderr.flush()
    return code


def _drop_output() -> None:
    """Let what is written from now on, and what Python still holds, go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
