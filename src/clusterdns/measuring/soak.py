"""A soak: probers on every node, followed through their logs, and the cluster's events beside them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.containers import why_not_started
from clusterdns.cluster.versions import Version, numbers
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.cluster.workload import Workload
from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring.cluster_events import EventLog, watched_cluster
from clusterdns.measuring.probes import SERVICE, probe_service
from clusterdns.measuring.soak_log import FollowedPod, SoakRecord
from clusterdns.model.soak import Soak
from clusterdns.model.topology import Topology
from clusterdns.probing.load import distinct, fixed
from clusterdns.probing.pods import agent_configmap
from clusterdns.probing.soak import SoakPlan
from clusterdns.settings import Settings
from clusterdns.signals import until_signal
from clusterdns.suite import MANIFESTS

SIGN = "soaking"
"""A file of the report's folder that is there while a soak measures, for scripts that wait to begin."""
SETTLED_SECONDS = 30.0
"""How long a soak goes on after the last node has reached the version that it waits for."""

_LOOK = 1.0  # seconds between two looks at the probers' pods
_PAUSE = 0.2  # seconds between two calls of getaddrinfo
_LABEL = "app=clusterdns-soak"
_GKE_PATCH = "-gke."  # what an upgrade on GKE may change alone


def soak(  # noqa: PLR0913 - all that a soak is made of
    cluster: Cluster,
    workload: Workload,
    topology: Topology,
    read_again: Callable[[], Topology],
    *,
    addresses: Sequence[str],
    namespaces: Sequence[str],
    image: str,
    settings: Settings,
) -> tuple[Soak, Topology]:
    """Ask along every path until the time is over, every node has its version, or a signal ends it.

    Args:
        cluster: Which.
        workload: Where the probers go.
        topology: Of the cluster's DNS, as it is at the beginning.
        read_again: Reads it at the end.
        addresses: Whom every node asks; at least one.
        namespaces: With DNS.
        image: Of the probers.
        settings: How long, how often, until when.

    Returns:
        What clients went through, and the topology afterwards.

    Raises:
        ProbeError: there are too many nodes, or no node's prober started.
        HarnessError: the API server refuses what is needed.
    """
    zone, namespace = topology.zone.value, workload.namespace
    plan = SoakPlan(
        addresses=addresses,
        templates=[
            fixed(f"kubernetes.default.svc.{zone}.", "A"),
            distinct(f"default.svc.{zone}.", "A"),
            fixed(f"{settings.external_name}.", "A"),
        ],
        rate=round(settings.disruption_rate),
        timeout=settings.query_timeout,
        names=(f"{SERVICE}.{namespace}.svc", "kubernetes.default", settings.external_name),
        pause=_PAUSE,
    )
    for manifest in (agent_configmap(), probe_service(), _daemonset(plan, image)):
        cluster.create(workload.owned(manifest, namespace))
    pods = ProberPods(cluster, namespace)
    pods.await_first(settings.pod_ready_timeout, settings.soak_nodes)
    began, start = datetime.now(UTC), time.monotonic()
    record = SoakRecord(cluster, plan, start, slow_ns=round(settings.soak_slow * 1e6))
    with (
        watched_cluster(cluster, namespaces, start) as log,
        until_signal() as interrupted,
        _sign(settings.report_dir / SIGN),
    ):
        ended = _watch(pods, record, log, interrupted, settings)
        record.close()
        seconds = time.monotonic() - start
    after = read_again()
    return record.result(
        began=began.isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
        ended=ended,
        events=log.events(),
        unprobed=pods.unprobed,
        topologies=(topology, after),
    ), after


def _watch(
    pods: "ProberPods", record: SoakRecord, log: EventLog, interrupted: threading.Event, settings: Settings
) -> str:
    """Follow every prober that there is, until the soak is over; return why it is."""
    until = time.monotonic() + settings.soak
    wanted = settings.soak_until_nodes_at
    reached: float | None = None
    while not interrupted.is_set():
        for prober in pods.look():
            record.follow(prober)
        now = time.monotonic()
        if now >= until:
            return f"its time of {settings.soak:g} s was over"
        if wanted and all_at(wanted, [node["kubelet"] for node in log.known("nodes").values()]):
            reached = reached or now
            if now >= reached + SETTLED_SECONDS:
                return f"every node has been at {wanted} for {SETTLED_SECONDS:g} s"
        else:
            reached = None
        interrupted.wait(_LOOK)
    return "a signal ended it"


def all_at(wanted: str, kubelets: Sequence[str]) -> bool:
    """Return whether every kubelet is at a version, such as "1.36" or "v1.36.1-gke.5", or a later one."""
    least = _version(wanted)
    return bool(kubelets) and all(_version(kubelet) >= least for kubelet in kubelets)


def _version(kubelet: str) -> Version:
    """Return a kubelet's version as numbers to compare, with GKE's patch as the last; () where it is none."""
    release, _, patch = kubelet.partition(_GKE_PATCH)
    of_release = numbers(release)
    return (*of_release, *(numbers(patch) or ())) if of_release else ()


class ProberPods:
    """The probers' pods, as they come and go."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.unprobed: dict[str, str] = {}
        """Node -> why its prober does not run."""
        self._first = True

    def await_first(self, timeout: float, most: int) -> None:
        """Wait until every node that takes a prober runs one, as far as that can come about.

        Raises:
            ProbeError: no prober runs; or there are more nodes than may be followed.
        """

        def look() -> None:
            status = self._cluster.get("daemonsets", "soak", api="apps/v1", namespace=self._namespace)[
                "status"
            ]
            wanted = status.get("desiredNumberScheduled", 0)
            if wanted > most:
                raise ProbeError(
                    f"a soak follows every node, and {wanted} are more than --soak-nodes {most}: raise it"
                )
            running, failed, _ = self._state()
            if not wanted or len(running) + len(failed) < wanted:
                raise NotYet(f"{len(running)} of {wanted} probers run")

        try:
            wait_until(look, what="the soak's probers", timeout=timeout)
        except HarnessError as late:
            if isinstance(late, ProbeError) or not self._state()[0]:
                raise
        running, failed, _ = self._state()
        if not running:
            raise ProbeError(f"no prober started: {next(iter(failed.values()), 'no pod was made')}")

    def look(self) -> list[FollowedPod]:
        """Return the probers that run; none where the API server does not answer just now."""
        try:
            running, failed, starting = self._state()
        except HarnessError:
            return []
        self.unprobed = starting | failed
        first, self._first = self._first, False
        return [FollowedPod(self._namespace, name, node, joined=not first) for node, name in running.items()]

    def _state(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """Return node -> its pod that runs, node -> why its pod cannot start, node -> that it has not yet."""
        running, failed, starting = {}, {}, {}
        for pod in self._cluster.list("pods", namespace=self._namespace, labels=_LABEL):
            node, name = pod["spec"].get("nodeName"), pod["metadata"]["name"]
            status = pod.get("status", {})
            if not node:
                continue
            if status.get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                running[node] = name
                continue
            reasons = (why_not_started(container, node) for container in status.get("containerStatuses", ()))
            if reason := next(filter(None, reasons), None):
                failed[node] = reason
            elif status.get("phase") == "Pending":
                starting[node] = f"pod {name} has not started: Pending"
        for node in running:
            failed.pop(node, None)
            starting.pop(node, None)
        return running, failed, starting


@contextmanager
def _sign(path: Path) -> Iterator[None]:
    """Keep a file there while the block runs."""
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # a script may have taken it away


def _daemonset(plan: SoakPlan, image: str) -> Object:
    manifest: dict[str, Any] = yaml.safe_load((MANIFESTS / "probe" / "soak.yaml").read_text())
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["image"] = image
    container["args"] = [plan.argument()]
    return manifest
