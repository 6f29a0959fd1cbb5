"""How many replicas cluster-proportional-autoscaler gives to a cluster's DNS.

Source: github.com/kubernetes-sigs/cluster-proportional-autoscaler, linearcontroller and laddercontroller.
"""

import bisect
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Linear:
    """The linear mode.

    Attributes:
        cores_per_replica: Zero or less leaves cores out.
        nodes_per_replica: Zero or less leaves nodes out.
        at_least: The parameter `min`.
        at_most: The parameter `max`; None where there is none.
        prevent_single_point_failure: At least two replicas where there is more than one node.
    """

    cores_per_replica: float = 0
    nodes_per_replica: float = 0
    at_least: int = 1
    at_most: int | None = None
    prevent_single_point_failure: bool = False

    def replicas(self, nodes: int, cores: float) -> int:
        """Return how many replicas a cluster of this many schedulable nodes and cores gets."""
        wanted = max(
            ceil(cores / self.cores_per_replica) if self.cores_per_replica > 0 else 0,
            ceil(nodes / self.nodes_per_replica) if self.nodes_per_replica > 0 else 0,
        )
        guarded = self.prevent_single_point_failure and nodes > 1
        least = max(self.at_least, 2 if guarded else 1)
        wanted = max(wanted, least)
        return wanted if self.at_most is None else min(wanted, max(self.at_most, 1))

    def __str__(self) -> str:
        guard = str(self.prevent_single_point_failure).lower()
        bounds = f", min {self.at_least}" + (f", max {self.at_most}" if self.at_most is not None else "")
        return (
            f"linear: a replica per {self.nodes_per_replica:g} nodes or {self.cores_per_replica:g} cores"
            f"{bounds}, preventSinglePointFailure {guard}"
        )


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ladder mode: of each list, the last step that the cluster reaches; of the two, the larger.

    Attributes:
        cores: (cores, replicas), ascending.
        nodes: (nodes, replicas), ascending.
    """

    cores: tuple[tuple[float, int], ...] = ()
    nodes: tuple[tuple[float, int], ...] = ()

    def replicas(self, nodes: int, cores: float) -> int:
        """Return how many replicas a cluster of this many schedulable nodes and cores gets."""
        return max(_step(self.nodes, nodes), _step(self.cores, cores))

    def __str__(self) -> str:
        steps = {"nodes": self.nodes, "cores": self.cores}
        said = [f"{name} {' '.join(f'{at:g}:{n}' for at, n in rungs)}" for name, rungs in steps.items()]
        return f"ladder: {'; '.join(said)}"


Autoscaler = Linear | Ladder

GKE_AUTOSCALER = Linear(256, 16, prevent_single_point_failure=True)
"""kube-dns-autoscaler as GKE deploys it."""


def _step(steps: tuple[tuple[float, int], ...], value: float) -> int:
    """Return the replicas of the last step that is reached; of the first, where none is."""
    if not steps:
        return 0
    return steps[max(bisect.bisect_right([at for at, _ in steps], value) - 1, 0)][1]
