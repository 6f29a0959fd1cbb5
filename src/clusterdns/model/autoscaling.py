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
        cores_per_replica: Zero leaves cores out.
        nodes_per_replica: Zero leaves nodes out.
        at_least: The parameter `min`.
        at_most: The parameter `max`; None where there is none.
        prevent_single_point_failure: At least two replicas for more than one node, whatever `max` says.
        include_unschedulable: Whether cordoned nodes count, too.
    """

    cores_per_replica: float = 0
    nodes_per_replica: float = 0
    at_least: int = 1
    at_most: int | None = None
    prevent_single_point_failure: bool = False
    include_unschedulable: bool = False

    def replicas(self, nodes: int, cores: float) -> int:
        """Return how many replicas a cluster of this many counted nodes and cores gets."""
        for_nodes = self._bounded(nodes, self.nodes_per_replica)
        if self.prevent_single_point_failure and nodes > 1:
            for_nodes = max(for_nodes, 2)
        return max(for_nodes, self._bounded(cores, self.cores_per_replica), self.at_least)

    def _bounded(self, resources: float, per_replica: float) -> int:
        if per_replica == 0:
            return 1
        wanted = ceil(resources / per_replica)
        return max(self.at_least, wanted if self.at_most is None else min(wanted, self.at_most))

    def __str__(self) -> str:
        guard = str(self.prevent_single_point_failure).lower()
        bounds = f", min {self.at_least}" + (f", max {self.at_most}" if self.at_most is not None else "")
        cordoned = ", cordoned nodes count" if self.include_unschedulable else ""
        return (
            f"linear: a replica per {self.nodes_per_replica:g} nodes or {self.cores_per_replica:g} cores"
            f"{bounds}, preventSinglePointFailure {guard}{cordoned}"
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
    """Return the replicas of the last step that is reached; of the first, where none is; 1 without steps."""
    if not steps:
        return 1
    return steps[max(bisect.bisect_right([at for at, _ in steps], value) - 1, 0)][1]
