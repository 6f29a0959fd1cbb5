"""What clients go through while something is done to DNS pods: every path is asked, names are looked up."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

from clusterdns.errors import DeadlineExceeded, HarnessError, ProbeError
from clusterdns.measuring.probes import SERVICE
from clusterdns.model.disruption import Disruption, PathOutage, path_outage
from clusterdns.model.lookups import Lookup
from clusterdns.model.resolver import Libc
from clusterdns.model.topology import Topology
from clusterdns.parallel import in_parallel
from clusterdns.probing.load import Constant, Plan, Template, distinct, fixed, run_load_together
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.resolving import GIVEN_UP, resolve
from clusterdns.settings import Settings

_QUIET = 2.0  # seconds that are watched before anything is done
_LOOKUP_SECONDS = 30.0  # what a resolver takes for a name that no server answers
_PAUSE = 0.05  # seconds between two lookups: a pod that ends at once is gone from its Services in 0.1 s
_MOST_SOCKETS = 2400  # of a path's queries: beyond that source ports are used again, half a minute later


def asked_addresses(topology: Topology) -> list[str]:
    """Return the addresses that clients are given or that caches ask: node caches, Services with pods.

    Of a node cache those are meant that pods are given; where nothing tells these, a Service's address that
    it takes over, if it takes over one: its own, which it has besides, is silent while it restarts.

    Raises:
        ProbeError: there is none.
    """
    services = {address for service in topology.services if service.ready for address in service.addresses}
    local = set(topology.node_local_addresses())
    given = {nameserver.value for nameserver in topology.nameservers}
    addresses = sorted(services | (local & given or local & services or local))
    if not addresses:
        raise ProbeError("there is nobody to ask: no Service with pods and no node cache was found")
    return addresses


@dataclass(frozen=True)
class Disruptor:
    """Sees what clients go through while something is done.

    Attributes:
        prober: Runs queries and lookups.
        pods: Node -> the pod that asks there.
        addresses: Whom every node asks.
        zone: The cluster domain.
        namespace: Of the probe Service, whose name is looked up.
        settings: How long, how often.
    """

    prober: Prober
    pods: Mapping[str, ProbePod]
    addresses: Sequence[str]
    zone: str
    namespace: str
    settings: Settings

    def during(self, what: str, node: str, change: Callable[[], None], *, seconds: float) -> Disruption:
        """Return what clients go through while something is done.

        Args:
            what: What is done, in words.
            node: Where, "" for nowhere in particular.
            change: Does it, and returns when all is as it was, or raises DeadlineExceeded where it does not
                become so.
            seconds: How long is watched.

        Raises:
            HarnessError: it could not be done, it took longer than was watched, the generator was late, or an
                agent failed.
        """
        given_up = threading.Event()

        def make() -> tuple[float | None, str]:
            if given_up.wait(_QUIET):
                return None, ""
            began = time.monotonic()
            try:
                change()
            except DeadlineExceeded as unfinished:  # clients have the say, and this is told with it
                return None, str(unfinished)
            return round(time.monotonic() - began, 3), ""

        pool = ThreadPoolExecutor(3)
        try:
            making = pool.submit(make)
            asking = pool.submit(self._ask, seconds)
            looking_up = pool.submit(self._look_up, seconds)
            paths, lag_ms = asking.result()
            lookups, failed, slowest = looking_up.result()
            took, unfinished = making.result()
        finally:
            # An interrupt must reach the clean-up at once, and nothing is done after it.
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)
        if lag_ms > self.settings.disruption_lag_limit:
            raise HarnessError(
                f"the generator was {lag_ms:.1f} ms late (p99), more than --disruption-lag-limit: "
                "its gaps are not the servers'"
            )
        if took is not None and took > seconds - _QUIET:
            raise HarnessError(
                f"{what} took {took:.0f} s, longer than was watched: raise --disruption-window"
            )
        return Disruption(what, node, took, paths, lookups, failed, slowest, round(lag_ms, 3), unfinished)

    def _ask(self, window: float) -> tuple[list[PathOutage], float]:
        """Ask along every path for so many seconds; return what became of it, and the lag in ms."""
        settings = self.settings
        schedule = Constant(settings.disruption_rate, window)
        plans = [
            (
                pod,
                Plan(
                    address=address,
                    schedule=schedule,
                    templates=self._templates(),
                    # A source port of its own for each query, as each lookup has.
                    sockets=min(int(settings.disruption_rate * window), _MOST_SOCKETS),
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

    def _look_up(self, window: float) -> tuple[int, list[str], float]:
        """Call getaddrinfo on every node for so many seconds; return how often, failures, the slowest one.

        All of a node's are one operation: the API server may be away meanwhile.
        """
        names = (
            (f"{SERVICE}.{self.namespace}.svc", False),
            ("kubernetes.default", False),
            (self.settings.external_name, True),
        )
        lookups = [
            Lookup("disrupted", name, "inet", Libc.GLIBC, external=external)
            for name, external in islice(cycle(names), int(window / _PAUSE))
        ]

        def loop(pod: ProbePod) -> tuple[int, list[str], float]:
            answers = resolve(
                self.prober, pod, lookups, timeout=_LOOKUP_SECONDS, seconds=window, pause=_PAUSE
            )
            made = [
                (lookup, answer)
                for lookup, answer in zip(lookups, answers, strict=True)
                if answer.failure != GIVEN_UP
            ]
            failed = [
                f"{pod.node}: {lookup.name}: {answer.failure}" for lookup, answer in made if answer.failure
            ]
            seconds = [(answer.end_ns - answer.start_ns) / 1e9 for _, answer in made if not answer.failure]
            return len(made), failed, max(seconds, default=0.0)

        loops = in_parallel(loop, self.pods.values())
        failed = [failure for _, failures, _ in loops for failure in failures]
        return sum(count for count, _, _ in loops), failed, round(max(slowest for *_, slowest in loops), 3)
