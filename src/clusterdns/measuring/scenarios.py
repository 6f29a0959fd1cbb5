"""What saturation checks look at: where bursts go, and everyday use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterdns.errors import HarnessError
from clusterdns.model.load import upstream_service
from clusterdns.model.lookups import Lookup
from clusterdns.model.pods import CLUSTER_FIRST, NodeView
from clusterdns.model.resolver import Libc
from clusterdns.model.saturation import Lookups
from clusterdns.model.topology import Topology
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.resolving import GIVEN_UP, resolve

REST = "lookups one after the other on every node"
_TIMEOUT = 7.0  # seconds for a lookup: what is lost is sent again after 5 s (resolv.conf(5))
_MOST_SECONDS = 3.0  # until the last lookup of a node: what is slow is seen sooner
_LOOKUPS_AT_REST = 60  # one after the other: about two seconds of everyday use


@dataclass(frozen=True, slots=True)
class BurstPaths:
    """Where bursts go from each node.

    Attributes:
        usual: Node -> where its pods send their queries.
        direct: Node -> past every cache: the Service that node caches ask; where there is none, as usual.
    """

    usual: Mapping[str, str]
    direct: Mapping[str, str]


def burst_paths(views: Sequence[NodeView], topology: Topology) -> BurstPaths:
    """Return where bursts go.

    Raises:
        HarnessError: a node's pods are given no nameserver.
    """
    for view in views:
        if not view.seen[CLUSTER_FIRST].nameservers:
            raise HarnessError(f"pods on {view.node} are given no nameserver: no load can be sent as they do")
    usual = {view.node: view.seen[CLUSTER_FIRST].nameservers[0] for view in views}
    upstream = upstream_service(topology)
    return BurstPaths(usual, dict.fromkeys(usual, upstream.addresses[0]) if upstream else usual)


def everyday_lookups(prober: Prober, pods: Sequence[ProbePod], name: str) -> Lookups:
    """Look up an external name in every pod, again and again; return what came of it.

    Raises:
        ProbeError: an agent failed.
    """
    lookups = [Lookup("external", name, "unspec", Libc.GLIBC, external=True)] * _LOOKUPS_AT_REST
    results = on_nodes_left(
        lambda pod: resolve(prober, pod, lookups, timeout=_TIMEOUT, seconds=_MOST_SECONDS), pods
    )
    made = [resolved for _, by_pod in results for resolved in by_pod if resolved.failure != GIVEN_UP]
    return Lookups(made=len(made), failed=sum(resolved.failure is not None for resolved in made))
