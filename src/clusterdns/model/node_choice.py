"""Which nodes a run looks at: a sample that holds every kind of node that a cluster has, where it can."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ARCHITECTURES = ("amd64", "arm64")
"""What the probe images are made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A node as far as the choice depends on it.

    Attributes:
        name: Of the node.
        trouble: Why no probe can run there now, e.g. "is not ready"; "" where one can.
        traits: What makes it alike to others or not: zone, pool, OS image, kubelet's version, whether a DNS
            pod or a node cache runs there.
    """

    name: str
    trouble: str = ""
    traits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """The nodes that a run looks at.

    Attributes:
        nodes: The chosen ones, sorted.
        left_out: Node -> why no probe runs there; nodes that are merely not part of the sample are not named.
        usable: How many nodes could have been chosen.
    """

    nodes: tuple[str, ...]
    left_out: Mapping[str, str]
    usable: int


def choose(candidates: Iterable[Candidate], most: int | None) -> NodeChoice:
    """Return which nodes to look at: at each step the one whose kind is rarest among those chosen already.

    Args:
        candidates: Every node.
        most: How many may be chosen; None for all.
    """
    known = sorted(candidates, key=lambda candidate: candidate.name)
    left = [candidate for candidate in known if not candidate.trouble]
    usable = len(left)
    chosen: list[str] = []
    seen: Counter[tuple[str, str]] = Counter()
    while left and (most is None or len(chosen) < most):
        rarest = max(left, key=lambda candidate: _news(candidate, seen))
        left.remove(rarest)
        chosen.append(rarest.name)
        seen.update(rarest.traits.items())
    troubled = {candidate.name: candidate.trouble for candidate in known if candidate.trouble}
    return NodeChoice(tuple(sorted(chosen)), troubled, usable)


def _news(candidate: Candidate, seen: Counter[tuple[str, str]]) -> tuple[int, float]:
    """Return how many traits of a node are new, and how rare the others are."""
    counts = [seen[trait] for trait in candidate.traits.items()]
    return counts.count(0), sum(1 / (1 + count) for count in counts)
