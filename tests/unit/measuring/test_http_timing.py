"""Pages asked for from every node."""

from collections.abc import Mapping
from typing import Any

from clusterdns.measuring.http_timing import time_pages
from clusterdns.model.http_timing import HttpTiming
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.test_querying import PODS


def test_every_node_asks_by_http_and_https() -> None:
    def answer(pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        failed = "connect" if pod.node == "node-2" else None
        return [
            {"url": url, "phases": {"dns": 2}, "failed": failed, "failure": "refused" if failed else ""}
            for url in request["urls"]
        ]

    prober = FakeProber({"http_timing": answer})
    timings = time_pages(prober.as_prober(), PODS.values(), "www.example", 3.0)
    assert timings == [
        HttpTiming("node-1", "http://www.example/", {"dns": 2}),
        HttpTiming("node-1", "https://www.example/", {"dns": 2}),
        HttpTiming("node-2", "http://www.example/", {"dns": 2}, "connect", "refused"),
        HttpTiming("node-2", "https://www.example/", {"dns": 2}, "connect", "refused"),
    ]
    for _, _, request in prober.requests:
        assert (request["times"], request["timeout"], request["give_up"]) == (20, 3.0, 3)
