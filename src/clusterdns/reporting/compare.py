"""Two reports compared: what is worse in the newer one. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from clusterdns.model.outcome import ExitCode, Outcome
from clusterdns.model.rank_sum import chance_of_larger
from clusterdns.reporting.schema import CheckResult, Report

# Worse outcomes have higher ranks. What is skipped or could not be measured says nothing of the cluster.
_RANKS = {Outcome.PASSED: 0, Outcome.WARNED: 1, Outcome.FAILED: 2}
_UNMEASURED = frozenset({Outcome.SKIPPED, Outcome.ERROR})

# How figures end that are times of answers. Those in seconds (until a change is seen, a gap, a soak) are of
# a few events of one run: between equal runs they differ by a factor of ten, so only limits judge them.
_TIME = "_ms"
# Words of figures that are limits, the generator's own, or the single worst of a run, which is noise.
_LEFT_OUT = ("limit", "lag", "max", "longest", "slowest")

_FEWEST = 8  # samples of a figure, in either report: fewer cannot differ beyond chance
_CHANCE = 0.001  # of a difference in one direction as large as the one seen, where there is none

# Settings that say where reports go or how a cluster is reached, and change no figure.
_IRRELEVANT = frozenset(
    {
        "cluster",
        "kubeconfig",
        "kube_context",
        "lab_name",
        "lab_topology",
        "keep",
        "kind_name",
        "kind_port",
        "kind_image",
        "report_dir",
        "markdown",
        "baseline",
        "compare_ratio",
        "compare_floor",
        "check",
        "require",
        "strict",
        "allow_load",
        "allow_disruption",
        "allow_debug_containers",
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that differs.

    Attributes:
        what: A case's name, a fact of the cluster, a setting, or a figure as "CASE FIGURE", of samples as
            "CASE FIGURE (median of N)".
        old: As it was; None where it was not there.
        new: As it is; None where it is not there.
    """

    what: str
    old: object
    new: object

    def __str__(self) -> str:
        return f"{self.what}: {_shown(self.old)} -> {_shown(self.new)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between two reports.

    Attributes:
        worse: Cases whose outcome is worse, new ones that failed among them.
        better: Cases whose outcome is better.
        unmeasured: Cases that had an outcome and have none any more: skipped, in error, or vanished.
        added: Cases that are new and passed, warned, or have no outcome.
        facts: Facts of the cluster, versions and layers among them.
        settings: Settings that differ, and that figures may depend on.
        slower: Figures that grew beyond noise; none where `settings` differ.
        compared: How many cases have an outcome in both.
    """

    worse: Sequence[Change]
    better: Sequence[Change]
    unmeasured: Sequence[Change]
    added: Sequence[Change]
    facts: Sequence[Change]
    settings: Sequence[Change]
    slower: Sequence[Change]
    compared: int

    def exit_code(self) -> ExitCode:
        """Return the exit code by the gate contract: 0 no worse, 1 worse, 6 not, or no longer, measured."""
        if self.worse or self.slower:
            return ExitCode.FAILED
        return ExitCode.NOT_MEASURABLE if self.unmeasured or not self.compared else ExitCode.OK


def compare(old: Report, new: Report, *, ratio: float, floor_ms: float) -> Comparison:
    """Compare two reports.

    Args:
        old: The baseline.
        new: What is held against it.
        ratio: How many times its old value a time may be before it counts as slower.
        floor_ms: Milliseconds that a time may grow by in any case.
    """
    before, after = _by_name(old), _by_name(new)
    worse, better, unmeasured = [], [], []
    for name, result in before.items():
        now = after.get(name)
        change = Change(name, result.outcome.value, now.outcome.value if now else None)
        if result.outcome in _UNMEASURED:
            if now and now.outcome is Outcome.FAILED:
                worse.append(change)
        elif now is None or now.outcome in _UNMEASURED:
            unmeasured.append(change)
        elif _RANKS[now.outcome] > _RANKS[result.outcome]:
            worse.append(change)
        elif _RANKS[now.outcome] < _RANKS[result.outcome]:
            better.append(change)
    added = [Change(name, None, now.outcome.value) for name, now in after.items() if name not in before]
    failed = [change for change in added if change.new == Outcome.FAILED.value]
    settings = [
        change
        for change in _differences(old.settings, new.settings)
        if change.what not in _IRRELEVANT
        and change.what in old.settings
        and change.what in new.settings  # else one of the two versions of the suite does not know it
    ]
    shared = [(before[name], after[name]) for name in before if name in after]
    compared = [pair for pair in shared if not _UNMEASURED & {result.outcome for result in pair}]
    return Comparison(
        worse=[*worse, *failed],
        better=better,
        unmeasured=unmeasured,
        added=[change for change in added if change not in failed],
        facts=_differences(old.cluster, new.cluster),
        settings=settings,
        slower=[] if settings else [slow for pair in shared for slow in _slower(*pair, ratio, floor_ms)],
        compared=len(compared),
    )


def _by_name(report: Report) -> dict[str, CheckResult]:
    return {result.name: result for result in report.checks}


def _differences(old: Mapping[str, object], new: Mapping[str, object]) -> list[Change]:
    names = dict.fromkeys([*old, *new])
    return [Change(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def _slower(old: CheckResult, new: CheckResult, ratio: float, floor_ms: float) -> Iterator[Change]:
    """Yield the times of a case that grew both by the ratio and by more than the floor.

    Of several samples it is the median, and only where chance hardly makes such a difference.
    """
    earlier, later = dict(_samples(old.measurements)), dict(_samples(new.measurements))
    for figure, samples in earlier.items():
        if figure not in later:
            continue
        was, is_ = median(samples), median(later[figure])
        beyond = is_ > was * ratio and is_ - was > floor_ms
        if beyond and chance_of_larger(samples, later[figure]) < _CHANCE:
            yield Change(f"{old.name} {figure} (median of {len(later[figure])})", was, is_)
    before, after = dict(_times(old.measurements)), dict(_times(new.measurements))
    for figure, milliseconds in before.items():
        now = after.get(figure)
        if now is not None and now > milliseconds * ratio and now - milliseconds > floor_ms:
            yield Change(f"{old.name} {figure}", milliseconds, now)


def _samples(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Sequence[float]]]:
    """Yield the path of every list of times in milliseconds -> the list."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _samples(inner, (*path, name))
    elif isinstance(value, list | tuple) and len(value) >= _FEWEST and path and path[-1].endswith(_TIME):
        numbers = [sample for sample in value if isinstance(sample, int | float)]
        if len(numbers) == len(value):
            yield ".".join(path), numbers


def _times(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Yield the path of every figure that is a time -> milliseconds.

    Lists are left out: their entries are single samples or pods, which have no counterpart in another run.
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if not any(word in name for word in _LEFT_OUT):
                yield from _times(inner, (*path, name))
    elif isinstance(value, int | float) and not isinstance(value, bool) and path and path[-1].endswith(_TIME):
        yield ".".join(path), value


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
