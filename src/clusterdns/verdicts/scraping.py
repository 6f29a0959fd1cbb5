"""Who scrapes a cluster's DNS pods: on paper (selectors), and in fact (targets)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import MONITORS, OBJECTS, PROMETHEUS_PROXY
from clusterdns.errors import HarnessError
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.scraping import DNSPod, MetricsPort, Scraped, Target
from clusterdns.model.selectors import Broken, Chain, evaluate
from clusterdns.verdicts.needs import DNS_PODS, PROMETHEUS

SETUP_ERROR_SERIES = 20
"""More than node-cache's own port has besides what it repeats: a series for each type of set-up error."""

_SCRAPE_REMEDIES = (
    ("deadline exceeded", "let the Prometheus' pods through to that port, or raise scrape_timeout"),
    ("limit exceeded", "raise the limit that its error names, in the monitor or the scrape configuration"),
    ("HTTP status 401", "give the monitor the credentials that the port asks for"),
    ("HTTP status 403", "allow the Prometheus' ServiceAccount to read /metrics there"),
    ("HTTP status 404", "correct the path of the monitor: DNS servers have their metrics at /metrics"),
    ("HTTP status 5", "see the log of the pod that is scraped"),
    ("HTTP response to HTTPS client", "let the monitor scrape by http"),
    ("HTTP request to an HTTPS server", "let the monitor scrape by https"),
    ("x509", "give the monitor the certificate authority of that port, or its server name"),
    ("connection refused", "correct the port of the monitor, or see why nothing listens there"),
    ("content-type", "see what listens on that port: it is no metrics page"),
    ("start token", "see what listens on that port: its page cannot be read"),
    ("invalid", "see what listens on that port: its page cannot be read"),
    ("duplicate", "see what listens on that port: it tells a series twice"),
)
"""Words in a target's error (scrape/scrape.go, model/textparse of Prometheus), and what to do then."""
_LET_THROUGH = (
    "let the Prometheus' pods through to that port: look at NetworkPolicies, firewalls and iptables"
)

_APP = "k8s-app"  # the label that tells DNS pods apart
_SOURCE = "prometheus-operator Documentation/developer/getting-started.md"


@dataclass(frozen=True, slots=True)
class Chains:
    """Measurements of metrics.selectors.

    Attributes:
        holding: Services, ServiceMonitors, PodMonitors and annotations that select what they mean to.
        broken: Each of the others -> its first broken link, and what was found there.
        left_out: Why ServiceMonitors and PodMonitors are left out; "" where they are not.
    """

    holding: Sequence[str]
    broken: Mapping[str, str]
    left_out: str


def selectors(chains: Sequence[Chain], missing: str) -> Verdict:
    """Judge every Service, ServiceMonitor, PodMonitor and annotation that means to select DNS pods.

    Args:
        chains: What each of them does.
        missing: Why ServiceMonitors and PodMonitors are left out; "" where they are not.
    """
    broken = [chain for chain in chains if chain.broken]
    return judged(
        [str(chain) for chain in broken],
        Chains(
            holding=[chain.subject for chain in chains if not chain.broken],
            broken={
                chain.subject: f"{chain.broken.link}: {chain.broken.found}"
                for chain in chains
                if chain.broken
            },
            left_out=missing,
        ),
        remedy=_fix(broken[0]) if broken else "",
        evidence=[str(chain) for chain in chains],
    )


SELECTORS = Check(
    id="metrics.selectors",
    profile=Profile.CORE,
    requirement="Each Service, ServiceMonitor and PodMonitor that means to select DNS pods does.",
    source=_SOURCE,
    remedy="mend the first link that is broken",
    needs=(DNS_PODS,),
    grants=(OBJECTS, MONITORS),
    measures=(Run.monitoring,),
    cases=only(lambda run: selectors(evaluate(run.monitoring), run.monitoring.missing)),
)


@dataclass(frozen=True, slots=True)
class ScrapedTargets:
    """Measurements of metrics.scraped.

    Attributes:
        prometheus: The one that is judged.
        targets_in_all: How many targets it has.
        targets: Those at a metrics port of a DNS pod.
        others: The other Prometheus that answered.
    """

    prometheus: str
    targets_in_all: int
    targets: Sequence[Target]
    others: Sequence[str]


def scraped(pods: Sequence[DNSPod], servers: Sequence[Scraped], chains: Sequence[Chain]) -> Verdict:
    """Judge the Prometheus that has the fewest faults: where there are several, one must have every pod.

    Raises:
        HarnessError: a target has not been scraped yet.
    """
    candidates = [(_Faults.of(pods, server), server) for server in servers]
    faults, server = min(candidates, key=lambda pair: len(pair[0].lines()))
    lines = faults.lines()
    if faults.pending and not lines:
        raise HarnessError(f"{faults.pending[0]} has not been scraped yet: run again in a minute")
    described = [_described(target) for target in server.targets]
    return judged(
        lines,
        ScrapedTargets(
            prometheus=server.name,
            targets_in_all=server.total,
            targets=server.targets,
            others=[other.name for _, other in candidates if other is not server],
        ),
        remedy=faults.remedy(chains) if lines else "",
        evidence=[*lines, *described, *map(str, chains)] if lines else described,
    )


SCRAPED = Check(
    id="metrics.scraped",
    profile=Profile.CORE,
    requirement="A Prometheus in the cluster has every DNS pod as a healthy target, once.",
    source=_SOURCE,
    remedy="compare the Prometheus' targets with the DNS pods (kubectl get pods -n kube-system -o wide)",
    needs=(DNS_PODS, PROMETHEUS),
    grants=(OBJECTS, PROMETHEUS_PROXY, MONITORS),
    measures=(Run.scraped,),
    cases=only(lambda run: scraped(run.monitoring.pods, run.scraped, evaluate(run.monitoring))),
)

CHECKS = (SELECTORS, SCRAPED)


@dataclass(frozen=True, slots=True)
class _Faults:
    """What is wrong with the targets of one Prometheus.

    Attributes:
        missing: Pods without any target.
        down: Targets whose scrapes fail, in words.
        error: What the first of them says.
        double: Ports with several targets, in words.
        pending: Targets that have not been scraped yet, in words.
        has: The value of label k8s-app that scraped pods have.
    """

    missing: tuple[DNSPod, ...]
    down: tuple[str, ...]
    error: str
    double: tuple[str, ...]
    pending: tuple[str, ...]
    has: tuple[str, ...]

    @classmethod
    def of(cls, pods: Sequence[DNSPod], server: Scraped) -> "_Faults":
        missing, down, errors, double, pending, has = [], [], [], [], [], set()
        for pod in pods:
            hits = [(port, _hitting(pod, port, server.targets)) for port in pod.metrics]
            if not any(targets for _, targets in hits):
                missing.append(pod)
                continue
            has.add(pod.labels.get(_APP, pod.workload))
            for port, targets in hits:
                where = f"{pod.full_name}:{port.number} ({port.container})"
                failing = [target for target in targets if target.healthy is False]
                errors += [target.error for target in failing]
                down += [
                    f"the scrape of {where} by {target.pool} fails: {target.error}" for target in failing
                ]
                pending += [
                    f"target {where} of {target.pool}" for target in targets if target.healthy is None
                ]
                if len(targets) > 1:
                    by = " and ".join(f"{target.pool} (port {target.port})" for target in targets)
                    double.append(
                        f"{where} is scraped {len(targets)} times, by {by}: its series count double"
                    )
        return cls(
            tuple(missing),
            tuple(down),
            next(iter(errors), ""),
            tuple(double),
            tuple(pending),
            tuple(sorted(has)),
        )

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
        error = self.error.lower()
        return next((remedy for words, remedy in _SCRAPE_REMEDIES if words.lower() in error), _LET_THROUGH)


def _hitting(pod: DNSPod, port: MetricsPort, targets: Sequence[Target]) -> list[Target]:
    """Return the targets that give the series of a metrics port."""
    return list(_at(pod, port.number, targets)) + [
        target
        for target in _at(pod, port.repeated_at, targets)
        if target.kept is None or target.kept > SETUP_ERROR_SERIES or target.healthy is False
    ]


def _at(pod: DNSPod, port: int, targets: Sequence[Target]) -> Iterator[Target]:
    return (target for target in targets if (target.host, target.port) == (pod.address, port))


def _fix(chain: Chain) -> str:
    broken: Broken | None = chain.broken
    return broken.fix if broken else ""


def _described(target: Target) -> str:
    state = {True: "up", False: f"down: {target.error}", None: "not scraped yet"}[target.healthy]
    pod = target.labels.get("pod")
    return f"{target.pool} -> {target.host}:{target.port}{f' ({pod})' if pod else ''}, {state}"


def _plain(text: str) -> str:
    return text.lower().replace("-", "")
