"""Verdicts on a cluster's DNS topology: what runs, where, and whether it is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.topology import DNS_PORT, Forward, Layer, LayerKind, Service, Topology

_NAMED = 3  # nodes or pods that a reason names; the measurements have all
_PODS = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was sent from a pod on a node.

    Attributes:
        node: Where the pod runs.
        target: What was asked: its name and address.
        transport: "udp" or "tcp".
        failure: Why no answer came, None where one came, whatever it says.
    """

    node: str
    target: str
    transport: str
    failure: str | None


def identify(topology: Topology) -> Verdict:
    """Every layer is known, and its configuration can be loaded again; assumptions are called so."""
    measurements = {
        "zone": str(topology.zone),
        "provider": topology.provider.name or "unknown",
        "provider told by": topology.provider.source,
        "notes": list(topology.provider.notes),
        "documented limits": list(topology.provider.limits),
        "documentation": topology.provider.documentation,
        "nameservers": [str(nameserver) for nameserver in topology.nameservers],
        "namespaces": list(topology.namespaces),
        "not read": list(topology.not_read),
        "nodes": dict(topology.nodes),
        "nodes left out": dict(topology.left_out),
        "layers": [_described(layer) for layer in topology.layers],
        "services": {service.name: _backend(service) for service in topology.services},
        "autoscaler": str(topology.autoscaler) if topology.autoscaler else "none",
        "stub domains": {domain: list(servers) for domain, servers in topology.stub_domains.items()},
    }
    evidence = told_in_short(topology)
    faults = [f"{layer.name}: {fault}" for layer in topology.layers for fault in layer.faults]
    if not topology.layers:
        return _nothing_found(topology, measurements)
    if faults:
        return Verdict(
            outcome=Outcome.FAILED,
            reason="; ".join(faults),
            remedy="mend it: running pods keep what they have loaded, the next one to start cannot",
            source="CoreDNS' Corefile grammar (coredns/caddy)",
            measurements=measurements,
            evidence=(*evidence, *faults),
        )
    if topology.unexplained:
        return Verdict(
            outcome=Outcome.WARNED,
            reason="; ".join(topology.unexplained),
            remedy="see what answers there: nothing else that is said here is about it",
            measurements=measurements,
            evidence=evidence,
        )
    return Verdict(outcome=Outcome.PASSED, measurements=measurements, evidence=evidence)


def told_in_short(topology: Topology) -> tuple[str, ...]:
    """Return the platform, the cluster domain and each layer, with where each fact was read, a line each."""
    provider = topology.provider
    names = [
        f"platform: {provider.name or 'unknown'} ({provider.source})",
        f"cluster domain: {topology.zone}",
    ]
    names += [f"nameserver of pods: {nameserver}" for nameserver in topology.nameservers]
    layers = [_line(layer) for layer in topology.layers]
    return (*names, *layers, *(f"not read: {line}" for line in topology.not_read))


def _nothing_found(topology: Topology, measurements: Mapping[str, object]) -> Verdict:
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
        measurements=measurements,
    )


def redundancy(topology: Topology) -> Verdict:
    """At least two DNS pods are ready, on distinct nodes, with a disruption budget."""
    serving = {layer.name: layer for layer in topology.layers if layer.kind is not LayerKind.NODE_LOCAL}
    services = [service for service in topology.services if _serves(service, serving)]
    single_node = len(topology.nodes) == 1
    failed: list[str] = []
    warned: list[str] = []
    for service in services:
        pods, nodes = len(service.ready), {backend.node for backend in service.ready}
        if pods < _PODS:
            told = f"{service.name} has {pods} ready {'pod' if pods == 1 else 'pods'}"
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
    measurements = {
        "services": {service.name: _backend(service) for service in services},
        "budgets": {layer.name: layer.budget for layer in serving.values()},
    }
    if not failed and not warned:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED if failed else Outcome.WARNED,
        reason="; ".join((*failed, *warned)),
        remedy="run two replicas or more, keep them apart by podAntiAffinity, and add a PodDisruptionBudget",
        source="kubernetes.io/docs/concepts/workloads/pods/disruptions/",
        measurements=measurements,
    )


def nodelocal_coverage(topology: Topology) -> Verdict:
    """A node cache is ready on every node that runs Linux pods, and has somebody to ask."""
    caches = topology.of_kind(LayerKind.NODE_LOCAL)
    covered = {node for layer in caches for node in layer.nodes} & set(topology.nodes)
    bare = sorted(set(topology.nodes) - covered)
    wrong = [f"no ready node cache on {_names(bare)}"] if bare else []
    upstreams = {layer.name: layer.upstream for layer in caches}
    for name, upstream in upstreams.items():
        if upstream is None:
            continue  # its Corefile names what it asks
        service = next((one for one in topology.services if one.name == upstream), None)
        if service is None:
            wrong.append(f"the upstream Service {upstream} of {name} is not there")
        elif not service.ready:
            wrong.append(f"the upstream Service {upstream} of {name} has no ready endpoint")
    measurements = {"covered": sorted(covered), "not covered": bare, "upstreams": upstreams}
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, measurements=measurements)
    return Verdict(
        outcome=Outcome.FAILED,
        reason="; ".join(wrong),
        remedy="look at the DaemonSet's nodeSelector, tolerations and pods, and at the Service's selector",
        source="kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/",
        measurements=measurements,
    )


def tcp_reachable(asked: Sequence[Asked]) -> Verdict:
    """TCP port 53 works from every node to every DNS pod and Service."""
    return _answered(
        asked,
        remedy="look for a NetworkPolicy, firewall rule or iptables rule that lets only UDP port 53 through",
        source="RFC 7766: DNS over TCP is required; answers too large for UDP need it",
    )


def nodelocal_answers(asked: Sequence[Asked]) -> Verdict:
    """On every node a pod gets an answer from the addresses of the node cache."""
    return _answered(
        asked,
        remedy="look at the node cache's pod on that node, its interface and its iptables rules",
        source="kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/",
    )


def _answered(asked: Sequence[Asked], *, remedy: str, source: str) -> Verdict:
    told = {f"{one.node} -> {one.target}, {one.transport}": one.failure or "answered" for one in asked}
    wrong = [f"{path}: {failure}" for path, failure in told.items() if failure != "answered"]
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, source=source, measurements={"paths": told})
    return Verdict(
        outcome=Outcome.FAILED,
        reason=f"no answer on {len(wrong)} of {len(told)} paths: {_names(wrong)}",
        remedy=remedy,
        source=source,
        measurements={"paths": told},
        evidence=tuple(wrong),
    )


def _serves(service: Service, serving: Mapping[str, Layer]) -> bool:
    behind = {backend.layer for backend in service.backends} | set(service.selects)
    return bool(behind & set(serving)) and bool(service.backends or service.addresses)


def _described(layer: Layer) -> dict[str, object]:
    return {
        "kind": layer.kind,
        "name": layer.name,
        "version": str(layer.version),
        "CoreDNS": str(layer.coredns) if layer.coredns else None,
        "addresses": [str(address) for address in layer.addresses],
        "replicas": layer.replicas,
        "ready": layer.ready,
        "nodes": list(layer.nodes),
        "limits": {name: str(limit) for name, limit in layer.limits.items()},
        "forwards": [_forward(forward) for forward in layer.forwards],
        "caches NXDOMAIN": str(layer.caches_denials),
        "disruption budget": layer.budget,
        "upstream Service": layer.upstream,
        "port": layer.port,
        "redirect": layer.redirect,
    }


def _line(layer: Layer) -> str:
    addresses = ", ".join(map(str, layer.addresses)) or "no address"
    limits = "".join(f"; {name}: {limit}" for name, limit in layer.limits.items())
    coredns = f"; CoreDNS {layer.coredns}" if layer.coredns and layer.coredns != layer.version else ""
    replicas = f"{layer.ready} of {layer.replicas} ready" if layer.replicas else "no pods"
    if layer.kind is LayerKind.NODE_DNS:
        replicas = f"on {len(layer.nodes)} nodes, no pods"
    port = f" on port {layer.port}" if layer.port != DNS_PORT else ""
    redirect = f"; reached by {layer.redirect}" if layer.redirect else ""
    where = f"({layer.name}) at {addresses}{port}, {replicas}"
    return f"{layer.kind} {layer.version} {where}{coredns}{limits}{redirect}"


def _forward(forward: Forward) -> str:
    how = "by TCP" if forward.force_tcp else "by UDP" if forward.prefer_udp else "as it was asked"
    assumed = ", assumed" if forward.assumed else ""
    return f"{' '.join(forward.zones)} to {' '.join(forward.upstreams)} {how} ({forward.source}{assumed})"


def _backend(service: Service) -> dict[str, str]:
    return {
        backend.pod: f"{backend.node}{'' if backend.ready else ', not ready'}" for backend in service.backends
    }


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
