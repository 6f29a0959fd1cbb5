"""Whether DNS pods with a CPU limit were held back while a run asked them."""

from collections.abc import Mapping

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.cadvisor import Container, read_cpu_periods
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.model.throttling import CpuPeriods, Throttling

_TIMEOUT = 45.0  # seconds: cAdvisor looks every 10 to 15 s
_EVERY = 2.0  # seconds: a page of a full node has some megabytes


def counted_periods(cluster: Cluster, pods: Mapping[str, str]) -> dict[Container, CpuPeriods]:
    """Return what cAdvisor says of pods ("namespace/name" -> node), and of each of their containers.

    Raises:
        PermissionMissing: nodes/proxy may not be read.
        ClusterError: a kubelet does not answer.
    """
    counted = read_cpu_periods(cluster, sorted(set(pods.values())))
    return {container: periods for container, periods in counted.items() if container[0] in pods}


def throttling_since(
    began: Mapping[Container, CpuPeriods], cluster: Cluster, pods: Mapping[str, str]
) -> list[Throttling]:
    """Return what has become of pods since an earlier reading, once cAdvisor has looked at all of them again.

    A container that has been replaced, or was not known then, is left out.

    Args:
        began: The earlier reading.
        cluster: Whose.
        pods: "namespace/name" -> node.

    Raises:
        PermissionMissing: nodes/proxy may not be read.
        ClusterError: a kubelet does not answer.
        DeadlineExceeded: cAdvisor has not looked again.
    """

    def look() -> dict[Container, CpuPeriods]:
        now = counted_periods(cluster, pods)
        same = {container: periods for container, periods in now.items() if container in began}
        for container, periods in same.items():
            if periods.read_ms <= began[container].read_ms:
                raise NotYet(f"the figures of {container[0]} are those of the beginning")
        return same

    now = wait_until(look, what="cAdvisor's CPU periods", timeout=_TIMEOUT, every=_EVERY)
    return [
        _since(began[pod, container], after, pod, container, pods[pod])
        for (pod, container), after in sorted(now.items())
        if after.periods >= began[pod, container].periods
    ]


def _since(before: CpuPeriods, after: CpuPeriods, pod: str, container: str, node: str) -> Throttling:
    return Throttling(
        pod,
        container,
        node,
        seconds=(after.read_ms - before.read_ms) / 1000,
        periods=after.periods - before.periods,
        throttled=after.throttled - before.throttled,
    )
