"""DNS pods that are replaced one after the other while every path is asked and names are looked up.

Nothing has to be put back: a pod's controller replaces it, whether the run goes on or not, and an
interrupted run replaces no further one.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.inventory import is_ready
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import ClusterError, HarnessError
from clusterdns.measuring.probes import SERVICE
from clusterdns.model.disruption import Disruption, PathOutage, path_outage
from clusterdns.model.lookups import Lookup
from clusterdns.model.resolver import Libc
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.parallel import in_parallel
from clusterdns.probing.load import Constant, Plan, Template, distinct, fixed, run_load_together
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.resolving import resolve
from clusterdns.settings import Settings

LEAST_READY = 2
"""DNS pods of somebody else's cluster that are ready at any time."""

_QUIET = 2.0  # seconds that are watched before a pod is replaced
_LOOKUP_SECONDS = 30.0  # what a resolver takes for a name that no server answers
_BATCH = 10  # lookups per exec
_PAUSE = 0.2  # seconds between two of them


@dataclass(frozen=True, slots=True)
class Replaceable:
    """A pod that may be replaced.

    Attributes:
        namespace: Its own.
        name: Its own.
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def serving_pods(topology: Topology) -> dict[str, list[Replaceable]]:
    """Return layer -> its ready pods behind a Service, those of node caches left out."""
    caches = {layer.name for layer in topology.of_kind(LayerKind.NODE_LOCAL)}
    by_layer: dict[str, set[tuple[str, str]]] = {}
    for backend in (backend for service in topology.services for backend in service.ready):
        if backend.layer and backend.layer not in caches:
            namespace, _, name = backend.pod.partition("/")
            by_layer.setdefault(backend.layer, set()).add((namespace, name))
    return {layer: [Replaceable(*pod) for pod in sorted(pods)] for layer, pods in sorted(by_layer.items())}


def why_not_to_be_evicted(topology: Topology, *, foreign: bool) -> str | None:
    """Return why DNS pods may not be evicted one after the other; None where they may."""
    by_layer = serving_pods(topology)
    if not by_layer:
        return "no pod behind a Service serves this cluster's DNS"
    for layer, pods in by_layer.items():
        if foreign and len(pods) <= LEAST_READY:
            return (
                f"{layer} has {len(pods)} ready: without one of them fewer than {LEAST_READY} would be left"
            )
    return None


def asked_addresses(topology: Topology) -> list[str]:
    """Return the addresses that clients are given or that caches ask: node caches, Services with pods."""
    addresses = set(topology.node_local_addresses())
    for service in topology.services:
        if service.ready:
            addresses.update(service.addresses)
    return sorted(addresses)


@dataclass(frozen=True)
class Disruptor:
    """Replaces DNS pods, and sees what clients go through meanwhile.

    Attributes:
        cluster: Where.
        prober: Runs queries and lookups.
        pods: Node -> the pod that asks there.
        addresses: Whom every node asks.
        zone: The cluster domain.
        namespace: Of the probe Service, whose name is looked up.
        settings: How long, how often.
        foreign: Whether the cluster is somebody else's.
    """

    cluster: Cluster
    prober: Prober
    pods: Mapping[str, ProbePod]
    addresses: Sequence[str]
    zone: str
    namespace: str
    settings: Settings
    foreign: bool

    def evict(self, pod: Replaceable) -> Disruption:
        """Evict a pod of a Deployment; return what clients went through, once its successor is ready.

        Raises:
            ClusterError: a disruption budget does not allow it.
            HarnessError: too few pods would be left, the generator was late, an agent failed, or the
                successor did not become ready in time.
        """
        if self.foreign:
            ready = self._siblings(pod, self._read(pod))
            if len(ready) <= LEAST_READY:
                raise HarnessError(
                    f"{pod} is not evicted: {len(ready)} pods like it are ready, and {LEAST_READY} must stay"
                )
        return self._replace(pod, lambda: self.cluster.evict(pod.namespace, pod.name))

    def delete(self, pod: Replaceable) -> Disruption:
        """Delete a pod of a DaemonSet; see `evict`."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
        }
        return self._replace(pod, lambda: self.cluster.delete(manifest))

    def _replace(self, pod: Replaceable, begin: Callable[[], None]) -> Disruption:
        before = self._read(pod)
        wanted = len(self._siblings(pod, before))
        ends = time.monotonic() + self.settings.disruption_window

        given_up = threading.Event()

        def replace() -> float:
            if given_up.wait(_QUIET):
                return 0.0
            began = time.monotonic()
            begin()
            self._await_successor(pod, before, wanted)
            return time.monotonic() - began

        pool = ThreadPoolExecutor(3)
        try:
            replacing = pool.submit(replace)
            asking = pool.submit(self._ask)
            looking_up = pool.submit(self._look_up, ends)
            paths, lag_ms = asking.result()
            lookups, failed, slowest = looking_up.result()
            seconds = replacing.result()
        finally:
            # An interrupt must reach the clean-up at once, and nothing is replaced after it.
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
        if lag_ms > self.settings.disruption_lag_limit:
            raise HarnessError(
                f"the generator was {lag_ms:.1f} ms late (p99), more than --disruption-lag-limit: "
                "its gaps are not the servers'"
            )
        node = before["spec"]["nodeName"]
        return Disruption(
            str(pod), node, round(seconds, 3), paths, lookups, failed, slowest, round(lag_ms, 3)
        )

    def _ask(self) -> tuple[list[PathOutage], float]:
        """Ask along every path for the length of the window; return what became of it, and the lag in ms."""
        settings = self.settings
        schedule = Constant(settings.disruption_rate, settings.disruption_window)
        plans = [
            (
                pod,
                Plan(
                    address=address,
                    schedule=schedule,
                    templates=self._templates(),
                    # A source port of its own for each query, as each lookup has.
                    sockets=int(settings.disruption_rate * settings.disruption_window),
                    deadline=settings.query_timeout,
                ),
            )
            for pod in self.pods.values()
            for address in self.addresses
        ]
        results = run_load_together(self.prober, plans)
        paths = [
            path_outage(pod.node, plan.address, result.samples)
            for (pod, plan), result in zip(plans, results, strict=True)
        ]
        return paths, max(result.samples.lag().percentile(0.99) for result in results) / 1e6

    def _templates(self) -> list[Template]:
        """Return a name of the cluster that caches hold, names that none holds, and one outside."""
        return [
            fixed(f"kubernetes.default.svc.{self.zone}.", "A"),
            distinct(f"default.svc.{self.zone}.", "A"),
            fixed(f"{self.settings.external_name}.", "A"),
        ]

    def _look_up(self, ends: float) -> tuple[int, list[str], float]:
        """Call getaddrinfo on every node until `ends`; return how often, failures, the slowest in seconds."""
        names = [f"{SERVICE}.{self.namespace}.svc", "kubernetes.default", self.settings.external_name]
        lookups = [
            Lookup("disrupted", names[index % len(names)], "inet", Libc.GLIBC, 5, index % len(names) == 2)  # noqa: PLR2004 - the last
            for index in range(_BATCH)
        ]

        def loop(pod: ProbePod) -> tuple[int, list[str], float]:
            count, failed, slowest = 0, [], 0.0
            while time.monotonic() < ends:
                answers = resolve(self.prober, pod, lookups, timeout=_LOOKUP_SECONDS)
                for lookup, answer in zip(lookups, answers, strict=True):
                    count += 1
                    if answer.failure:
                        failed.append(f"{pod.node}: {lookup.name}: {answer.failure}")
                    else:
                        slowest = max(slowest, (answer.end_ns - answer.start_ns) / 1e9)
                time.sleep(_PAUSE)
            return count, failed, slowest

        loops = in_parallel(loop, self.pods.values())
        failed = [failure for _, failures, _ in loops for failure in failures]
        return sum(count for count, _, _ in loops), failed, round(max(slowest for *_, slowest in loops), 3)

    def _await_successor(self, pod: Replaceable, before: Object, wanted: int) -> None:
        """Wait until as many pods of its controller are ready as before, it itself not counted."""

        def look() -> None:
            ready = [name for name in self._siblings(pod, before) if name != pod.name]
            if len(ready) < wanted:
                raise NotYet(f"{len(ready)} of {wanted} pods like it are ready")

        wait_until(look, what=f"a successor of {pod}", timeout=self.settings.pod_ready_timeout)

    def _read(self, pod: Replaceable) -> Object:
        found = self.cluster.find("pods", pod.name, namespace=pod.namespace)
        if found is None:
            raise ClusterError(f"pod {pod} is gone: somebody else replaces DNS pods at the same time")
        return found

    def _siblings(self, pod: Replaceable, before: Object) -> list[str]:
        """Return the names of the ready pods that the same controller owns."""
        return [
            sibling["metadata"]["name"]
            for sibling in self.cluster.list("pods", namespace=pod.namespace)
            if _owners(sibling) & _owners(before)
            and is_ready(sibling)
            and "deletionTimestamp" not in sibling["metadata"]
        ]


def _owners(pod: Object) -> set[str]:
    return {owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ()}
