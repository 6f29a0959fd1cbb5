"""What cAdvisor counts of containers, read through the kubelet as a Prometheus reads it."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clusterdns.cluster.api import Cluster
from clusterdns.errors import HarnessError
from clusterdns.model.throttling import CpuPeriods
from clusterdns.parallel import in_parallel

_EVERY = 5.0  # seconds: finer than cAdvisor looks by itself, and seldom enough to disturb nothing

# NAME{container="dnsmasq",…,namespace="kube-system",pod="kube-dns-…"} 22 1700000000000
_SERIES = r"^{name}\{{(?P<labels>[^}}]*)\}} (?P<value>\d+(?:\.\d+)?(?:e\+\d+)?) (?P<read_ms>\d+)$"
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_PERIODS, _THROTTLED = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"

Container = tuple[str, str]
"""A pod as "namespace/name", and the name of a container; "" for the pod as a whole."""


@dataclass(slots=True)
class Processes:
    """What cAdvisor said.

    Attributes:
        counts: Pod as "namespace/name" -> every count read.
        refused: Why there is none, or no more; "" where that is not so.
    """

    counts: dict[str, list[int]] = field(default_factory=dict)
    refused: str = ""


def container_processes(page: str, container: str) -> dict[str, int]:
    """Return the processes of each pod's container of that name, out of a page of /metrics/cadvisor."""
    return {pod: value for (pod, name), value, _ in _series(page, "container_processes") if name == container}


def cpu_periods(page: str) -> dict[Container, CpuPeriods]:
    """Return how often the kernel held back what has a CPU limit, out of a page of /metrics/cadvisor."""
    throttled = {container: value for container, value, _ in _series(page, _THROTTLED)}
    return {
        container: CpuPeriods(read_ms, periods, throttled[container])
        for container, periods, read_ms in _series(page, _PERIODS)
        if container in throttled
    }


def read_cpu_periods(cluster: Cluster, nodes: Sequence[str]) -> dict[Container, CpuPeriods]:
    """Read what these nodes' kubelets say of everything with a CPU limit.

    Raises:
        PermissionMissing: nodes/proxy may not be read.
        ClusterError: a kubelet does not answer.
    """
    pages = in_parallel(lambda node: cluster.text(_path(node)), nodes)
    return {container: counted for page in pages for container, counted in cpu_periods(page).items()}


def _series(page: str, name: str) -> Iterator[tuple[Container, int, int]]:
    """Yield whose each series of that name is, its value, and when it was read."""
    for match in re.finditer(_SERIES.format(name=name), page, re.MULTILINE):
        labels = dict(_LABEL.findall(match["labels"]))
        if labels.get("pod"):
            whose = f"{labels.get('namespace', '')}/{labels['pod']}", labels.get("container", "")
            yield whose, int(float(match["value"])), int(match["read_ms"])


@contextmanager
def counting(cluster: Cluster, nodes: Sequence[str], container: str) -> Iterator[Processes]:
    """Read the counts of nodes again and again while the context lasts.

    It is beside the point of a run: whatever hinders it is said in `refused`, not raised.
    """
    said, ended = Processes(), threading.Event()

    def read() -> None:
        while True:
            began = time.monotonic()
            try:
                pages = in_parallel(lambda node: cluster.text(_path(node)), nodes)
            except HarnessError as error:
                said.refused = str(error)
                return
            for page in pages:
                for pod, count in container_processes(page, container).items():
                    said.counts.setdefault(pod, []).append(count)
            if ended.wait(max(0.0, _EVERY - (time.monotonic() - began))):
                return

    reading = threading.Thread(target=read, name="cadvisor", daemon=True)
    if nodes:
        reading.start()
    try:
        yield said
    finally:
        ended.set()
        if nodes:
            reading.join()


def _path(node: str) -> str:
    return f"/api/v1/nodes/{node}/proxy/metrics/cadvisor"
