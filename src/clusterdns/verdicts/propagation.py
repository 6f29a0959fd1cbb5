"""Verdicts on changes: records.propagation, and records.consistency while endpoints change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.propagation import Sighting

_ONCE = 2  # states: before, and after
_SHOWN = 10


def propagation(seen: Sequence[Sighting], limit: float) -> Verdict:
    """Every change is seen on every path within the limit, in seconds."""
    late = [one for one in seen if one.seconds is None or one.seconds > limit]
    measurements = _measurements(seen, limit)
    if not late:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    worst = max(late, key=lambda one: float("inf") if one.seconds is None else one.seconds)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"{len(late)} of {len(seen)} changes were not seen within {limit:g} s: {_told(worst)}",
        remedy="look at the DNS server's watch of the API (log, access), and at caches in front of it",
        source="--propagation-limit, and --record-ttl-limit for what is cached",
        measurements=measurements,
        evidence=tuple(map(_told, late[:_SHOWN])),
    )


def steadiness(seen: Sequence[Sighting], limit: float) -> Verdict:
    """While endpoints change every DNS pod goes over to the new ones once, within the limit of the first."""
    pods = [one for one in seen if one.path.pod] or list(seen)
    wavering = [one for one in pods if len(one.states) > _ONCE]
    apart = {
        what: max(times) - min(times)
        for what, times in _times(pods)
        if times and max(times) - min(times) > limit
    }
    blind = [one for one in pods if one.seconds is None]
    complaints = [
        *(f"{_told(one)}; in turn {', '.join(state for _, state in one.states)}" for one in wavering),
        *(f"{what}: {spread:.2f} s from the first DNS pod to the last" for what, spread in apart.items()),
        *(_told(one) for one in blind),
    ]
    measurements = {
        **_measurements(pods, limit),
        "seconds from the first to the last": {
            what: round(max(times) - min(times), 3) for what, times in _times(pods) if times
        },
    }
    if not complaints:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"{complaints[0]}" + (f" (and {len(complaints) - 1} more)" if complaints[1:] else ""),
        remedy="compare the DNS pods: versions, configuration, and whether each still watches the API",
        source="--propagation-limit",
        measurements=measurements,
        evidence=tuple(complaints[:_SHOWN]),
    )


def _times(seen: Iterable[Sighting]) -> Iterator[tuple[str, list[float]]]:
    """Yield each change with the times at which it was seen."""
    ordered = sorted(seen, key=lambda one: one.what)
    for what, group in groupby(ordered, key=lambda one: one.what):
        yield what, [one.seconds for one in group if one.seconds is not None]


def _measurements(seen: Sequence[Sighting], limit: float) -> Mapping[str, object]:
    times = sorted(one.seconds for one in seen if one.seconds is not None)
    middle, late = (times[int((len(times) - 1) * share)] if times else None for share in (0.5, 0.99))
    return {
        "limit": limit,
        "seconds": {"p50": middle, "p99": late, "max": times[-1] if times else None, "samples": len(times)},
        "by path": {str(one.path): f"{one.what}: {one.seconds}" for one in seen},
        "queries": sum(one.asked for one in seen),
        "answers": sum(one.answered for one in seen),
    }


def _told(one: Sighting) -> str:
    how = "never" if one.seconds is None else f"after {one.seconds:.2f} s"
    last = one.states[-1][1] if one.states else "no answer"
    return f"{one.what}: {how} on {one.path}, last {last} ({one.answered} of {one.asked} answered)"
