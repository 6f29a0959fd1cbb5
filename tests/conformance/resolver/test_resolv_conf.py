"""What a pod's resolver is given, on every node: resolver.nameserver to resolver.dns-policy."""

from collections.abc import Callable, Sequence

import pytest

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.workload import Workload
from clusterdns.model.outcome import Verdict
from clusterdns.model.pods import NodeView
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import resolver

Conclude = Callable[[Verdict], None]


@pytest.mark.check("resolver.nameserver")
def test_nameserver(views: Sequence[NodeView], topology: Topology, conclude: Conclude) -> None:
    """A ClusterFirst pod's nameserver is the cluster DNS Service's, the node-local one or the provider's."""
    conclude(resolver.nameserver(views, topology.addresses()))


@pytest.mark.check("resolver.search-list")
def test_search_list(views: Sequence[NodeView], topology: Topology, conclude: Conclude) -> None:
    """The search list is the namespace's domain, the Service domain, the zone, then the node's suffixes."""
    conclude(resolver.search_list(views, topology.zone.value))


@pytest.mark.check("resolver.search-length")
def test_search_length(
    views: Sequence[NodeView], cluster: Cluster, workload: Workload, settings: Settings, conclude: Conclude
) -> None:
    """A pod's search list has no more suffixes than the limit, and the kubelet cut none off."""
    events = [
        f"{event['involvedObject']['name']}: {event['message']}"
        for namespace in (workload.namespace, workload.privileged_namespace)
        for event in cluster.list("events", namespace=namespace, fields="reason=DNSConfigForming")
    ]
    conclude(resolver.search_length(views, settings.search_limit, events))


@pytest.mark.check("resolver.ndots")
@pytest.mark.needs("privileged")
def test_ndots(views: Sequence[NodeView], conclude: Conclude) -> None:
    """Ndots is 5 for ClusterFirst pods unless the pod's own submitted dnsConfig says otherwise."""
    conclude(resolver.ndots(views))


@pytest.mark.check("resolver.dns-policy")
@pytest.mark.needs("privileged")
def test_dns_policy(views: Sequence[NodeView], topology: Topology, conclude: Conclude) -> None:
    """Every dnsPolicy, and dnsConfig merged into it, gives exactly the documented resolv.conf."""
    conclude(resolver.dns_policy(views, topology.zone.value, topology.addresses()))
