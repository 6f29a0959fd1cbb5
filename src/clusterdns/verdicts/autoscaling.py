"""Whether the autoscaler keeps up with a cluster that grows: topology.autoscaler."""

from dataclasses import dataclass, fields

from clusterdns.check import Check, only
from clusterdns.cluster.permissions import OBJECTS
from clusterdns.measuring.run import Run
from clusterdns.model.autoscaling import Linear
from clusterdns.model.capacity import LARGEST_CLUSTER, Demand, at_sizes, first_short
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.tcp_paths import demand, tcp_paths
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings
from clusterdns.verdicts.needs import AUTOSCALER


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Measurements of topology.autoscaler.

    Attributes:
        parameters: The autoscaler's, and where they were read.
        nodes: That take new pods.
        cores: Of these.
        replicas_now: That it gives to so many nodes and cores.
        replicas_at_twice_the_nodes: That it would give to twice as many.
        first_short_at: The smallest cluster whose children do not suffice, in words; None where nothing goes
            by TCP into dnsmasq.
    """

    parameters: str
    nodes: int
    cores: float
    replicas_now: int
    replicas_at_twice_the_nodes: int
    first_short_at: str | None


def autoscaler(topology: Topology, settings: Settings) -> Verdict:
    """Judge the replicas that the autoscaler gives, now and at twice the nodes.

    Where capacity is short today already, that is for `tcp_capacity` to say; here it is a warning.
    """
    scaler = topology.autoscaler
    if scaler is None or scaler.value is None:
        return Verdict(
            outcome=Outcome.FAILED,
            reason=f"the autoscaler's parameters are not known: {scaler.source if scaler else 'none'}",
            remedy="put valid JSON there: the autoscaler goes on with what it read last, until it restarts",
        )
    nodes, cores = topology.schedulable, topology.cores
    if isinstance(scaler.value, Linear) and scaler.value.include_unschedulable:
        nodes, cores = topology.total, topology.total_cores
    found = demand(tcp_paths(topology), settings.peak_queries_per_node)
    now, twice = (scaler.value.replicas(times * nodes, times * cores) for times in (1, 2))
    first_short_at: str | None = None
    complaints: list[tuple[Outcome, str]] = []
    if nodes > 1 and now < 2:  # noqa: PLR2004 - one is a single point of failure
        outcome = Outcome.FAILED if found else Outcome.WARNED
        complaints.append((outcome, f"it gives {now} replica to {nodes} nodes: a single point of failure"))
    if found:
        limit = found.children // found.replicas if found.replicas else 0
        per_core = cores / nodes if nodes else 0.0
        short = first_short(scaler.value, per_core, found.per_node, limit)
        today, doubled = at_sizes(scaler.value, (nodes, 2 * nodes), per_core, found.per_node, limit)
        first_short_at = _size(short) if short else f"no size up to {LARGEST_CLUSTER} nodes"
        if today.headroom < 0 and short:
            complaints.append((Outcome.WARNED, f"no size it scales to suffices: short at {_size(short)}"))
        elif doubled.headroom < 0:
            complaints.append((Outcome.FAILED, f"twice the nodes are short of children: {_size(doubled)}"))
    measurements = Scaling(
        parameters=str(scaler),
        nodes=nodes,
        cores=cores,
        replicas_now=now,
        replicas_at_twice_the_nodes=twice,
        first_short_at=first_short_at,
    )
    evidence = tuple(_told_scaling(measurements))
    if not complaints:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements, evidence=evidence)
    return Verdict(
        outcome=min((outcome for outcome, _ in complaints), key=[Outcome.FAILED, Outcome.WARNED].index),
        reason="; ".join(text for _, text in complaints),
        measurements=measurements,
        evidence=evidence,
    )


AUTOSCALING = Check(
    id="topology.autoscaler",
    profile=Profile.AUDIT,
    requirement=(
        "The autoscaler leaves no single point of failure, and replicas grow with what nodes ask by TCP."
    ),
    source="kubernetes-sigs/cluster-proportional-autoscaler; GKE's kube-dns-autoscaler",
    remedy="set preventSinglePointFailure and a smaller nodesPerReplica; better: no TCP into dnsmasq",
    needs=(AUTOSCALER,),
    grants=(OBJECTS,),
    measures=(Run.topology,),
    cases=only(lambda run: autoscaler(run.topology, run.settings)),
)

CHECKS = (AUTOSCALING,)


def _told_scaling(measured: Scaling) -> list[str]:
    values = ((field.name.replace("_", " "), getattr(measured, field.name)) for field in fields(measured))
    return [f"{name}: {value}" for name, value in values if value is not None]


def _size(demanded: Demand) -> str:
    replicas = "1 replica" if demanded.replicas == 1 else f"{demanded.replicas} replicas"
    nodes = "1 node" if demanded.nodes == 1 else f"{demanded.nodes} nodes"
    return f"{nodes}, {replicas}, {demanded.children} children for {demanded.wanted} connections"
