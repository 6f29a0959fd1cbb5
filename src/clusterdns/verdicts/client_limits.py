"""What clients are held to along a path while something changes: gaps, lost queries, slow answers."""

from collections.abc import Iterable, Iterator

from clusterdns.model.disruption import PathOutage
from clusterdns.model.soak import PathFigures
from clusterdns.settings import Settings

Path = PathOutage | PathFigures
"""A path during a short disruption, or over the hours of a soak."""


def along(path: Path, faults: Iterable[str]) -> Iterator[str]:
    """Yield faults of a path, each with the path in front."""
    yield from (f"{path.address} from {path.node}: {fault}" for fault in faults)


def past_limits(path: Path, settings: Settings, lost_limit: float) -> Iterator[str]:
    """Yield the limits of gaps and losses that a path is past, a sentence each.

    Args:
        path: What became of its queries.
        settings: The limits.
        lost_limit: Per cent of the queries that may fail.
    """
    if path.gap_s > settings.disruption_gap_limit:
        yield f"no answer for {path.gap_s:.1f} s, more than {settings.disruption_gap_limit:g} s"
    if path.failed_percent > lost_limit:
        yield f"{path.failed:,} of {path.queries:,} queries failed, more than {lost_limit:g} %"


def too_slow(path: Path, settings: Settings) -> Iterator[str]:
    """Yield the limit of slow answers, in a sentence, where a path is past it."""
    if path.p99_ms is not None and path.p99_ms > settings.disruption_p99_limit:
        yield f"p99 of {path.p99_ms:.0f} ms, more than {settings.disruption_p99_limit:g} ms"
