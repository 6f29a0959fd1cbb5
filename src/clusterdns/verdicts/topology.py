"""What serves a cluster's DNS, where it runs, and whether it is enough and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.check import Case, Check, only
from clusterdns.cluster.permissions import OBJECTS, PROBES, REDIRECTS
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.reachability import TRANSPORTS, Attempt
from clusterdns.model.topology import Layer, LayerKind, Service, Topology
from clusterdns.verdicts.needs import NODE_CACHES

_NAMED = 3  # nodes or pods that a reason names; the measurements have all
_PODS = 2


def identify(topology: Topology) -> Verdict:
    """Judge whether every layer is known, and its configuration can be loaded again."""
    evidence = topology.in_short()
    faults = [f"{layer.name}: {fault}" for layer in topology.layers for fault in layer.faults]
    if not topology.layers:
        return _nothing_found(topology)
    if faults:
        return Verdict(
            outcome=Outcome.FAILED,
            reason="; ".join(faults),
            source="CoreDNS' Corefile grammar (coredns/caddy)",
            measurements=topology,
            evidence=(*evidence, *faults),
        )
    if topology.unexplained:
        return Verdict(
            outcome=Outcome.WARNED,
            reason="; ".join(topology.unexplained),
            remedy="see what answers there: nothing else that is said here is about it",
            measurements=topology,
            evidence=evidence,
        )
    return Verdict(outcome=Outcome.PASSED, measurements=topology, evidence=evidence)


IDENTIFY = Check(
    id="topology.identify",
    profile=Profile.AUDIT,
    requirement=(
        "Every DNS layer is identified with its version, replicas and limits, and where each fact was read."
    ),
    source="the cluster's own objects: pods, Services, ConfigMaps",
    remedy="mend it: running pods keep what they have loaded, the next one to start cannot",
    grants=(OBJECTS, REDIRECTS),
    measures=(Run.topology,),
    cases=only(lambda run: identify(run.topology)),
)


@dataclass(frozen=True, slots=True)
class Replicas:
    """Measurements of topology.redundancy.

    Attributes:
        services: With a layer behind them.
        budgets: Layer -> the PodDisruptionBudget that covers it; None where there is none.
    """

    services: Sequence[Service]
    budgets: Mapping[str, str | None]


def _nothing_found(topology: Topology) -> Verdict:
    """Return the verdict on a cluster where nothing serves DNS that anybody sees from outside."""
    services = ", ".join(service.name for service in topology.services) or "no Service"
    told = ", ".join(fact.value for fact in topology.nameservers) or "nothing that is told to kubelets"
    name = topology.provider.name
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"what answers DNS is not known: looked at {services} and {told}, and no pod is behind these",
        remedy=(
            f"see the resolv.conf of a pod and {name}'s documentation ({topology.provider.documentation})"
            if name
            else "see the resolv.conf of a pod: who has that address?"
        ),
        measurements=topology,
    )


def redundancy(topology: Topology) -> Verdict:
    """Judge the pods behind every Service that sends queries to one, and their disruption budgets."""
    serving = {layer.name: layer for layer in topology.layers if layer.kind is not LayerKind.NODE_LOCAL}
    services = [service for service in topology.services if _serves(service, serving)]
    single_node = len(topology.nodes) == 1
    failed: list[str] = []
    warned: list[str] = []
    for service in services:
        pods, nodes = len(service.ready), {backend.node for backend in service.ready}
        if pods < _PODS:
            told = f"{service.name} has {pods} ready {'pod' if pods == 1 else 'pods'}"
            waiting = [pod for name in service.selects if name in serving for pod in serving[name].not_ready]
            told += f"; not ready: {_names(waiting)}" if waiting else ""
            (warned if single_node and pods else failed).append(told)
        elif len(nodes) < _PODS:
            told = (
                f"all {pods} pods of {service.name} are on {'the only node' if single_node else nodes.pop()}"
            )
            (warned if single_node else failed).append(told)
    clouds = topology.of_kind(LayerKind.CLOUD_DNS, LayerKind.NODE_DNS)
    if not services and not clouds:
        failed.append("no Service sends queries to a DNS pod")
    selected = dict.fromkeys(
        name for service in services for name in service.selects if name in serving and serving[name].replicas
    )
    warned += [
        f"{name} has no PodDisruptionBudget: a drain may take all its pods at once"
        for name in selected
        if serving[name].budget is None
    ]
    measurements = Replicas(
        services=services,
        budgets={layer.name: layer.budget for layer in serving.values()},
    )
    if not failed and not warned:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED if failed else Outcome.WARNED,
        reason="; ".join((*failed, *warned)),
        measurements=measurements,
    )


REDUNDANCY = Check(
    id="topology.redundancy",
    profile=Profile.AUDIT,
    requirement="At least two DNS pods are ready, on distinct nodes, with a disruption budget.",
    source="kubernetes.io/docs/concepts/workloads/pods/disruptions/",
    remedy="run two replicas or more, keep them apart by podAntiAffinity, and add a PodDisruptionBudget",
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: redundancy(run.topology)),
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Measurements of topology.nodelocal-coverage, read from objects.

    Attributes:
        covered: Nodes with a node cache that is ready.
        not_covered: The others.
        upstream_services: Node cache -> the Service that it asks.
    """

    covered: Sequence[str]
    not_covered: Sequence[str]
    upstream_services: Mapping[str, str | None]


def nodelocal_coverage(topology: Topology) -> Verdict:
    """Judge whether every node that runs Linux pods has a node cache that is asked and can ask."""
    caches = topology.of_kind(LayerKind.NODE_LOCAL)
    daemons = topology.of_kind(LayerKind.NODE_DNS)
    covered = {node for layer in (*caches, *daemons) for node in layer.nodes} & set(topology.nodes)
    # Which nodes have a daemon is a matter of their pools.
    bare = sorted(set(topology.nodes) - covered) if caches else []
    wrong = [f"no ready node cache on {_names(bare)}"] if bare else []
    upstreams = {layer.name: layer.upstream for layer in caches}
    for name, upstream in upstreams.items():
        if upstream is None:
            continue  # its Corefile names what it asks
        service = next((service for service in topology.services if service.name == upstream), None)
        if service is None:
            wrong.append(f"the upstream Service {upstream} of {name} is not there")
        elif not service.ready:
            wrong.append(f"the upstream Service {upstream} of {name} has no ready endpoint")
    beside = [
        f"nothing leads queries to {layer.name}: no interface gets an address of its, and no redirect policy "
        "that may be read selects its pods"
        for layer in caches
        if not layer.addresses
    ]
    measurements = Coverage(sorted(covered), bare, upstreams)
    if not wrong and not beside:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED if wrong else Outcome.WARNED,
        reason="; ".join((*wrong, *beside)),
        measurements=measurements,
    )


@dataclass(frozen=True, slots=True)
class Paths:
    """Measurements of topology.tcp-reachable, and of topology.nodelocal-coverage where pods ask.

    Attributes:
        answered: Paths that an answer came on, as "NODE -> TARGET, TRANSPORT".
        failed: Path -> why no answer came.
    """

    answered: Sequence[str]
    failed: Mapping[str, str]


def tcp_reachable(asked: Sequence[Attempt]) -> Verdict:
    """Judge whether every DNS pod and Service answered by TCP."""
    return _answered(asked)


def nodelocal_answers(asked: Sequence[Attempt]) -> Verdict:
    """Judge whether the addresses of node caches answered on every node."""
    if not asked:
        return Verdict(
            outcome=Outcome.WARNED,
            reason="nothing was asked: no address of a node cache is known",
            measurements=Paths((), {}),
        )
    return _answered(
        asked,
        remedy="look at the node cache on that node: its pod or daemon, interface and iptables rules",
    )


def _answered(asked: Sequence[Attempt], *, remedy: str = "") -> Verdict:
    told = {f"{attempt.node} -> {attempt.target}, {attempt.transport}": attempt.failure for attempt in asked}
    paths = Paths(
        answered=[path for path, failure in told.items() if failure is None],
        failed={path: failure for path, failure in told.items() if failure is not None},
    )
    if not paths.failed:
        return Verdict(outcome=Outcome.PASSED, measurements=paths)
    wrong = [f"{path}: {failure}" for path, failure in paths.failed.items()]
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"no answer on {len(wrong)} of {len(told)} paths: {_names(wrong)}",
        remedy=remedy,
        measurements=paths,
        evidence=tuple(wrong),
    )


def _case_of_answers(transport: str) -> Case:
    """Return the case in which pods ask the node cache by UDP or TCP."""
    return Case(
        transport,
        lambda run: nodelocal_answers(run.node_caches_asked[transport]),
        profile=Profile.CORE,
        grants=(PROBES,),
    )


NODELOCAL_COVERAGE = Check(
    id="topology.nodelocal-coverage",
    profile=Profile.AUDIT,
    requirement="A node cache is ready and answers on every node, and its upstream Service has endpoints.",
    source="kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/",
    remedy="look at the DaemonSet's nodeSelector, tolerations and pods, and at the Service's selector",
    needs=(NODE_CACHES,),
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=[
        Case("", lambda run: nodelocal_coverage(run.topology)),
        *(_case_of_answers(transport) for transport in TRANSPORTS),
    ],
)

TCP_REACHABLE = Check(
    id="topology.tcp-reachable",
    profile=Profile.CORE,
    requirement="TCP port 53 works from every node to every DNS pod and Service.",
    source="RFC 7766: DNS over TCP is required; answers too large for UDP need it",
    remedy="look for a NetworkPolicy, firewall rule or iptables rule that lets only UDP port 53 through",
    grants=(OBJECTS, PROBES),
    measures=(Run.serving_by_tcp,),
    cases=only(lambda run: tcp_reachable(run.serving_by_tcp)),
)

CHECKS = (IDENTIFY, REDUNDANCY, NODELOCAL_COVERAGE, TCP_REACHABLE)


def _serves(service: Service, serving: Mapping[str, Layer]) -> bool:
    behind = {backend.layer for backend in service.backends} | set(service.selects)
    return bool(behind & set(serving)) and bool(service.backends or service.addresses)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
