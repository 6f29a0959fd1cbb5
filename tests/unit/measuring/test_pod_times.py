"""Every DNS pod, asked from every node."""

from collections.abc import Mapping
from typing import Any

from clusterdns.measuring.pod_times import time_pods
from clusterdns.measuring.probes import Probes
from clusterdns.model.pod_times import QUERIES, PodTimes
from clusterdns.model.pods import DEFAULT
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.test_querying import PODS, answered, unanswered
from tests.unit.verdicts.topologies import topology

SERVERS = {"10.244.1.2": "kube-system/a", "10.244.2.2": "kube-system/b"}


def test_every_pod_is_asked_one_query_after_the_other_from_every_node() -> None:
    def answer(pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        return [
            unanswered(number, "timeout")
            if pod.node == "node-2" and message["address"] == "10.244.2.2"
            else answered(message, number, received_ns=3_000_001)
            for number, message in enumerate(request["messages"])
        ]

    prober = FakeProber({"send": answer})
    probes = Probes({(node, DEFAULT): pod for node, pod in PODS.items()}, {})
    times = time_pods(prober.as_prober(), probes, topology(), SERVERS, 1.5)
    assert times == [
        PodTimes("kube-system/a", "node-1", (3.0,) * QUERIES),
        PodTimes("kube-system/b", "node-1", (3.0,) * QUERIES),
        PodTimes("kube-system/a", "node-2", (3.0,) * QUERIES),
        PodTimes("kube-system/b", "node-2", ()),
    ]
    (_, _, request), _ = prober.requests
    assert {message["turn"] for message in request["messages"]} == set(SERVERS)
