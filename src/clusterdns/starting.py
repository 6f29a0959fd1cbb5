"""Signals that end a program of ours, also in its imports: one line and the exit code of an interrupt."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


def hear_signals() -> Callable[[], None]:
    """Let SIGINT, SIGTERM and SIGHUP interrupt what follows; return what puts back what was before.

    SIGINT even where it is ignored: a shell's background job inherits it so. SIGHUP not: nohup asks for that.
    From the first of them on they are ignored: what follows must not stop the clean-up.
    """
    heard = [number for number in _SIGNALS if number is not signal.SIGHUP or not _is_ignored(number)]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, _interrupt) for number in heard}

    def as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return as_before


def ignore_signals() -> None:
    """Let no further signal stop what is being ended."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    ignore_signals()
    raise KeyboardInterrupt


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN
