"""Whether the kernel held programs back since they had used up their CPU limit (CFS bandwidth control)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CpuPeriods:
    """What cAdvisor says of a control group with a CPU limit, since it began.

    Attributes:
        read_ms: When cAdvisor read it, in milliseconds since 1970.
        periods: Periods of 100 ms in which something in it wanted to run.
        throttled: Those of them in which it was held back.
    """

    read_ms: int
    periods: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Throttling:
    """What became of a pod, or of one of its containers, between two readings.

    Attributes:
        pod: "namespace/name".
        container: Its container; "" for the pod as a whole.
        node: Where it runs.
        seconds: Between the readings.
        periods: Periods of 100 ms in which something in it wanted to run.
        throttled: Those of them in which it was held back.
    """

    pod: str
    container: str
    node: str
    seconds: float
    periods: int
    throttled: int

    @property
    def percent(self) -> float:
        """The share of periods in which it was held back."""
        return 100 * self.throttled / self.periods if self.periods else 0.0

    def __str__(self) -> str:
        whose = f"container {self.container} of {self.pod}" if self.container else self.pod
        return (
            f"{whose} on {self.node} had used up its CPU limit in {self.throttled:,} of {self.periods:,} "
            f"periods of 100 ms in which it ran ({self.percent:.0f} %)"
        )
