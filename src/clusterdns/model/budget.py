"""What a run costs a cluster, computed before it begins: pods, requests to the API server, queries, time."""

from dataclasses import dataclass

REQUESTS, REQUESTS_PER_NODE = 202, 48
"""Requests to the API server of a run of the core profile: in all, and for each probed node.

Source: 250 requests with one probed node and 346 with three, counted by a proxy before a lab with CoreDNS.
"""
QUERIES_PER_NODE = 1870
"""Queries about records from a node.

Source: 1,842 with one probed node and 5,602 with three, by the report of a lab with CoreDNS: one family of
addresses and two DNS pods. A node cache and each further DNS pod that is asked add their share.
"""
SECONDS, SECONDS_PER_NODE = 13, 2.5
"""How long a run of the core profile takes on a quiet cluster: in all, and for each node that asks.

Source: 17 s and 18 s with two probed nodes and 20 s with three, on a lab with CoreDNS.
"""
PAGE = 500
"""Objects in one page of a list."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run of the core profile costs a cluster.

    Attributes:
        nodes: The cluster's.
        probed: Those with probe pods.
        pods: Probe pods.
        requests: To the API server, about.
        queries: About records, about; loads come on top of them.
        seconds: On a quiet cluster, about; a busy one takes up to three times as long.
    """

    nodes: int
    probed: int
    pods: int
    requests: int
    queries: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.pods} probe pods on {self.probed} of {self.nodes} nodes, about "
            f"{self.requests:,} requests to the API server and {self.queries:,} queries about records; "
            f"about {self.seconds:.0f} s on a quiet cluster"
        )


def budget(nodes: int, probed: int, *, variants: int, asking: int) -> Budget:
    """Return what a run costs.

    Args:
        nodes: The cluster's.
        probed: How many of them get probe pods.
        variants: Probe pods on each of these.
        asking: From how many of these every record is asked for at most.
    """
    pages = -(-nodes // PAGE)
    return Budget(
        nodes=nodes,
        probed=probed,
        pods=variants * probed,
        requests=REQUESTS + REQUESTS_PER_NODE * probed + pages - 1,
        queries=QUERIES_PER_NODE * min(asking, probed),
        seconds=SECONDS + SECONDS_PER_NODE * min(asking, probed),
    )
