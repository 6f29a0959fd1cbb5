"""What is watched while something is done, how long, and what becomes of counters and logs."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clusterdns.errors import AdmissionRefused, ClusterError, HarnessError, PermissionMissing, ProbeError
from clusterdns.measuring.observer import Observer, cluster_dns_addresses, rises
from clusterdns.measuring.probes import Probes
from clusterdns.measuring.scenarios import BurstPaths, burst_paths, everyday_lookups
from clusterdns.measuring.watching import ReadableCaches, WatchedServers, readable_caches, watch_servers
from clusterdns.model.pods import CLUSTER_FIRST, HOST_NETWORK, NodeView
from clusterdns.model.resolver import ResolvConf
from clusterdns.model.saturation import Lookups, NodeCache, Scenario
from clusterdns.model.topology import TCP_LIMIT, LayerKind
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from tests.unit.measuring.fakes import FakeCluster, FakeProber
from tests.unit.probing.test_agent_clients import sample, watched
from tests.unit.verdicts.topologies import TWO, UPSTREAM, cache, server, topology, upstream

NAMESPACES = ["kube-system"]
DNSMASQ_POD = ProbePod("kube-system", "kube-dns-a", "n1", "10.0.0.7")
HOST_POD = ProbePod("ns", "host-n2", "n2", "192.0.2.2")
TIMEOUT = "[ERROR] plugin/errors: 2 a.example. A: read {transport} 10.0.0.9:4000->{address}:53: i/o timeout"


def running(name: str, container: str, node: str = "n1", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
        "spec": {"nodeName": node, "containers": [{"name": container}]},
        "status": {"phase": "Running", "podIP": "10.0.0.7"},
    }


def node_cache(name: str) -> dict[str, Any]:
    pod = running(name, "node-cache", **{"k8s-app": "node-local-dns"})
    pod["spec"]["containers"][0]["args"] = ["-localip", "169.254.20.10"]
    return pod


NODE_CACHE = node_cache("node-local-dns-a")


def observer(
    *, sampling: Callable[[], list[Answer]] = list, readable: tuple[dict[str, Any], ...] = ()
) -> tuple[Observer, FakeProber, FakeCluster]:
    prober = FakeProber({"watch": lambda _pod, _request: watched(sample(0), sample(100))}, early=sampling)
    cluster = FakeCluster()
    probes = Probes({("n2", HOST_NETWORK): HOST_POD, ("n2", CLUSTER_FIRST): DNSMASQ_POD}, {})
    servers = WatchedServers({DNSMASQ_POD: "clusterdns-watch"}, None)
    caches = ReadableCaches(readable, None)
    under_test = Observer(
        cluster.as_cluster(), prober.as_prober(), probes, servers, caches, frozenset({UPSTREAM})
    )
    return under_test, prober, cluster


def test_servers_are_watched_with_their_dnsmasq_and_nodes_without() -> None:
    under_test, prober, _ = observer()
    running_meanwhile: list[bool] = []

    def do() -> Any:
        running_meanwhile.extend(not operation.stopped for operation in prober.opened)
        return Lookups(1, 0)

    scenario = under_test.observe("a load", do)
    assert running_meanwhile == [True, True]
    assert [(node, request["process"]) for node, _, request in prober.requests] == [
        ("n1", "dnsmasq"),
        ("n2", None),
    ]
    assert [operation.container for operation in prober.opened] == ["clusterdns-watch", "probe"]
    assert all(operation.stopped and operation.closed for operation in prober.opened)
    assert (scenario.what, scenario.load, scenario.steady) == ("a load", Lookups(1, 0), False)
    assert (list(scenario.servers), list(scenario.nodes)) == (["kube-system/kube-dns-a"], ["n2"])
    assert [len(seen.samples) for seen in (*scenario.servers.values(), *scenario.nodes.values())] == [2, 2]


def test_cadvisor_is_read_on_the_nodes_of_the_servers() -> None:
    under_test, _, cluster = observer()
    asked: list[str] = []

    def page(path: str, _query: Mapping[str, str]) -> str:
        asked.append(path)
        return 'container_processes{container="dnsmasq",namespace="kube-system",pod="kube-dns-a"} 22 1\n'

    cluster.page = page
    scenario = under_test.observe("a load", lambda: Lookups(1, 0))  # type: ignore[arg-type,return-value]
    assert set(asked) == {"/api/v1/nodes/n1/proxy/metrics/cadvisor"}
    assert set(scenario.processes["kube-system/kube-dns-a"]) == {22}
    assert scenario.uncounted == ""


def steadily(*batches: list[Answer]) -> tuple[Scenario, int]:
    """Return what is seen where both watches get these samples after each time, and how often it was done."""
    times = 0

    def do() -> Lookups:
        nonlocal times
        times += 1
        return Lookups(60, 1)

    under_test, _, _ = observer(sampling=lambda: batches[min(times, len(batches)) - 1])
    return under_test.observe_steady("rest", do), times


def every_100_ms(start: int, end: int) -> list[Answer]:
    return [sample(milliseconds) for milliseconds in range(start, end + 1, 100)]


def test_what_is_steady_ends_when_it_was_watched_unbroken_long_enough() -> None:
    scenario, times = steadily(every_100_ms(0, 1000), every_100_ms(1100, 2000))
    assert times == 1
    assert (scenario.load, scenario.steady) == (Lookups(60, 1), True)


def test_what_is_steady_goes_on_until_it_was_watched_unbroken_long_enough() -> None:
    # A gap of 300 ms ends a stretch: 900 ms, then 800 ms that become 1700 ms.
    scenario, times = steadily(every_100_ms(0, 900), every_100_ms(1200, 2000), every_100_ms(2100, 2900))
    assert (times, scenario.load) == (3, Lookups(180, 3))


def test_what_is_steady_is_done_ten_times_at_most() -> None:
    scenario, times = steadily([])
    assert (times, scenario.load) == (10, Lookups(600, 10))


def test_counters_and_logs_of_a_node_cache_are_read_around_what_is_done() -> None:
    under_test, _, cluster = observer(readable=(NODE_CACHE,))
    sent = 0
    lines = [
        TIMEOUT.format(transport="tcp", address=UPSTREAM),
        TIMEOUT.format(transport="udp", address=UPSTREAM),
        TIMEOUT.format(transport="tcp", address="192.0.2.53"),
        "[INFO] reload",
    ]

    def page(path: str, query: Mapping[str, str]) -> str:
        if path.endswith("/node-local-dns-a/log"):
            assert query["container"] == "node-cache"
            return "\n".join(lines)
        if "node-local-dns-a:" in path:
            return f"# TYPE requests_total counter\nrequests_total {100 + sent}\n"
        return ""

    def do() -> Any:
        nonlocal sent
        sent = 20
        return Lookups(1, 0)

    cluster.page = page
    (seen,) = under_test.observe("a load", do).caches
    assert isinstance(seen, NodeCache)
    assert (seen.node, seen.rises["requests_total"]) == ("n1", 20.0)
    assert seen.seconds >= 0
    assert (seen.cluster_timeouts, seen.other_timeouts) == (lines[:1], lines[1:3])


def test_watches_end_where_what_is_done_fails() -> None:
    under_test, prober, _ = observer()

    def fail() -> Any:
        raise ProbeError("no load")

    with pytest.raises(ProbeError, match="no load"):
        under_test.observe("a load", fail)
    assert [operation.closed for operation in prober.opened] == [True, True]


def test_a_counter_that_began_again_rose_from_nought() -> None:
    before = {"restarted": 100.0, "same": 5.0, "went on": 5.0, "gone": 1.0}
    after = {"restarted": 30.0, "same": 5.0, "went on": 7.0, "new": 4.0}
    assert rises(before, after) == {"restarted": 30.0, "same": 0.0, "went on": 2.0, "new": 4.0}


def test_the_clusters_own_dns_is_behind_its_node_caches() -> None:
    assert cluster_dns_addresses(topology()) == {"10.96.0.10"}


def test_node_caches_are_those_that_are_told_an_address_and_run() -> None:
    going = node_cache("node-local-dns-b")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    pending = node_cache("node-local-dns-c")
    pending["status"]["phase"] = "Pending"
    elsewhere = node_cache("node-local-dns-d")
    elsewhere["metadata"]["namespace"] = "default"
    other = running("kube-dns-a", "dnsmasq", **{"k8s-app": "kube-dns"})
    cluster = FakeCluster({"pods": [other, going, pending, elsewhere, NODE_CACHE]})
    assert readable_caches(cluster.as_cluster(), NAMESPACES) == ReadableCaches([NODE_CACHE], None)


def test_without_node_caches_there_is_nothing_to_read() -> None:
    cluster = FakeCluster({"pods": [running("kube-dns-a", "dnsmasq", **{"k8s-app": "kube-dns"})]})
    assert readable_caches(cluster.as_cluster(), NAMESPACES) == ReadableCaches(
        (), "no NodeLocal DNSCache in this cluster"
    )


@pytest.mark.parametrize(
    ("forbidden", "pods", "refused", "unlogged"),
    [
        ("/proxy/metrics", (), "/proxy/metrics may not be read", None),
        ("/log", [NODE_CACHE], None, "/log may not be read"),
    ],
)
def test_node_caches_that_may_not_be_read(
    forbidden: str, pods: Sequence[Any], refused: str | None, unlogged: str | None
) -> None:
    def page(path: str, _query: Mapping[str, str]) -> str:
        if path.endswith(forbidden):
            raise PermissionMissing(f"{forbidden} may not be read")
        return ""

    cluster = FakeCluster({"pods": [NODE_CACHE]}, page=page)
    assert readable_caches(cluster.as_cluster(), NAMESPACES) == ReadableCaches(pods, refused, unlogged)


def with_debug_containers(pod: dict[str, Any], **states: dict[str, Any]) -> dict[str, Any]:
    names = [name.replace("_", "-") for name in states]
    statuses = [
        {"name": name, "image": "image:0", "state": state}
        for name, state in zip(names, states.values(), strict=True)
    ]
    return {
        **pod,
        "spec": {**pod["spec"], "ephemeralContainers": [{"name": name} for name in names]},
        "status": {**pod["status"], "ephemeralContainerStatuses": statuses},
    }


@dataclass
class Starting(FakeCluster):
    """The kubelet gives every debug container that is added the same state."""

    state: Mapping[str, Any] = field(default_factory=lambda: {"running": {}})

    def patch(self, *arguments: Any, **more: Any) -> None:
        super().patch(*arguments, **more)
        (container,) = arguments[2]["spec"]["ephemeralContainers"]
        (pod,) = [pod for pod in self.objects["pods"] if pod["metadata"]["name"] == arguments[1]]
        status = {"name": container["name"], "image": container["image"], "state": self.state}
        pod["status"].setdefault("ephemeralContainerStatuses", []).append(status)


def test_a_debug_container_that_runs_is_used_again() -> None:
    pod = with_debug_containers(running("kube-dns-a", "dnsmasq"), clusterdns_watch={"running": {}})
    cluster = FakeCluster({"pods": [pod]})
    seen = watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 1, allowed=True)
    assert (seen, cluster.patched) == (WatchedServers({DNSMASQ_POD: "clusterdns-watch"}, None), [])


@pytest.mark.parametrize(
    "state", [{"terminated": {"reason": "Error"}}, {"waiting": {"reason": "ImagePullBackOff"}}]
)
def test_a_debug_container_that_failed_is_followed_by_another(state: dict[str, Any]) -> None:
    pod = with_debug_containers(running("kube-dns-a", "dnsmasq"), clusterdns_watch=state)
    cluster = Starting({"pods": [pod]})
    seen = watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 1, allowed=True)
    assert seen == WatchedServers({DNSMASQ_POD: "clusterdns-watch-2"}, None)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"waiting": {"reason": "ErrImagePull"}}, "cannot pull image image:1 .*--probe-image"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, "cannot pull image image:1 .*--probe-image"),
        ({"waiting": {"reason": "CreateContainerError"}}, "clusterdns-watch cannot start on node"),
        ({"terminated": {"reason": "StartError"}}, "ended at once .StartError.: .*--probe-image"),
    ],
)
def test_a_debug_container_that_cannot_start_is_told_at_once(state: dict[str, Any], said: str) -> None:
    cluster = Starting({"pods": [running("kube-dns-a", "dnsmasq")]}, state=state)
    began = time.monotonic()
    with pytest.raises(ClusterError, match=said):
        watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 60, allowed=True)
    assert time.monotonic() - began < 5


def test_a_debug_container_is_started_beside_every_dnsmasq() -> None:
    cluster = Starting({"pods": [running("kube-dns-a", "dnsmasq"), NODE_CACHE]})
    seen = watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 1, allowed=True)
    assert seen == WatchedServers({DNSMASQ_POD: "clusterdns-watch"}, None)
    ((_, name, patch),) = cluster.patched
    (container,) = patch["spec"]["ephemeralContainers"]
    assert (name, container["image"], container["targetContainerName"]) == (
        "kube-dns-a",
        "image:1",
        "dnsmasq",
    )


def test_no_debug_container_is_started_where_none_is_allowed() -> None:
    cluster = FakeCluster({"pods": [running("kube-dns-a", "dnsmasq")]})
    seen = watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 1, allowed=False)
    assert (seen.containers, cluster.patched) == ({}, [])
    assert "--allow-debug-containers" in (seen.refused or "")
    without = watch_servers(
        FakeCluster({"pods": [NODE_CACHE]}).as_cluster(), NAMESPACES, "image:1", 1, allowed=True
    )
    assert without == WatchedServers({}, "no dnsmasq in this cluster's DNS")


@pytest.mark.parametrize("refusal", [PermissionMissing, AdmissionRefused])
def test_debug_containers_that_are_refused(refusal: type[HarnessError]) -> None:
    class Forbidding(FakeCluster):
        def patch(self, *_: object, **_more: object) -> None:
            raise refusal("pods/ephemeralcontainers may not be patched")

    cluster = Forbidding({"pods": [running("kube-dns-a", "dnsmasq")]})
    seen = watch_servers(cluster.as_cluster(), NAMESPACES, "image:1", 1, allowed=True)
    assert seen == WatchedServers({}, "pods/ephemeralcontainers may not be patched")


def test_the_least_limit_of_all_dnsmasq_is_every_servers() -> None:
    servers = WatchedServers({DNSMASQ_POD: "clusterdns-watch"}, None)
    coredns = server("kube-system/coredns", LayerKind.COREDNS)
    unlimited = replace(server("kube-system/c"), limits={})
    several = topology(cache(), server(limit=40), server("kube-system/b", limit=30), unlimited, coredns)
    assert servers.tcp_limits(several) == {"kube-system/kube-dns-a": 30}
    assert servers.tcp_limits(topology(unlimited)) == {"kube-system/kube-dns-a": 20}
    assert TCP_LIMIT in server().limits


def view(node: str, *nameservers: str) -> NodeView:
    return NodeView(node, "", {}, {CLUSTER_FIRST: ResolvConf(nameservers, ())})


def test_bursts_go_as_pods_ask_and_past_every_cache() -> None:
    views = [view("n1", "169.254.20.10", "192.0.2.53"), view("n2", "10.96.0.10")]
    incident = topology(cache(), server(), services=(upstream(*TWO),))
    assert burst_paths(views, incident) == BurstPaths(
        usual={"n1": "169.254.20.10", "n2": "10.96.0.10"}, direct={"n1": UPSTREAM, "n2": UPSTREAM}
    )
    uncached = burst_paths(views, topology(server(), services=()))
    assert uncached.direct == uncached.usual == {"n1": "169.254.20.10", "n2": "10.96.0.10"}


def test_a_node_without_a_nameserver_can_be_sent_nothing() -> None:
    with pytest.raises(HarnessError, match="pods on n2 are given no nameserver"):
        burst_paths([view("n1", "10.96.0.10"), view("n2")], topology())


def test_everyday_lookups_count_those_that_failed() -> None:
    def answers(pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        failing = 2 if pod is HOST_POD else 0
        return [
            {
                "lookup": index,
                "failure": "EAI_AGAIN" if index < failing else None,
                "addresses": [],
                "start_ns": 1,
                "end_ns": 2,
            }
            for index in range(len(request["lookups"]))
        ]

    prober = FakeProber({"resolve": answers})
    lookups = everyday_lookups(prober.as_prober(), [DNSMASQ_POD, HOST_POD], "www.example.org")
    assert lookups == Lookups(made=120, failed=2)
