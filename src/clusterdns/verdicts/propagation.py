"""Changes of Services: every path shows them soon."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Case, Check
from clusterdns.cluster.permissions import RECORD_CHANGES
from clusterdns.measuring.propagation import change_limit
from clusterdns.measuring.run import Run
from clusterdns.model.convergence import Convergence
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.verdicts.records import GRANTS

NO_PATH = "no path answers by UDP: nothing could be seen to change (see records.reachable)"

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ConvergenceTimes:
    """How long paths took to show changes; None where none did.

    Attributes:
        p50_s: Half of them took no longer, in seconds.
        p99_s: So for 99 of 100.
        max_s: The longest.
        samples: How many there are.
    """

    p50_s: float | None
    p99_s: float | None
    max_s: float | None
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergenceOfPaths:
    """Measurements of changes that were looked for along paths.

    Attributes:
        limit_s: Seconds within which they are to be shown.
        times: Of all paths and changes together.
        seconds_by_path: Path -> change -> when it was shown; None where it was not.
        queries: How many were sent.
        answers: How many came.
        late_queries: How many were sent along paths while they showed a change late, or never.
        late_answers: How many of these were answered.
    """

    limit_s: float
    times: ConvergenceTimes
    seconds_by_path: Mapping[str, Mapping[str, float | None]]
    queries: int
    answers: int
    late_queries: int
    late_answers: int


def propagation(convergences: Sequence[Convergence], limit: float) -> Verdict:
    """Judge how soon every path shows every change.

    Args:
        convergences: When each path showed each change.
        limit: Seconds that it may take.
    """
    if not convergences:
        return judged([NO_PATH], measured(convergences, limit))
    late = _late(convergences, limit)
    measurements = measured(convergences, limit)
    if not late:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    worst = max(late, key=lambda seen: float("inf") if seen.seconds is None else seen.seconds)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=(
            f"{len(late)} of {len(convergences)} changes were not seen within {limit:g} s: {described(worst)}"
        ),
        measurements=measurements,
        evidence=tuple(map(described, late[:_SHOWN])),
    )


PROPAGATION = Check(
    id="records.propagation",
    profile=Profile.CORE,
    requirement=(
        "A new name is found on every path within the limit, and a changed or deleted one is soon gone."
    ),
    source="RFC 2308 5, the cluster's policy (--propagation-limit, --record-ttl-limit for what is cached)",
    remedy="look at the DNS server's watch of the API (log, access), and at caches in front of it",
    grants=GRANTS,
    measures=(Run.record_objects, Run.views, Run.creations),
    cases=(
        Case("", lambda run: propagation(run.creations, run.settings.propagation_limit)),
        Case(
            "updated",
            lambda run: propagation(run.update, change_limit(run.settings)),
            profile=Profile.SLOW,
            grants=(RECORD_CHANGES,),
        ),
        Case(
            "deleted",
            lambda run: propagation(run.deletion, change_limit(run.settings)),
            profile=Profile.SLOW,
            grants=(RECORD_CHANGES,),
        ),
    ),
)

CHECKS = (PROPAGATION,)


def measured(convergences: Sequence[Convergence], limit: float) -> ConvergenceOfPaths:
    """Return what paths showed, in figures."""
    by_path: dict[str, dict[str, float | None]] = {}
    late = _late(convergences, limit)
    for seen in convergences:
        by_path.setdefault(str(seen.path), {})[seen.change] = seen.seconds
    return ConvergenceOfPaths(
        limit_s=limit,
        times=_times(seen.seconds for seen in convergences if seen.seconds is not None),
        seconds_by_path=by_path,
        queries=sum(seen.queries for seen in convergences),
        answers=sum(seen.answers for seen in convergences),
        late_queries=sum(seen.queries for seen in late),
        late_answers=sum(seen.answers for seen in late),
    )


def described(seen: Convergence) -> str:
    """Return when a path showed a change, in words."""
    when = "never" if seen.seconds is None else f"after {seen.seconds:.2f} s"
    last = seen.states[-1][1] if seen.states else "no answer"
    return f"{seen.change}: {when} on {seen.path}, last {last} ({seen.answers} of {seen.queries} answered)"


def _late(convergences: Iterable[Convergence], limit: float) -> list[Convergence]:
    return [seen for seen in convergences if seen.seconds is None or seen.seconds > limit]


def _times(seconds: Iterable[float]) -> ConvergenceTimes:
    ordered = sorted(seconds)
    if not ordered:
        return ConvergenceTimes(None, None, None, 0)
    p50, p99 = (ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99))
    return ConvergenceTimes(p50, p99, ordered[-1], len(ordered))
