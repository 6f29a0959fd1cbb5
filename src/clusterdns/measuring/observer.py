"""Scenarios: something is done to the cluster's DNS, or nothing, while its pods and nodes are watched."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from clusterdns.analysis.coredns_log import forward_timeouts
from clusterdns.cluster.api import Cluster, Object
from clusterdns.cluster.cadvisor import counting
from clusterdns.cluster.dns_pods import DNSMASQ, log_lines, metrics_page
from clusterdns.formats.exposition import totals
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.watching import ReadableCaches, WatchedServers
from clusterdns.model.load_figures import LoadFigures
from clusterdns.model.pods import HOST_NETWORK
from clusterdns.model.saturation import LONGEST_GAP_MS, STEADY_MS, Lookups, NodeCache, Scenario
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.parallel import in_parallel
from clusterdns.probing.pods import Prober
from clusterdns.probing.watching import Watch, watching_counters, watching_server

_MOST_SECONDS = 300.0  # an upper bound, so that a killed run's watch ends by itself
_MOST_TIMES = 10  # that something steady is done


@dataclass(frozen=True, slots=True)
class Observer:
    """Watches everything that can be watched while something is done.

    Attributes:
        cluster: Whose DNS it is.
        prober: Runs the watches.
        probes: The pods on the nodes that are watched.
        servers: The pods with dnsmasq.
        caches: The node caches.
        cluster_dns: The addresses of the cluster's own DNS, behind its node caches.
    """

    cluster: Cluster
    prober: Prober
    probes: Probes
    servers: WatchedServers
    caches: ReadableCaches
    cluster_dns: frozenset[str]

    def observe(self, what: str, do: Callable[[], LoadFigures]) -> Scenario:
        """Return what was seen while load was sent.

        Args:
            what: Is done, in words.
            do: Does it.

        Raises:
            HarnessError: it could not be done, or could not be watched.
        """
        return self._observe(what, lambda _: do())

    def observe_steady(self, what: str, do: Callable[[], Lookups]) -> Scenario:
        """Return what was seen while something was done that is the same all along.

        It is done again, a few times at most, until every server was watched long enough without a gap.

        Args:
            what: Is done, in words.
            do: Does it once.

        Raises:
            HarnessError: it could not be done, or could not be watched.
        """

        def until_seen(watches: Collection[Watch]) -> Lookups:
            lookups = do()
            for _ in range(_MOST_TIMES - 1):
                if all(watch.unbroken_ms(LONGEST_GAP_MS) >= STEADY_MS for watch in watches):
                    break
                lookups += do()
            return lookups

        return replace(self._observe(what, until_seen), steady=True)

    def _observe(self, what: str, do: Callable[[Collection[Watch]], LoadFigures | Lookups]) -> Scenario:
        with ExitStack() as stack:
            servers = {
                f"{pod.namespace}/{pod.name}": stack.enter_context(
                    watching_server(self.prober, pod, DNSMASQ, container, seconds=_MOST_SECONDS)
                )
                for pod, container in self.servers.containers.items()
            }
            nodes = {
                node: stack.enter_context(watching_counters(self.prober, pod, seconds=_MOST_SECONDS))
                for node, pod in self.probes.of(HOST_NETWORK).items()
            }
            watched_nodes = sorted({pod.node for pod in self.servers.containers})
            processes = stack.enter_context(counting(self.cluster, watched_nodes, DNSMASQ))
            began = datetime.now(UTC)
            before = self._totals()
            clock = time.monotonic()
            load = do(servers.values())
            seconds = time.monotonic() - clock
            after = self._totals()
        return Scenario(
            what=what,
            servers={name: watch.timeline() for name, watch in servers.items()},
            nodes={name: watch.timeline() for name, watch in nodes.items()},
            caches=[
                self._cache(pod, seconds, rises(old, new), began)
                for pod, old, new in zip(self.caches.pods, before, after, strict=True)
            ],
            load=load,
            processes=processes.counts,
            uncounted=processes.refused,
        )

    def _totals(self) -> list[dict[str, float]]:
        return in_parallel(lambda pod: totals(metrics_page(self.cluster, pod)), self.caches.pods)

    def _cache(
        self, pod: Object, seconds: float, counter_rises: Mapping[str, float], since: datetime
    ) -> NodeCache:
        log = [] if self.caches.unlogged else log_lines(self.cluster, pod, since)
        timeouts = list(forward_timeouts(log))
        into_cluster = [
            timeout
            for timeout in timeouts
            if timeout.transport == "tcp" and timeout.address in self.cluster_dns
        ]
        return NodeCache(
            node=pod["spec"]["nodeName"],
            seconds=seconds,
            rises=counter_rises,
            cluster_timeouts=[timeout.line for timeout in into_cluster],
            other_timeouts=[timeout.line for timeout in timeouts if timeout not in into_cluster],
        )


def cluster_dns_addresses(topology: Topology) -> frozenset[str]:
    """Return the addresses of the cluster's DNS itself, without those that node caches alone answer on."""
    return frozenset(
        address.value
        for layer in topology.layers
        if layer.kind not in (LayerKind.NODE_LOCAL, LayerKind.NODE_DNS)
        for address in layer.addresses
    )


def rises(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return how much every counter rose; one that is lower than before has begun again at nought."""
    return {
        name: value - before.get(name, 0.0) if value >= before.get(name, 0.0) else value
        for name, value in after.items()
    }
