"""DNS that no pod serves: daemons of nodes, and a provider's own service."""

from collections.abc import Collection, Sequence

from clusterdns.cluster.inventory import Node
from clusterdns.cluster.platforms import NodeDaemon, Platform
from clusterdns.model.topology import (
    DEFAULT_ZONE,
    METADATA_ADDRESS,
    Fact,
    Forward,
    Layer,
    LayerKind,
    Service,
    host,
)

_SERVING = (LayerKind.KUBE_DNS, LayerKind.COREDNS, LayerKind.UNKNOWN)


def node_dns(
    platform: Platform,
    nodes: Sequence[Node],
    layers: Sequence[Layer],
    services: Sequence[Service],
    nameservers: Collection[str],
) -> list[Layer]:
    """Return the daemons of a platform's nodes that serve here.

    A daemon serves where its nodes are labelled so, or where a pod or a layer asks its address.
    """
    asked = set(nameservers)
    asked |= {
        host(upstream) for layer in layers for forward in layer.forwards for upstream in forward.upstreams
    }
    pods_serve = any(layer.kind in _SERVING and layer.replicas for layer in layers)
    found = []
    for daemon in platform.daemons:
        on = [node.name for node in nodes if daemon.labels and daemon.labels.items() <= node.labels.items()]
        if (on or asked & set(daemon.addresses)) and not (daemon.serves_without_pods and pods_serve):
            on = on or [node.name for node in nodes if not node.left_out]  # nothing tells which have it
            found.append(_layer(platform, daemon, sorted(on), services))
    return found


def _layer(platform: Platform, daemon: NodeDaemon, on: Sequence[str], services: Sequence[Service]) -> Layer:
    source = f"{platform.name}'s documentation"
    told = [Fact(address, source) for address in daemon.addresses]
    cluster = [(address, service) for service in services for address in service.addresses]
    if daemon.serves_without_pods:
        told += [
            Fact(address, f"Service {service.name}") for address, service in cluster if not service.backends
        ]
    forwards: tuple[Forward, ...] = ()
    if daemon.asks_cluster_by_tcp and cluster:
        usual = {f"{namespace}/{name}" for namespace, name in platform.services}
        asked = next((address for address, service in cluster if service.name in usual), cluster[0][0])
        forwards = (Forward((DEFAULT_ZONE,), (asked,), f"{source}, ForceTCP", force_tcp=True, assumed=True),)
    return Layer(
        kind=LayerKind.NODE_DNS,
        name=daemon.name,
        addresses=tuple(told),
        version=Fact("unknown", "part of the node's image", assumed=True),
        nodes=tuple(on),
        forwards=forwards,
        caches_denials=Fact(value=True, source="a resolver with a cache of its own"),
    )


def cloud_dns() -> Layer:
    """Return Cloud DNS for GKE: it answers on the metadata address and runs no pod that a user sees."""
    return Layer(
        kind=LayerKind.CLOUD_DNS,
        name="Cloud DNS",
        addresses=(Fact(METADATA_ADDRESS, "Google's documentation of Cloud DNS for GKE"),),
        version=Fact("unversioned", "a cloud service"),
        caches_denials=Fact(value=True, source="a resolver with a cache of its own"),
    )
