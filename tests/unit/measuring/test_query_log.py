"""What the copy is asked and what its log says: names, idle connections, load."""

import base64
import threading
from collections.abc import Mapping
from typing import Any

import dns.message
import pytest

from clusterdns.cluster.debug_deployment import OWN_LABELS
from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring import query_log as module
from clusterdns.measuring.debug_deployment import OWN, UPSTREAM
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.query_log import QueryLog
from clusterdns.measuring.reachability import Reachability
from clusterdns.measuring.watching import WatchedServers
from clusterdns.model.pods import DEFAULT
from clusterdns.model.query_log import IdleConnections, Ramp
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from clusterdns.settings import Settings
from tests.unit.measuring.fakes import FakeCluster, FakeProber
from tests.unit.measuring.load_answers import load_answers
from tests.unit.measuring.test_debug_deployment import (
    BEFORE,
    INCIDENT,
    cluster_with,
    debug_pod,
    deployment,
    selector_of_upstream,
)
from tests.unit.probing.test_agent_clients import sample, watched

PODS = {node: ProbePod("ns", f"cluster-first-{node}", node, "10.0.0.9") for node in ("n1", "n2")}


class Dnsmasq:
    """Writes every query that it is sent into its log."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.writing = threading.Lock()
        self.lines: list[str] = []
        self.sent: list[tuple[str, str, str]] = []  # name, transport, address
        self.selectors: list[Mapping[str, str]] = []  # of the upstream Service under load

    def send(self, _pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        for message in request["messages"]:
            name = dns.message.from_wire(base64.b64decode(message["wire"])).question[0].name
            self.log(name.to_text(omit_final_dot=True))
            self.sent.append((name.to_text(omit_final_dot=True), message["transport"], message["address"]))
        nothing = dict.fromkeys(("failure", "wire", "source", "sent_ns", "received_ns"))
        return [
            {"message": index, "strays": 0, "tried": True, **nothing}
            for index in range(len(request["messages"]))
        ]

    def load(self, _pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        self.selectors.append(dict(selector_of_upstream(self.cluster)))
        self.log("load.example")
        return load_answers()

    def log(self, name: str) -> None:
        with self.writing:
            serial = len(self.lines) // 2 + 1
            start = f"I1127 09:00:00.{serial:06d}       1 nanny.go:1] dnsmasq[9]: {serial} 10.0.0.9/4000"
            self.lines += [f"{start} query[A] {name} from 10.0.0.9", f"{start} config {name} is NXDOMAIN"]

    def page(self, path: str, query: Mapping[str, str]) -> str:
        if "/log" not in path:
            return ""
        assert path == "/api/v1/namespaces/kube-system/pods/kube-dns-debug-a/log"
        assert query["container"] == "dnsmasq"
        return "\n".join([*self.lines, ""])


def query_log(traffic: str = OWN) -> tuple[QueryLog, Dnsmasq, FakeProber]:
    pod = debug_pod(OWN_LABELS)
    pod["status"]["ephemeralContainerStatuses"] = [{"name": "clusterdns-watch", "state": {"running": {}}}]
    cluster = cluster_with(pod)
    dnsmasq = Dnsmasq(cluster)
    cluster.page = dnsmasq.page
    prober = FakeProber(
        {
            "send": dnsmasq.send,
            "load": dnsmasq.load,
            "ramp": lambda _pod, _request: [
                {"answered": 20, "connected": 53, "tried": 84, "udp_answered": True}
            ],
            "watch": lambda _pod, _request: watched(
                sample(0, workers=20, queue=0), sample(100, workers=19, queue=33)
            ),
        }
    )
    reachability = Reachability(
        prober.as_prober(), Probes({(node, DEFAULT): pod for node, pod in PODS.items()}, {}), INCIDENT, 1
    )
    under_test = QueryLog(
        cluster.as_cluster(),
        prober.as_prober(),
        reachability,
        Settings.load({}, {}),
        "cluster.local",
        PODS,
        deployment(cluster, traffic, "kube-system/upstream"),
    )
    return under_test, dnsmasq, prober


def test_it_is_asked_through_its_service_from_every_node_by_both_transports() -> None:
    under_test, dnsmasq, _ = query_log()
    attempts = under_test.ask()
    assert [(attempt.node, attempt.transport) for attempt in attempts] == [
        ("n1", "udp"),
        ("n2", "udp"),
        ("n1", "tcp"),
        ("n2", "tcp"),
    ]
    assert {attempt.target for attempt in attempts} == {"Service kube-dns-debug (10.96.0.99)"}
    assert {address for _, _, address in dnsmasq.sent} == {"10.96.0.99"}


def test_names_that_nobody_else_asks_for_are_in_the_log() -> None:
    under_test, dnsmasq, _ = query_log()
    seen = under_test.names()
    *asked, last = dnsmasq.sent
    assert [name for name, _, _ in asked] == seen.asked
    assert len(set(seen.asked)) == 4
    assert all(name.endswith(".clusterdns.svc.cluster.local") for name in seen.asked)
    assert [transport for _, transport, _ in asked] == ["udp", "tcp", "udp", "tcp"]
    assert {address for _, _, address in dnsmasq.sent} == {"10.0.0.77"}
    assert seen.logged == dict.fromkeys([*seen.asked, last[0]], 1)
    assert sum(seen.counts.values()) == 0


def test_a_log_without_the_last_query_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOGGED_SECONDS", 0.01)
    under_test, dnsmasq, _ = query_log()
    monkeypatch.setattr(dnsmasq, "log", lambda _name: None)
    with pytest.raises(HarnessError, match=r"query log of kube-dns-debug-a: .*the last query is not in it"):
        under_test.names()


def test_idle_connections_are_opened_beyond_the_limit_while_children_are_watched() -> None:
    under_test, _, prober = query_log()
    watched_copy = WatchedServers({under_test.copy.pod: "clusterdns-watch"}, None)
    assert under_test.ramp(watched_copy) == Ramp(IdleConnections(20, 53, 84, udp_answered=True), 20, 33)
    requests = {operation: (node, request) for node, operation, request in prober.requests}
    node, request = requests["ramp"]
    assert (node, request["address"], request["most"], request["timeout"]) == ("n1", "10.0.0.77", 84, 2)
    assert requests["watch"][1]["process"] == "dnsmasq"
    assert [(opened.container, opened.stopped) for opened in prober.opened] == [("clusterdns-watch", True)]


def test_load_of_its_own_goes_straight_to_it() -> None:
    under_test, dnsmasq, prober = query_log(OWN)
    seen = under_test.load({"n1": "169.254.20.10", "n2": "10.96.0.10"})
    loads = {node: request for node, operation, request in prober.requests if operation == "load"}
    assert {node: request["address"] for node, request in loads.items()} == dict.fromkeys(PODS, "10.96.0.99")
    assert all(request["schedule"]["size"] == 60 for request in loads.values())
    assert [len(request["messages"]) for request in loads.values()] == [1, 1]
    assert dnsmasq.selectors == [BEFORE, BEFORE]
    assert seen.what == "bursts of 60 distinct names from every node, straight to it by UDP"
    assert (seen.load.to, seen.load.destination, seen.load.sent) == (
        "kube-dns-debug",
        "straight to it by UDP (10.96.0.99)",
        40,
    )
    assert (seen.summary.requests, seen.lines) == (3, 6)


def test_load_goes_where_pods_ask_while_node_caches_ask_the_copy() -> None:
    under_test, dnsmasq, prober = query_log(UPSTREAM)
    usual = {"n1": "169.254.20.10", "n2": "10.96.0.10"}
    seen = under_test.load(usual)
    loads = {node: request["address"] for node, operation, request in prober.requests if operation == "load"}
    assert loads == usual
    assert dnsmasq.selectors == [OWN_LABELS, OWN_LABELS]
    assert selector_of_upstream(dnsmasq.cluster) == BEFORE
    assert (seen.load.to, seen.load.destination) == (
        "nameserver",
        "where pods ask (10.96.0.10, 169.254.20.10)",
    )


def test_the_upstream_service_is_put_back_where_the_load_fails() -> None:
    under_test, dnsmasq, prober = query_log(UPSTREAM)

    def fail(_pod: ProbePod, _request: Mapping[str, Any]) -> list[Answer]:
        assert selector_of_upstream(dnsmasq.cluster) == OWN_LABELS
        raise ProbeError("no load")

    prober.operations["load"] = fail
    with pytest.raises(ProbeError, match="no load"):
        under_test.load(dict.fromkeys(PODS, "10.96.0.10"))
    assert selector_of_upstream(dnsmasq.cluster) == BEFORE
