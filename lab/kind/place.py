"""A kind cluster as what a breakage is put on."""

from collections.abc import Sequence

from lab.errors import LabError
from lab.kind import cluster, images
from lab.kind.docker import docker, nodes
from lab.kind.kubectl import NodeKubectl
from lab.recipes import Progress


class KindCluster:
    """A kind cluster with nodes of an image made here, since breakages are written for the lab's programs."""

    addons: Sequence[str] = ()

    def __init__(self, name: str, progress: Progress) -> None:
        """Look what it is.

        Raises:
            LabError: there is none of that name, it is not this suite's, or its nodes are of a foreign image.
        """
        status = cluster.status(name, progress)
        if status["state"] != "ready":
            raise LabError(f"no kind cluster {name!r} of this suite: make one with --cluster kind --keep")
        self.topology: str = status["topology"]
        self.kubectl = NodeKubectl(name)
        self._nodes = sorted(nodes(name))  # x-control-plane, x-worker, x-worker2
        image = images.of_nodes(name)
        if not images.is_ours(image):
            raise LabError(f"the nodes of {name!r} are of {image}: only an image made here can be broken")

    def shell(self, node: str, script: str) -> None:
        """Run a shell script on a node."""
        docker("exec", self._container(node), "sh", "-ec", script)

    def spoil(self, node: str, *verb: str) -> None:
        """Refuse: the nodes' Python lacks what it takes to change an answer."""
        raise LabError(f"answers are not spoiled on kind's {node}: {' '.join(verb)}")

    def restart(self, node: str, program: str) -> None:
        """Refuse: what a kind node's programs read is kubeadm's, and lies elsewhere."""
        raise LabError(f"{program} of kind's {node} has no settings of the lab's")

    def _container(self, node: str) -> str:
        number = int(node.rpartition("-")[2])
        if number > len(self._nodes):
            raise LabError(f"the cluster has {len(self._nodes)} nodes, the breakage wants {number}")
        return self._nodes[number - 1]
