"""What clients go through while something is done to a cluster's DNS, as upgrades do it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clusterdns.check import Check, Need, Stage, only
from clusterdns.cluster.permissions import CORDONING, DISRUPTION, OBJECTS, PROBES
from clusterdns.errors import HarnessError
from clusterdns.measuring.dns_changes import why_not_to_be_evicted
from clusterdns.measuring.dns_workloads import DEPLOYMENT
from clusterdns.measuring.run import Run
from clusterdns.model.disruption import Disruption, PathOutage
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.topology import LayerKind
from clusterdns.settings import Settings
from clusterdns.verdicts.client_limits import along, past_limits, too_slow
from clusterdns.verdicts.needs import NODELOCAL

_LATE = 0.1  # of the limit of slow answers: a generator that is later than this receives late, too

SPARE_DNS_POD = Need("spare-dns-pod", lambda run: why_not_to_be_evicted(run.topology, foreign=run.foreign))
"""DNS pods enough that one of them may be evicted."""
OWN_CLUSTER = Need(
    "own-cluster",
    lambda run: "it would change somebody's configuration: on a lab or kind only" if run.foreign else None,
)
"""A lab or kind cluster."""
WORKLOAD = Need(
    "dns-workload",
    lambda run: None if run.dns_workloads else "no Deployment or DaemonSet serves this cluster's DNS",
)
"""A workload that can be rolled out."""
DEPLOYED = Need(
    "dns-deployment",
    lambda run: (
        None
        if any(workload.kind == DEPLOYMENT for workload in run.dns_workloads)
        else "no Deployment serves this cluster's DNS: pods of DaemonSets stay on their nodes"
    ),
)
"""A Deployment, whose pods move and whose replicas are set."""
COREFILE = Need(
    "corefile",
    lambda run: (
        None
        if any(workload.layer.kind is LayerKind.COREDNS for workload in run.dns_workloads)
        else "no CoreDNS in a Deployment or DaemonSet serves this cluster's DNS"
    ),
)
"""A CoreDNS, whose configuration may change."""
OWN_API = Need(
    "own-api", lambda run: None if run.stop_api else "its API server is not ours to stop: on a lab only"
)
"""A lab, whose API server may be away for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """Measurements of all that was done.

    Attributes:
        lookups: Calls of getaddrinfo.
        failed_lookups: How many of them failed.
        slowest_lookup_s: Of those that did not.
        queries: Along all paths.
        failed_queries: Not answered in time, or by an error.
        longest_gap_s: The longest time that a path was without an answer.
        longest_disturbed_s: From a path's first failed query to the first good one after the last.
        p99_ms: Of the slowest path; None where no path had an answer.
        longest_ready_again_s: Until as many pods were ready as before; None where that took too long once.
        disruptions: One after the other, path by path.
    """

    lookups: int
    failed_lookups: int
    slowest_lookup_s: float
    queries: int
    failed_queries: int
    longest_gap_s: float
    longest_disturbed_s: float
    p99_ms: float | None
    longest_ready_again_s: float | None
    disruptions: Sequence[Disruption]


def resilience(disruptions: Sequence[Disruption], settings: Settings, *, spare: bool) -> Verdict:
    """Judge what clients went through.

    Args:
        disruptions: One after the other.
        settings: The limits.
        spare: Whether some other pod could have answered meanwhile; without one neither the share of failed
            queries nor slow lookups count.

    Raises:
        HarnessError: nothing was done; or nothing is past a limit but slow answers, and the generator was
            late meanwhile, too.
    """
    if not disruptions:
        raise HarnessError("nothing was there to be disturbed: no such pod is ready where the suite asks")
    faults: list[str] = []
    doubtful: list[str] = []
    for disruption in disruptions:
        faults += (f"{disruption.what}: {fault}" for fault in _faults(disruption, settings, spare=spare))
        late = disruption.lag_ms > _LATE * settings.disruption_p99_limit
        slow = (f"{disruption.what}: {fault}" for fault in _slow_paths(disruption, settings))
        if late:
            doubtful += (f"{fault}, but queries went out {disruption.lag_ms:.0f} ms late" for fault in slow)
        else:
            faults += slow
    if doubtful and not faults:
        raise HarnessError(
            f"too busy a machine to tell slow answers: {doubtful[0]} (p99); run again when it is less busy"
        )
    return judged([*faults, *doubtful], _measured(disruptions))


def _faults(disruption: Disruption, settings: Settings, *, spare: bool) -> Iterator[str]:
    failed = disruption.failed_lookups
    if disruption.unfinished:
        yield disruption.unfinished
    if len(failed) > settings.disruption_failed_limit:
        yield f"{len(failed)} of {disruption.lookups} lookups failed, e.g. {failed[0]}"
    if spare and disruption.slowest_lookup_s >= settings.disruption_lookup_limit:
        limit = settings.disruption_lookup_limit
        yield f"a lookup took {disruption.slowest_lookup_s:.1f} s, not less than {limit:g} s"
    lost_limit = settings.disruption_lost_limit if spare else 100
    for path in disruption.paths:
        yield from along(path, _faults_of_path(path, settings, lost_limit))


def _faults_of_path(path: PathOutage, settings: Settings, lost_limit: float) -> Iterator[str]:
    if not path.recovered:
        yield "not answering at the end of what was watched"
    if path.disturbed_s > settings.disruption_recovery_limit:
        yield f"disturbed for {path.disturbed_s:.1f} s, more than {settings.disruption_recovery_limit:g} s"
    yield from past_limits(path, settings, lost_limit)


def _slow_paths(disruption: Disruption, settings: Settings) -> Iterator[str]:
    for path in disruption.paths:
        yield from along(path, too_slow(path, settings))


def _measured(disruptions: Sequence[Disruption]) -> Resilience:
    paths = [path for disruption in disruptions for path in disruption.paths]
    ready_again = [disruption.ready_again_s for disruption in disruptions]
    return Resilience(
        lookups=sum(disruption.lookups for disruption in disruptions),
        failed_lookups=sum(len(disruption.failed_lookups) for disruption in disruptions),
        slowest_lookup_s=max(disruption.slowest_lookup_s for disruption in disruptions),
        queries=sum(path.queries for path in paths),
        failed_queries=sum(path.failed for path in paths),
        longest_gap_s=max(path.gap_s for path in paths),
        longest_disturbed_s=max(path.disturbed_s for path in paths),
        p99_ms=max((path.p99_ms for path in paths if path.p99_ms is not None), default=None),
        longest_ready_again_s=None if None in ready_again else max(filter(None, ready_again), default=0.0),
        disruptions=disruptions,
    )


def _of_services(run: Run, disruptions: Sequence[Disruption]) -> Verdict:
    """Judge what clients of Services went through, for which some other pod could have answered."""
    return resilience(disruptions, run.settings, spare=True)


DNS_RESTART = Check(
    id="resilience.dns-restart",
    profile=Profile.DISRUPTIVE,
    requirement="No lookup fails and no path falls silent while each DNS pod is replaced in turn.",
    source="kubernetes.io/docs/concepts/workloads/pods/disruptions/; the limits (--disruption-*-limit)",
    remedy=(
        "run two DNS pods or more on distinct nodes; let them serve on while they end (CoreDNS: "
        "lameduck 5s in health) and be ready only when they can answer (ready plugin, readinessProbe)"
    ),
    needs=(SPARE_DNS_POD,),
    grants=(OBJECTS, PROBES, DISRUPTION),
    cases=only(lambda run: _of_services(run, run.dns_restart), stage=Stage.DISRUPTION),
)
NODE_DRAIN = Check(
    id="resilience.node-drain",
    profile=Profile.DISRUPTIVE,
    requirement=(
        "No lookup fails and no path falls silent while a node is cordoned and its DNS pods are evicted."
    ),
    source="kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/; --disruption-*-limit",
    remedy=(
        "spread DNS pods over nodes (podAntiAffinity, topologySpreadConstraints), let them move to others, "
        "and give them a PodDisruptionBudget with maxUnavailable: 1"
    ),
    needs=(SPARE_DNS_POD, DEPLOYED),
    grants=(OBJECTS, PROBES, DISRUPTION, CORDONING),
    cases=only(lambda run: _of_services(run, run.node_drain), stage=Stage.DISRUPTION),
)
DNS_ROLLOUT = Check(
    id="resilience.dns-rollout",
    profile=Profile.DISRUPTIVE,
    requirement="No lookup fails and no path falls silent while the workloads of DNS are rolled out.",
    source="kubernetes/kubernetes issue 129617, coredns/coredns issue 5834; --disruption-*-limit",
    remedy=DNS_RESTART.remedy,
    needs=(OWN_CLUSTER, WORKLOAD, SPARE_DNS_POD),
    grants=(OBJECTS, PROBES),
    cases=only(lambda run: _of_services(run, run.dns_rollout), stage=Stage.DISRUPTION),
)
CONFIG_RELOAD = Check(
    id="resilience.config-reload",
    profile=Profile.DISRUPTIVE,
    requirement=(
        "A change of the Corefile reaches every pod of CoreDNS, and no lookup fails and no path falls silent "
        "while it is loaded."
    ),
    source="coredns.io/plugins/reload: every 30 s, jitter 15 s; --disruption-*-limit",
    remedy=(
        "have reload in the Corefile, and mount the ConfigMap as a folder: a file mounted with subPath is "
        "never updated"
    ),
    needs=(OWN_CLUSTER, COREFILE),
    grants=(OBJECTS, PROBES),
    cases=only(lambda run: _of_services(run, run.config_reload), stage=Stage.DISRUPTION),
)
SCALE = Check(
    id="resilience.scale",
    profile=Profile.DISRUPTIVE,
    requirement=(
        "No lookup fails and no path falls silent while the DNS Deployments get twice their replicas and "
        "give them up again."
    ),
    source="kubernetes.io/docs/tasks/administer-cluster/dns-horizontal-autoscaling/; --disruption-*-limit",
    remedy=DNS_RESTART.remedy,
    needs=(OWN_CLUSTER, DEPLOYED, SPARE_DNS_POD),
    grants=(OBJECTS, PROBES),
    cases=only(lambda run: _of_services(run, run.dns_scale), stage=Stage.DISRUPTION),
)
API_OUTAGE = Check(
    id="resilience.api-outage",
    profile=Profile.DISRUPTIVE,
    requirement="Names that exist stay answered while the API server is away for 20 s.",
    source="coredns.io/plugins/kubernetes: answers come from what was watched; --disruption-*-limit",
    remedy=(
        "let nothing that DNS pods live by ask the API server: probes of their containers, webhooks that "
        "fail closed on their pods"
    ),
    needs=(OWN_API,),
    grants=(OBJECTS, PROBES),
    cases=only(lambda run: _of_services(run, run.api_outage), stage=Stage.DISRUPTION),
)
NODE_CACHE_RESTART = Check(
    id="resilience.node-cache-restart",
    profile=Profile.DISRUPTIVE,
    requirement="No lookup fails and no path is silent for a client's time-out while a node cache restarts.",
    source="kubernetes/dns issue 310, kubernetes/kops issue 14812; the limits (--disruption-*-limit)",
    remedy=(
        "have the node cache remove its interface and NOTRACK rules when it ends, so that the DNS Service "
        "answers meanwhile; pull its image beforehand"
    ),
    needs=(NODELOCAL,),
    grants=(OBJECTS, PROBES, DISRUPTION),
    # A node-local address has nobody else to answer: how long it is silent counts, not the share of a window.
    cases=only(
        lambda run: resilience(run.node_cache_restart, run.settings, spare=False), stage=Stage.DISRUPTION
    ),
)

CHECKS = (DNS_RESTART, NODE_CACHE_RESTART, NODE_DRAIN, DNS_ROLLOUT, CONFIG_RELOAD, SCALE, API_OUTAGE)
