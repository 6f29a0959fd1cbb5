"""What a run's cases judge is measured beforehand, side by side, where nothing keeps them apart."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from clusterdns.check import Need, SelectedCase, Stage
from clusterdns.errors import HarnessError
from clusterdns.measuring.part import part
from clusterdns.measuring.run import Run

_WORKERS = 8  # mostly waiting for the cluster
_WITHOUT_PROBES: tuple[part[Run, object], ...] = (Run.record_objects,)
"""Parts that take a cluster a while and no probe pod: they are begun while the probe pods start, without
waiting to see whether these are let in."""


class Beforehand:
    """Measures what cases declare, unless a need of theirs is not met.

    What fails is remembered by the part, and told to the case that asks for it.
    """

    def __init__(self, run: Run, cases: Iterable[SelectedCase]) -> None:
        """Begin with what checks declare in `measures`."""
        self._run = run
        self._cases = list(cases)
        self._pools: list[ThreadPoolExecutor] = []
        wanted: dict[tuple[tuple[Need, ...], part[Run, object]], SelectedCase] = {}
        for case in self._cases:
            for measured in case.check.measures:
                wanted.setdefault((case.needs, measured), case)
        at_once = [
            measured
            for (_, measured), case in wanted.items()
            if measured in _WITHOUT_PROBES and case.missing_permission(run) is None
        ]
        self._begin(at_once, [(case, measured) for (_, measured), case in wanted.items()])

    def wait(self) -> None:
        """Return when all that has begun is measured, or has failed."""
        for pool in self._pools:
            pool.shutdown()

    def measure_at_rest(self) -> None:
        """Wait, then measure side by side what cases at rest declare: each of it asks little of a cluster."""
        self.wait()
        self._begin(
            [],
            [
                (case, measured)
                for case in self._cases
                if case.case.stage is Stage.AT_REST
                for measured in case.case.measures
            ],
        )
        self.wait()

    def _begin(
        self, at_once: Iterable[part[Run, object]], wanted: Iterable[tuple[SelectedCase, part[Run, object]]]
    ) -> None:
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="beforehand")
        self._pools.append(pool)
        for measured in at_once:
            pool.submit(_measure, self._run, measured)
        for case, measured in wanted:
            pool.submit(_measure_unless_skipped, self._run, case, measured)
        pool.shutdown(wait=False)


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
