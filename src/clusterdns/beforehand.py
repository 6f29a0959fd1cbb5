"""What a run's cases judge is measured beforehand, side by side, where nothing keeps them apart."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from clusterdns.check import Need, SelectedCase
from clusterdns.errors import HarnessError
from clusterdns.measuring.part import part
from clusterdns.measuring.run import Run

_WORKERS = 8  # mostly waiting for the cluster
_WITHOUT_PROBES: tuple[part[Run, object], ...] = (Run.record_objects,)
"""Parts that take a cluster a while and no probe pod: they are begun while the probe pods start, without
waiting to see whether these are let in."""


def measure_beforehand(run: Run, cases: Iterable[SelectedCase]) -> Callable[[], None]:
    """Begin to measure what the cases declare in `measures`, unless a need of theirs is not met.

    What fails is remembered by the part, and told to the case that asks for it.

    Returns:
        A function that waits until all is measured, or has failed.
    """
    wanted: dict[tuple[tuple[Need, ...], part[Run, object]], SelectedCase] = {}
    for case in cases:
        for measured in case.check.measures:
            wanted.setdefault((case.needs, measured), case)
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="beforehand")
    for (_, measured), case in wanted.items():
        if measured in _WITHOUT_PROBES and case.missing_permission(run) is None:
            pool.submit(_measure, run, measured)
    for (_, measured), case in wanted.items():
        pool.submit(_measure_unless_skipped, run, case, measured)
    pool.shutdown(wait=False)
    return pool.shutdown


def _measure_unless_skipped(run: Run, case: SelectedCase, measured: part[Run, object]) -> None:
    try:
        reason = case.skip_reason(run)
    except HarnessError:
        return  # the part that the need asks for remembers it
    if reason is None:
        _measure(run, measured)


def _measure(run: Run, measured: part[Run, object]) -> None:
    with suppress(HarnessError):  # the part remembers it
        measured.__get__(run, Run)
