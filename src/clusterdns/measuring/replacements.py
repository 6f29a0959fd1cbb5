"""DNS pods that are replaced while they are asked: what they did not answer is no fault of theirs."""

import re

from clusterdns.cluster.api import Cluster
from clusterdns.errors import ClusterError, HarnessError
from clusterdns.model.topology import Backend, Topology


def refuse_replaced(cluster: Cluster, topology: Topology, complaint: str, *, of_answers: bool) -> None:
    """Make sure that the DNS pods which a complaint is about are those that the run has found.

    Args:
        cluster: Says which there are now.
        topology: As the run found it.
        complaint: What is said of the cluster's DNS, with the names of pods as "namespace/name".
        of_answers: Whether it is about answers; where it names no pod, any that was ready may be meant.

    Raises:
        ClusterError: one of them is gone, or going.
    """
    listed = [backend for service in topology.services for backend in service.backends]
    backends = {backend.pod: backend for backend in listed if backend.layer}  # else it was not there before
    named = [pod for pod in backends if re.search(rf"{re.escape(pod)}(?![\w.-])", complaint)]
    if of_answers and not named:
        named = [backend.pod for backend in backends.values() if backend.ready]
    gone = [pod for pod in named if _is_replaced(cluster, backends[pod])]
    if gone:
        raise ClusterError(f"{', '.join(gone)}: replaced while it was asked: run again")


def _is_replaced(cluster: Cluster, backend: Backend) -> bool:
    namespace, _, name = backend.pod.partition("/")
    try:
        pod = next(cluster.list("pods", namespace=namespace, fields=f"metadata.name={name}"), None)
    except HarnessError:
        return False  # nothing can be said of it, so that the complaint stands
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return True
    status = pod.get("status") or {}
    return status.get("phase") in ("Failed", "Succeeded") or status.get("podIP") != backend.address
