"""Where load goes on each kind of topology."""

import pytest

from clusterdns.model.load import DESTINATIONS, Destination, destinations
from clusterdns.model.topology import Topology
from tests.unit.verdicts import topologies


def found(topology: Topology) -> dict[str, Destination]:
    return {name: one for name, one in destinations(topology).items() if isinstance(one, Destination)}
