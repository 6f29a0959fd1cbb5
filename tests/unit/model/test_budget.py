"""What a run costs does not grow with the cluster, but with the nodes that are probed."""

import pytest

from clusterdns.model.budget import budget


@pytest.mark.parametrize(
    ("nodes", "pods", "requests", "queries", "seconds"),
    [
        (5, 35, 442, 9_350, 25.5),
        (50, 112, 970, 14_960, 33),
        (500, 112, 970, 14_960, 33),
        (5_000, 112, 979, 14_960, 33),
    ],
)
def test_a_run_costs_no_more_on_a_large_cluster(
    nodes: int, pods: int, requests: int, queries: int, seconds: float
) -> None:
    cost = budget(nodes, min(nodes, 16), variants=7, asking=8)
    assert (cost.pods, cost.requests, cost.queries, cost.seconds) == (pods, requests, queries, seconds)


def test_every_node_costs_its_share_where_all_are_probed() -> None:
    cost = budget(5_000, 5_000, variants=7, asking=8)
    assert (cost.pods, cost.requests) == (35_000, 240_211)


def test_a_budget_is_one_line() -> None:
    assert str(budget(500, 16, variants=7, asking=8)) == (
        "112 probe pods on 16 of 500 nodes, about 970 requests to the API server "
        "and 14,960 queries about records; about 33 s on a quiet cluster"
    )
