"""A topology that is read while DNS pods are being replaced is read again: what is starting is not broken."""

import time
from collections.abc import Mapping

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.facts import read_topology
from clusterdns.model.topology import Topology

_PATIENCE = 60.0  # seconds: a grace period of 30 s (kube-dns uses it up), then a pod's start
_PAUSE = 1.0  # seconds


def settled_topology(
    cluster: Cluster, *, nameservers: Mapping[str, str] | None = None, zone: str | None = None
) -> Topology:
    """Return the DNS topology of a cluster once nothing of it is being replaced, or patience has run out.

    Args:
        cluster: Whose.
        nameservers: As of `read_topology`.
        zone: As of `read_topology`.

    Raises:
        ClusterError: the API server did not answer as needed.
        PermissionMissing: something that it is made of may not be listed.
    """
    began = time.monotonic()
    while True:
        asked = time.monotonic()
        topology = read_topology(cluster, nameservers=nameservers, zone=zone)
        now = time.monotonic()
        if not topology.changing or now - began > _PATIENCE:
            return topology
        time.sleep(max(_PAUSE, now - asked))  # reading a large cluster takes a while, and costs it as much
