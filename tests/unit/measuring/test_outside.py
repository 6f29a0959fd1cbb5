"""Names outside the cluster, asked from every node."""

from collections.abc import Mapping
from typing import Any

from clusterdns.measuring.outside import ask_outside
from clusterdns.measuring.probes import Probes
from clusterdns.model.outside import LOOKUPS, Aim
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT, NodeView
from clusterdns.model.resolver import ResolvConf
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeProber
from tests.unit.measuring.test_querying import PODS, answered, unanswered
from tests.unit.verdicts.topologies import topology

CONF = ResolvConf(("10.96.0.10",), ("ns.svc.cluster.local", "corp.example"))


def test_the_first_nameserver_of_each_node_is_asked() -> None:
    def answer(pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        messages = list(enumerate(request["messages"]))
        if pod.node == "node-2":
            return [unanswered(number, "timeout") for number, _ in messages]
        return [answered(message, number) for number, message in messages]

    prober = FakeProber({"send": answer})
    views = [NodeView(node, "", {}, {CLUSTER_FIRST: CONF}) for node in PODS]
    answers = ask_outside(
        prober.as_prober(),
        Probes({(node, DEFAULT): pod for node, pod in PODS.items()}, {}),
        views,
        topology(),
        external_name="www.example.com",
        run_id="1a2b",
        timeout=1.5,
    )
    assert {answer.nameserver for answer in answers} == {"10.96.0.10"}
    assert {(answer.node, answer.rcode == "") for answer in answers} == {("node-1", False), ("node-2", True)}
    assert {answer.took_ms for answer in answers if answer.node == "node-2"} == {1500.0}
    upstream = [answer.question.name for answer in answers if answer.question.aim is Aim.UPSTREAM]
    assert len(set(upstream)) == 2 * LOOKUPS  # no name twice: none comes out of a cache
    (_, _, request), _ = prober.requests
    turns = [message["turn"] for message in request["messages"]]
    assert turns == [None, None, *[str(Aim.UPSTREAM)] * LOOKUPS]  # one after the other
