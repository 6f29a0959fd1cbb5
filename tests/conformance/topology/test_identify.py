"""topology.identify."""

from collections.abc import Callable

import pytest

from clusterdns.model.outcome import Verdict
from clusterdns.model.topology import Topology
from clusterdns.verdicts.topology import identify


@pytest.mark.check("topology.identify")
def test_identify(topology: Topology, conclude: Callable[[Verdict], None]) -> None:
    """Every DNS layer is identified with its version, replicas and limits, and where each fact was read."""
    conclude(identify(topology))
