"""Load is measured on a quiet machine: what waits for one, and what a run is worth where there is none."""

import fcntl
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

LAG_LIMIT_MS = 1.0
"""How late a timer may be at p99: what the generator of a load may be at most."""

_TICKS, _TICK = 1000, 0.001
_PATIENCE = 180.0  # seconds
_BUSY = "machine-busy"  # how a report says that a load's own generator was late, or a watch


def timer_lag_ms() -> float:
    """Return how late a timer of ours is at p99, over one second."""
    began, lags = time.monotonic(), []
    for tick in range(_TICKS):
        due = began + tick * _TICK
        time.sleep(max(due - time.monotonic(), 0))
        lags.append(time.monotonic() - due)
    return sorted(lags)[math.ceil(len(lags) * 0.99) - 1] * 1000


def wait_until_quiet() -> float:
    """Wait until timers are punctual, or patience has run out; return their lag in milliseconds."""
    end = time.monotonic() + _PATIENCE
    lag = timer_lag_ms()
    while lag > LAG_LIMIT_MS and time.monotonic() < end:
        lag = timer_lag_ms()
    return lag


def could_not_measure(report: Mapping[str, Any]) -> str:
    """Return why a run measured nothing: the machine was busy, whatever else it says; "" if it was not."""
    return next((str(cause["sentence"]) for cause in report["causes"] if cause["id"] == _BUSY), "")


def not_measured(reason: str, tally: Path) -> None:
    """End a proof that could not be measured: of a whole run, the first is skipped, the second fails it.

    Args:
        reason: Why.
        tally: A file that every worker of the run counts them in.
    """
    with tally.open("a+") as counted:
        fcntl.flock(counted, fcntl.LOCK_EX)
        counted.write(".")
        counted.flush()
        first = counted.tell() == 1
    if first:
        pytest.skip(f"could not measure: {reason}")
    pytest.fail(f"could not measure, and not for the first time: {reason}")
