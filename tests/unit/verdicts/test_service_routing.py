"""Where Services may send queries, and where their pods are."""

from dataclasses import replace

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import Topology
from clusterdns.verdicts.service_routing import service_routing, spread
from tests.unit.verdicts.topologies import TWO, topology, upstream


def routed(traffic_policy: str, affinity: str, *, pods: int = 2) -> Topology:
    service = replace(upstream(*TWO[:pods]), traffic_policy=traffic_policy, affinity=affinity)
    return topology(services=(service,))


@pytest.mark.parametrize(
    ("found", "outcome", "reason"),
    [
        (routed("Cluster", "None"), Outcome.PASSED, ""),
        (routed("", ""), Outcome.PASSED, ""),
        (routed("Local", "None"), Outcome.PASSED, ""),  # each node has a pod
        (routed("Local", "None", pods=1), Outcome.FAILED, "and n2 has no ready pod of it"),
        (routed("Cluster", "ClientIP"), Outcome.WARNED, "sessionAffinity: ClientIP"),
    ],
)
def test_service_routing(found: Topology, outcome: Outcome, reason: str) -> None:
    verdict = service_routing(found)
    assert verdict.outcome is outcome
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("zones", "outcome"),
    [
        ({"n1": "a", "n2": "b"}, Outcome.PASSED),
        ({"n1": "a", "n2": "a", "n3": "b"}, Outcome.WARNED),
        ({"n1": "", "n2": ""}, Outcome.WARNED),
    ],
)
def test_spread(zones: dict[str, str], outcome: Outcome) -> None:
    assert spread(replace(topology(services=(upstream(*TWO),)), nodes=zones)).outcome is outcome
