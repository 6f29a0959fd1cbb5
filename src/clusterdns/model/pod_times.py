"""How long each DNS pod takes to answer a name that it always has."""

from dataclasses import dataclass
from statistics import median

QUERIES = 10
"""To each pod from each node, one after the other."""


@dataclass(frozen=True, slots=True)
class PodTimes:
    """What one DNS pod took, asked from one node.

    Attributes:
        pod: "namespace/name".
        node: Where it was asked.
        took_ms: Of each query that was answered, in milliseconds.
    """

    pod: str
    node: str
    took_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Half of the queries took no longer; 0 where none was answered."""
        return median(self.took_ms) if self.took_ms else 0.0
