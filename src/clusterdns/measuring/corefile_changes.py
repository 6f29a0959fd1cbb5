"""A Corefile that gets one server more for a while, and when every pod of CoreDNS serves it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.corefiles import ConfigMapKey
from clusterdns.cluster.dns_pods import dns_pods
from clusterdns.cluster.programs import Surroundings, program
from clusterdns.errors import DeadlineExceeded, HarnessError
from clusterdns.measuring.dns_workloads import DNSWorkload
from clusterdns.measuring.propagation import PathPoller, shows_address
from clusterdns.model.exchange import Message, Path
from clusterdns.model.scraping import DNSPod
from clusterdns.probing.pods import ProbePod, Prober

RELOAD_SECONDS = 75.0
"""How long a reload may take: CoreDNS looks every 45 s at most (plugin/reload), the kubelet syncs before."""

_SYNCED = "clusterdns/synced-at"  # changed for the kubelet to look at a pod's volumes now, not in a minute
_ADDRESS = "192.0.2.1"  # for documentation only (RFC 5737): no other server answers with it
_ANSWER = f'"{{{{ .Name }}}} 5 IN A {_ADDRESS}"'

_has_server = shows_address(_ADDRESS)


@dataclass(frozen=True)
class CorefileChange:
    """A server of a zone that nobody else has, which tells by an answer that a pod has loaded it.

    Attributes:
        there: Adds it to the Corefile, and waits until all pods of the workload have loaded it.
        back: Takes it away again, and waits likewise: a pod that reloads its Corefile while the next
            disturbance keeps the API server away knows no name of the cluster.

    Both raise DeadlineExceeded where some pods did not, and HarnessError where the workload has no pods.
    """

    there: Callable[[], None]
    back: Callable[[], None]


@dataclass(frozen=True)
class CorefileChanges:
    """Changes Corefiles and puts them back.

    Attributes:
        cluster: Where.
        prober: Runs the queries.
        pod: Asks.
        run_id: Part of the zone that is added.
    """

    cluster: Cluster
    prober: Prober
    pod: ProbePod
    run_id: str

    @contextmanager
    def changing(self, workload: DNSWorkload) -> Iterator[CorefileChange]:
        """Yield a change of the Corefile of a workload; the old text is there again when the block ends.

        Raises:
            HarnessError: no ConfigMap holds the Corefile.
        """
        namespace = workload.namespace
        place, port = self._corefile(workload)

        def text() -> str:
            return str(
                self.cluster.get("configmaps", place.configmap, namespace=namespace)["data"][place.key]
            )

        def write(text: str) -> None:
            self.cluster.patch("configmaps", place.configmap, {"data": {place.key: text}}, namespace)
            for pod in self._pods(workload):
                now = datetime.now(UTC).isoformat()
                self.cluster.patch("pods", pod.name, {"metadata": {"annotations": {_SYNCED: now}}}, namespace)

        def load(text: str, what: str, shows: Callable[[Message], bool]) -> None:
            pods = self._pods(workload)
            if not pods:
                raise HarnessError(f"no pod of {workload} runs: nothing loads its Corefile")
            paths = [Path(self.pod.node, pod.name, pod.address, "udp", pod=True, port=port) for pod in pods]
            poller = PathPoller(self.prober, {self.pod.node: self.pod}, paths)
            names = [[f"{zone}."]] * len(paths)
            shown = poller.watch(what, names, lambda: write(text), shows, RELOAD_SECONDS)
            late = [convergence.path.server for convergence in shown if convergence.seconds is None]
            if late:
                raise DeadlineExceeded(
                    f"{len(late)} of {len(paths)} pods had not loaded {place}, {what}, after "
                    f"{RELOAD_SECONDS:g} s: {', '.join(late)}"
                )

        before = text()
        zone = f"{self.run_id}.clusterdns.invalid"
        server = f"{zone}:{port} {{\n    template IN A {{\n        answer {_ANSWER}\n    }}\n}}\n"
        try:
            yield CorefileChange(
                there=partial(load, f"{before.rstrip()}\n{server}", "changed", _has_server),
                back=partial(load, before, "put back", lambda message: not _has_server(message)),
            )
        finally:
            if text() != before:
                write(before)

    def _corefile(self, workload: DNSWorkload) -> tuple[ConfigMapKey, int]:
        """Return where the Corefile of a workload stands, and the port that it listens on."""
        configmaps = {
            configmap["metadata"]["name"]: configmap
            for configmap in self.cluster.list("configmaps", namespace=workload.namespace)
        }
        around = Surroundings(workload.namespace, configmaps)
        runs = program(workload.spec["template"]["spec"], around)
        if runs.corefile is None:
            raise HarnessError(f"the Corefile of {workload} is in no ConfigMap")
        return runs.corefile, runs.port

    def _pods(self, workload: DNSWorkload) -> Sequence[DNSPod]:
        pods = dns_pods(self.cluster, (workload.namespace,))
        return [pod for pod in pods if pod.workload == f"{workload.kind} {workload.name}"]
