"""The signals that end a run: heard as interrupts, held back, ignored, or taken for a wish.

Standard library only, as the command imports it first.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and a terminal that closes."""


def hear_signals() -> Callable[[], None]:
    """Let them interrupt what follows; return what puts back what was before.

    SIGINT even where it is ignored: a shell's background job inherits it so. SIGHUP not: nohup asks for that.
    From the first of them on they are ignored: what follows must not stop the clean-up.
    """
    heard = [number for number in SIGNALS if number is not signal.SIGHUP or not _is_ignored(number)]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, _interrupt) for number in heard}

    def as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return as_before


def ignore_signals() -> None:
    """Let no further signal stop what is being ended."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_held() -> Iterator[None]:
    """Deliver them when the block has ended; outside the main thread, which they interrupt, nothing is held.

    Not by a mask of signals: it is a thread's own, and the kernel gives the signal to a thread that has none.
    """
    held: list[int] = []
    try:
        with _handled_by(lambda number, _frame: held.append(number)):
            yield
    finally:
        for number in held:
            signal.raise_signal(number)


@contextmanager
def until_signal() -> Iterator[threading.Event]:
    """Yield an event that they set while the block runs in the main thread; they interrupt nothing then.

    One that is ignored stays so: nohup asks for that.
    """
    interrupted = threading.Event()
    with _handled_by(lambda _number, _frame: interrupted.set()):
        yield interrupted


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let it handle them while the block runs in the main thread, but for those that are ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS if not _is_ignored(number)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    ignore_signals()
    raise KeyboardInterrupt


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) is signal.SIG_IGN
