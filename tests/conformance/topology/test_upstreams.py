"""What leaves the cluster: topology.negative-cache, upstream-quota."""

from collections.abc import Callable

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.topology import Topology
from clusterdns.settings import Settings
from clusterdns.verdicts import upstreams

Conclude = Callable[[Verdict], None]


@pytest.mark.check("topology.negative-cache")
def test_negative_cache(topology: Topology, conclude: Conclude) -> None:
    """Some layer caches NXDOMAIN where a search list makes most answers just that."""
    conclude(upstreams.negative_cache(topology))


@pytest.mark.check("topology.upstream-quota")
def test_upstream_quota(topology: Topology, settings: Settings, conclude: Conclude) -> None:
    """Queries per source address to a public resolver stay under its quota."""
    conclude(upstreams.upstream_quota(topology, settings))
