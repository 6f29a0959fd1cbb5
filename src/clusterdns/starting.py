"""Ctrl-C while a program of ours is still being imported: one line and the exit code of an interrupt."""

import sys
from types import TracebackType


def tell_interrupts() -> None:
    """Let a KeyboardInterrupt that nothing catches end the process in one line, with exit code 2.

    Called before the imports that take long; every other exception is told as before.
    """
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            before(kind, error, traceback)
            return
        if sys.stderr is not None:
            sys.stderr.write("clusterdns: interrupted\n")
        sys.exit(2)  # model.outcome.ExitCode.INTERRUPTED, whose import takes long

    sys.excepthook = tell
