"""Whether the kernel held DNS pods back at their CPU limit while the run asked them: saturation.cpu-limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Need, Stage, only
from clusterdns.cluster.permissions import CPU_PERIODS, OBJECTS
from clusterdns.errors import HarnessError
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.throttling import Throttling

_ENOUGH = 20  # periods: two seconds in which something ran

CPU_LIMITS = Need("cpu-limits", lambda run: None if run.limited_pods else "no DNS pod has a CPU limit")
"""DNS pods with a CPU limit."""


@dataclass(frozen=True, slots=True)
class CpuLimits:
    """Measurements of saturation.cpu-limit.

    Attributes:
        containers: What became of each container with a CPU limit, and of each pod as a whole.
        limit_percent: In so many of the periods in which it ran it may be held back.
    """

    containers: Sequence[Throttling]
    limit_percent: float


def held_back(containers: Sequence[Throttling], limit_percent: float) -> list[Throttling]:
    """Return what was held back too often, each pod once, what it happened to most often first."""
    worst: dict[str, Throttling] = {}
    for container in sorted(containers, key=lambda container: -container.percent):
        if container.periods >= _ENOUGH and container.percent > limit_percent:
            worst.setdefault(container.pod, container)
    return list(worst.values())


def cpu_limit(containers: Sequence[Throttling], limit_percent: float) -> Verdict:
    """Judge how often DNS pods were held back; whether queries suffered is what others judge.

    Raises:
        HarnessError: nothing was read twice, so that nothing is known.
    """
    if not containers:
        raise HarnessError("no container with a CPU limit was read twice: all were replaced, or are unknown")
    faults = [str(container) for container in held_back(containers, limit_percent)]
    return judged(faults, CpuLimits(containers, limit_percent), outcome=Outcome.WARNED)


CPU_LIMIT = Check(
    id="saturation.cpu-limit",
    profile=Profile.CORE,
    requirement="DNS pods are not held back at their CPU limit while they are asked.",
    source="kubernetes-mixin: CPUThrottlingHigh (25 % of periods)",
    remedy="raise the CPU limit of the DNS pods or take it away (the request is what reserves CPU for them)",
    needs=(CPU_LIMITS,),
    grants=(OBJECTS, CPU_PERIODS),
    measures=(Run.first_cpu_periods,),
    # After what is measured side by side, which is what the pods are asked.
    cases=only(lambda run: cpu_limit(run.throttling, run.settings.throttled_limit), stage=Stage.AT_REST),
)

CHECKS = (CPU_LIMIT,)
