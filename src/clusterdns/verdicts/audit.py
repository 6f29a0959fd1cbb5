"""Every verdict that needs nothing but the topology: what an audit says without a probe."""

from collections.abc import Callable, Mapping

from clusterdns.model.outcome import Verdict
from clusterdns.model.topology import LayerKind, Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import tcp_paths, topology, upstreams

AUTOSCALER = "autoscaler"
NODELOCAL = "nodelocal"

# The features that a check needs; without them it is skipped.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "topology.autoscaler": (AUTOSCALER,),
    "topology.nodelocal-coverage": (NODELOCAL,),
}

VERDICTS: Mapping[str, Callable[[Topology, Settings], Verdict]] = {
    "topology.identify": lambda found, _: topology.identify(found),
    "topology.no-tcp-into-dnsmasq": lambda found, _: tcp_paths.no_tcp_into_dnsmasq(found),
    "topology.tcp-capacity": tcp_paths.tcp_capacity,
    "topology.autoscaler": tcp_paths.autoscaler,
    "topology.redundancy": lambda found, _: topology.redundancy(found),
    "topology.nodelocal-coverage": lambda found, _: topology.nodelocal_coverage(found),
    "topology.negative-cache": lambda found, _: upstreams.negative_cache(found),
    "topology.upstream-quota": upstreams.upstream_quota,
    "topology.forward-pool": lambda found, _: tcp_paths.forward_pool(found),
}


def features(found: Topology) -> dict[str, str | None]:
    """Return each feature -> None where the cluster has it, else why not."""
    return {
        AUTOSCALER: None if found.autoscaler else "no ConfigMap in kube-system sets DNS replicas",
        NODELOCAL: None if found.of_kind(LayerKind.NODE_LOCAL) else "no pod in kube-system is a node cache",
    }
