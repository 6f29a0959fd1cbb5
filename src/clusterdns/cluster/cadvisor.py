"""cAdvisor's count of a container's processes, read through the kubelet as a Prometheus reads it."""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clusterdns.cluster.api import Cluster
from clusterdns.errors import HarnessError
from clusterdns.parallel import in_parallel

_EVERY = 5.0  # seconds: finer than cAdvisor looks by itself, and seldom enough to disturb nothing

# {container="dnsmasq",…,namespace="kube-system",pod="kube-dns-…"} 22 1700000000000
_LINE = re.compile(r"^container_processes\{(?P<labels>[^}]*)\} (?P<value>\S+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


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
    found = {}
    for match in _LINE.finditer(page):
        labels = dict(_LABEL.findall(match["labels"]))
        if labels.get("container") == container:
            found[f"{labels['namespace']}/{labels['pod']}"] = int(float(match["value"]))
    return found


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
