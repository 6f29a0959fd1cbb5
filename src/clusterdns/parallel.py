"""The same thing done to many at once: calls that mostly wait for somebody else."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = 16

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what `function` returns for each item, in order; the first exception ends the rest."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        return list(pool.map(function, items))
    finally:
        # An interrupt must reach the clean-up at once, not when the last call has timed out.
        pool.shutdown(wait=False, cancel_futures=True)
