"""Verdicts on who scrapes a cluster's DNS pods: on paper (selectors), and in fact (targets)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.scraping import DNSPod, MetricsPort, Target
from clusterdns.model.selectors import Broken, Chain

SETUP_ERROR_SERIES = 20
"""More than node-cache's own port has besides what it repeats: a series for each type of set-up error."""

_APP = "k8s-app"  # the label that tells DNS pods apart
_SOURCE = "prometheus-operator Documentation/developer/getting-started.md"


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one Prometheus scrapes of the DNS pods.

    Attributes:
        name: The Prometheus.
        targets: Those at a metrics port of a DNS pod.
        total: How many targets it has in all.
    """

    name: str
    targets: tuple[Target, ...]
    total: int


def selectors(chains: Sequence[Chain], missing: str) -> Verdict:
    """Each Service, ServiceMonitor, PodMonitor and annotation that means to select DNS pods does.

    Args:
        chains: what each of them does.
        missing: why ServiceMonitors and PodMonitors are left out; "" where they are not.
    """
    broken = [chain for chain in chains if chain.broken]
    measurements = {
        "chains": {
            chain.subject: f"{chain.broken.link}: {chain.broken.found}" if chain.broken else "holds"
            for chain in chains
        },
        "left out": missing or "nothing",
    }
    evidence = tuple(map(str, chains))
    if not broken:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements, evidence=evidence)
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"{broken[0]}{more}",
        remedy=_fix(broken[0]),
        source=_SOURCE,
        measurements=measurements,
        evidence=evidence,
    )


def scraped(pods: Sequence[DNSPod], servers: Sequence[Scraped], chains: Sequence[Chain]) -> Verdict:
    """A Prometheus has every DNS pod as a healthy target, once.

    Where there are several, one must have them all; the one with the fewest faults is judged.

    Raises:
        HarnessError: a target has not been scraped yet.
    """
    judged = [(_Judged.of(pods, server), server) for server in servers]
    found, server = min(judged, key=lambda pair: len(pair[0].lines()))
    if found.pending and not found.lines():
        raise HarnessError(f"{found.pending[0]} has not been scraped yet: run again in a minute")
    measurements = {
        "Prometheus": server.name,
        "targets in all": server.total,
        "targets": [_described(target) for target in server.targets],
        "others": [other.name for _, other in judged if other is not server],
    }
    lines = found.lines()
    if not lines:
        return Verdict(
            outcome=Outcome.PASSED,
            measurements=measurements,
            evidence=tuple(map(_described, server.targets)),
        )
    remedy = found.remedy(chains)
    return Verdict(
        outcome=Outcome.FAILED,
        reason=lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""),
        remedy=remedy,
        source=_SOURCE,
        measurements=measurements,
        evidence=(*lines, *map(_described, server.targets), *map(str, chains)),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is wrong with the targets of one Prometheus.

    Attributes:
        missing: Pods without any target.
        down: Targets whose scrapes fail, in words.
        double: Ports with several targets, in words.
        pending: Targets that have not been scraped yet, in words.
        has: The value of label k8s-app that scraped pods have.
    """

    missing: tuple[DNSPod, ...]
    down: tuple[str, ...]
    double: tuple[str, ...]
    pending: tuple[str, ...]
    has: tuple[str, ...]

    @classmethod
    def of(cls, pods: Sequence[DNSPod], server: Scraped) -> "_Judged":
        missing, down, double, pending, has = [], [], [], [], set()
        for pod in pods:
            hits = [(port, _hitting(pod, port, server.targets)) for port in pod.metrics]
            if not any(targets for _, targets in hits):
                missing.append(pod)
                continue
            has.add(pod.labels.get(_APP, pod.workload))
            for port, targets in hits:
                where = f"{pod.full_name}:{port.number} ({port.container})"
                down += [
                    f"the scrape of {where} by {one.pool} fails: {one.error}"
                    for one in targets
                    if one.healthy is False
                ]
                pending += [f"target {where} of {one.pool}" for one in targets if one.healthy is None]
                if len(targets) > 1:
                    by = " and ".join(f"{one.pool} (port {one.port})" for one in targets)
                    double.append(
                        f"{where} is scraped {len(targets)} times, by {by}: its series count double"
                    )
        return cls(tuple(missing), tuple(down), tuple(double), tuple(pending), tuple(sorted(has)))

    def lines(self) -> list[str]:
        """Return every fault in words."""
        workloads: dict[str, list[DNSPod]] = {}
        for pod in self.missing:
            workloads.setdefault(pod.workload, []).append(pod)
        has = ", ".join(f"{_APP}={value}" for value in self.has) or "nothing of it"
        absent = [
            f"no target for {len(group)} pods of {workload}, {_APP}={group[0].labels.get(_APP, '')}; "
            f"scraped of the cluster's DNS: {has}"
            for workload, group in workloads.items()
        ]
        return [*absent, *self.double, *self.down]

    def remedy(self, chains: Sequence[Chain]) -> str:
        """Return the one line that mends the first fault."""
        if self.missing:
            wanted = _plain(self.missing[0].labels.get(_APP, self.missing[0].workload))
            blamed = [chain for chain in chains if chain.broken and wanted in _plain(str(chain))]
            if blamed or any(chain.broken for chain in chains):
                return _fix((blamed or [chain for chain in chains if chain.broken])[0])
            label = f"{_APP}: {self.missing[0].labels.get(_APP, '')}"
            return (
                f"apply a Service and a ServiceMonitor that select {label} (manifests/monitoring), "
                "labelled as your Prometheus wants them"
            )
        if self.double:
            return "take one of the two monitors away, or let it keep only series that the other has not"
        return (
            "let the Prometheus' pods through to that port: look at NetworkPolicies, firewalls and iptables"
        )


def _hitting(pod: DNSPod, port: MetricsPort, targets: Sequence[Target]) -> list[Target]:
    """Return the targets that give the series of a metrics port."""
    return list(_at(pod, port.number, targets)) + [
        one
        for one in _at(pod, port.repeated_at, targets)
        if one.kept is None or one.kept > SETUP_ERROR_SERIES or one.healthy is False
    ]


def _at(pod: DNSPod, port: int, targets: Sequence[Target]) -> Iterator[Target]:
    return (one for one in targets if (one.host, one.port) == (pod.address, port))


def _fix(chain: Chain) -> str:
    broken: Broken | None = chain.broken
    return broken.fix if broken else ""


def _described(target: Target) -> str:
    state = {True: "up", False: f"down: {target.error}", None: "not scraped yet"}[target.healthy]
    pod = target.labels.get("pod")
    return f"{target.pool} -> {target.host}:{target.port}{f' ({pod})' if pod else ''}, {state}"


def _plain(text: str) -> str:
    return text.lower().replace("-", "")
