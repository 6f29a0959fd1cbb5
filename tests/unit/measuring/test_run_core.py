"""The parts that others stand on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

from clusterdns.measuring.part import part
from clusterdns.measuring.run_core import CoreRun
from clusterdns.settings import Settings
from tests.unit.verdicts.topologies import TWO, cache, server, topology, upstream

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from clusterdns.model.topology import Topology


def run_on(seen: Topology) -> CoreRun:
    class Run(CoreRun):
        @part
        def topology(self) -> Topology:
            return seen

    return Run(cast("Cluster", None), Settings.load({}, {}), foreign=False)


def test_parts_that_query_take_turns_only_where_caches_reach_dnsmasq_by_tcp() -> None:
    incident = run_on(topology(cache(), server(), services=(upstream(*TWO),)))
    inside = []
    with incident.query_turn:
        other = threading.Thread(target=lambda: inside.append(incident.query_turn.__enter__()))
        other.start()
        other.join(0.05)
        assert not inside
    other.join()
    assert inside == [True]
    side_by_side = run_on(topology(server())).query_turn
    with side_by_side, side_by_side:
        pass
