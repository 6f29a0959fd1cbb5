"""How many of something there are at once."""

from typing import NamedTuple

import numpy as np

from clusterdns.analysis.arrays import Ints
from clusterdns.analysis.capture.connections import NEVER


class LevelOverTime(NamedTuple):
    """A level over time.

    Attributes:
        time_ns: When it changes, in nanoseconds since 1970.
        level: What it is from then on.
    """

    time_ns: Ints
    level: Ints

    @classmethod
    def of(cls, begin_ns: Ints, end_ns: Ints) -> "LevelOverTime":
        """Counts what begins and ends at these times; what ends when another begins counts with it.

        Args:
            begin_ns: When each begins.
            end_ns: When it ends; `NEVER` where that is not seen.
        """
        end_ns = end_ns[end_ns < NEVER]
        time_ns = np.concatenate([begin_ns, end_ns])
        step = np.concatenate([np.ones_like(begin_ns), -np.ones_like(end_ns)])
        order = np.lexsort((-step, time_ns))
        return cls(time_ns[order], np.cumsum(step[order]))

    @property
    def peak(self) -> int:
        """The highest level."""
        return int(self.level.max(initial=0))

    @property
    def peak_ns(self) -> int | None:
        """When that is first reached; None without any."""
        return int(self.time_ns[self.level.argmax()]) if len(self.level) else None
