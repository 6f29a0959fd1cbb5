import pytest

from clusterdns.model.autoscaling import GKE_AUTOSCALER, Autoscaler, Ladder, Linear
from clusterdns.model.capacity import Demand, at_sizes, first_short


@pytest.mark.parametrize(
    ("autoscaler", "nodes", "cores", "replicas"),
    [
        (GKE_AUTOSCALER, 1, 2, 1),
        (GKE_AUTOSCALER, 2, 4, 2),
        (GKE_AUTOSCALER, 32, 64, 2),
        (GKE_AUTOSCALER, 33, 66, 3),
        (GKE_AUTOSCALER, 40, 1025, 5),
        (Linear(nodes_per_replica=16), 2, 4, 1),
        (Linear(nodes_per_replica=16, at_least=3), 2, 4, 3),
        (Linear(nodes_per_replica=1, at_most=4), 9, 9, 4),
        (Linear(cores_per_replica=0.5), 1, 2, 4),
        (Ladder(nodes=((1, 1), (3, 2), (10, 5))), 2, 0, 1),
        (Ladder(nodes=((1, 1), (3, 2), (10, 5))), 10, 0, 5),
        (Ladder(cores=((16, 3),), nodes=((1, 1),)), 2, 1, 3),
    ],
)
def test_replicas(autoscaler: Autoscaler, nodes: int, cores: float, replicas: int) -> None:
    assert autoscaler.replicas(nodes, cores) == replicas


def test_the_demand_of_the_incident() -> None:
    demand = Demand(nodes=2, per_node=100, replicas=2, children=40)
    assert (demand.wanted, demand.headroom, demand.saturates_at) == (200, -160, 21)


def test_only_the_part_that_meets_dnsmasq_counts() -> None:
    demand = Demand(nodes=2, per_node=100, replicas=1, children=20, share=0.5)
    assert (demand.wanted, demand.headroom, demand.saturates_at) == (100, -80, 21)


def test_the_first_size_that_is_short() -> None:
    assert [one.headroom for one in at_sizes(GKE_AUTOSCALER, (2, 4), 2, 10, 20)] == [20, 0]
    short = first_short(GKE_AUTOSCALER, 2, 10, 20)
    assert short is not None
    assert (short.nodes, short.replicas, short.children, short.wanted) == (5, 2, 40, 50)
    assert first_short(GKE_AUTOSCALER, 2, 1, 200) is None
