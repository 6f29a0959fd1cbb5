import os
import signal
import threading
import time

import pytest

from clusterdns.signals import SIGNALS, signals_held, until_signal


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_taken_for_a_wish(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with until_signal() as interrupted:
        os.kill(os.getpid(), number)
        assert interrupted.wait(5)
    assert signal.getsignal(number) is before


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with until_signal() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            assert interrupted.wait(5)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_held_signal_is_delivered_when_the_block_has_ended() -> None:
    seen: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: seen.append(number)) for number in SIGNALS}
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()  # the kernel may give a process's signal to any thread that does not block it
    try:
        with signals_held():
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pthread_kill(other.ident or 0, signal.SIGHUP)
            assert seen == []
        deadline = time.monotonic() + 5  # the other thread's when that one has run
        while len(seen) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sorted(seen) == [signal.SIGHUP, signal.SIGTERM]
    finally:
        ended.set()
        other.join()
        for number, handler in before.items():
            signal.signal(number, handler)


def test_nothing_is_held_outside_the_main_thread() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    during: dict[signal.Signals, object] = {}

    def look() -> None:
        with signals_held():
            during.update({number: signal.getsignal(number) for number in SIGNALS})

    other = threading.Thread(target=look)
    other.start()
    other.join()
    assert during == before
