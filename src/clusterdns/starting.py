"""Signals that end a program of ours, also in its imports: one line and the exit code of an interrupt."""

import sys
import threading
from types import TracebackType

from clusterdns.signals import hear_signals


def tell_interrupts() -> None:
    """Let an interrupt that nothing catches end the process in one line, with exit code 2.

    Called before the imports that take long; every other exception is told as before. Signals are heard from
    then on.
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
    if threading.current_thread() is threading.main_thread():  # no other may
        hear_signals()
