import base64
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dns.message
import dns.rcode
import dns.rrset
import pytest

from clusterdns.cluster.workload import Workload
from clusterdns.measuring.propagation import (
    PathPoller,
    change_limit,
    watch_creations,
    watch_deletion,
    watch_update,
)
from clusterdns.measuring.record_objects import RecordObjects
from clusterdns.measuring.service_changes import ServiceChanges
from clusterdns.model.convergence import Convergence
from clusterdns.model.exchange import Path
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from clusterdns.settings import Settings
from tests.unit.measuring.fakes import FakeCluster, FakeProber

PATHS = [
    Path("node-1", "Service", "10.96.0.10", "udp"),
    Path("node-1", "pod a", "10.244.0.2", "udp", pod=True),
    Path("node-2", "pod a", "10.244.0.2", "udp", pod=True),
]
PODS = {node: ProbePod("ns", f"default-{node}", node, "10.0.0.9") for node in ("node-1", "node-2")}
NS = 1_000_000_000


def message(wire: str, *addresses: str, rcode: int = 0) -> str:
    """An answer to a query, as the agent gives it."""
    response = dns.message.make_response(dns.message.from_wire(base64.b64decode(wire)))
    response.set_rcode(dns.rcode.Rcode(rcode))
    for address in addresses:
        response.answer.append(dns.rrset.from_text(response.question[0].name, 5, "IN", "A", address))
    return base64.b64encode(response.to_wire()).decode()


def said(target: int, seconds: float, wire: str) -> Answer:
    """An answer after so many seconds of the node's clock, which is at 0 when all targets have been asked."""
    sent_ns = int(seconds * NS)
    return {"target": target, "sent_ns": sent_ns, "received_ns": sent_ns + 1, "wire": wire}


def counts(target: int, sent: int = 5, received: int = 4) -> Answer:
    return {"target": target, "sent": sent, "received": received}


def poller(
    answers: Callable[[ProbePod, Mapping[str, Any]], Sequence[Answer]], paths: Sequence[Path] = PATHS
) -> tuple[PathPoller, FakeProber]:
    prober = FakeProber({"poll": answers})
    return PathPoller(prober.as_prober(), PODS, paths), prober


def changes(cluster: FakeCluster, *, reads_endpoints: bool = False) -> ServiceChanges:
    return ServiceChanges(
        cluster.as_cluster(),
        Workload(cluster.as_cluster(), "0badcafe", expiry=60, timeout=1),
        RecordObjects("ours", (), "", ""),
        "zone.example",
        "198.18.9",
        reads_endpoints=reads_endpoints,
    )


def watch(answers: Callable[[str], list[Answer]], *paths: Path) -> list[Convergence]:
    """Poll for an address, and answer as a function of the query's wire says."""
    asks, _ = poller(lambda _, request: answers(request["targets"][0]["wires"][0]), paths or PATHS[:1])
    names = [["n.svc.example."]] * len(asks.paths)
    return asks.watch("created 1", names, lambda: None, lambda answer: bool(answer.answer), seconds=1)


def test_seconds_count_from_the_change_by_the_nodes_own_clock() -> None:
    (seen,) = watch(
        lambda wire: [
            said(0, 0.1, message(wire, rcode=3)),
            said(0, 0.5, message(wire, "198.18.0.1")),
            counts(0),
        ]
    )
    assert seen.seconds == pytest.approx(0.5, abs=0.2)
    assert [state for _, state in seen.states] == ["NXDOMAIN", "NOERROR 198.18.0.1"]
    assert seen.states[0][0] == pytest.approx(0.1, abs=0.2)
    assert (seen.queries, seen.answers, seen.change) == (5, 4, "created 1")


def test_what_is_never_shown_has_no_time() -> None:
    (seen,) = watch(lambda wire: [said(0, 0.1, message(wire, rcode=3)), counts(0)])
    assert seen.seconds is None


def test_what_is_shown_before_the_change_began_took_no_time() -> None:
    (seen,) = watch(lambda wire: [said(0, -3.0, message(wire, "198.18.0.1")), counts(0)])
    assert seen.seconds == 0


def test_the_first_sight_counts_and_like_answers_are_one_state() -> None:
    (seen,) = watch(
        lambda wire: [
            said(0, 0.2, message(wire, "198.18.0.1")),
            said(0, 0.6, message(wire, "198.18.0.1")),
            said(0, 0.9, message(wire, rcode=3)),
            counts(0),
        ]
    )
    assert seen.seconds == pytest.approx(0.2, abs=0.2)
    assert [state for _, state in seen.states] == ["NOERROR 198.18.0.1", "NXDOMAIN"]


def test_a_malformed_answer_is_a_state_and_no_sight() -> None:
    garbage = base64.b64encode(b"\0\1\2").decode()
    (seen,) = watch(lambda _: [said(0, 0.2, garbage), counts(0)])
    assert seen.seconds is None
    assert seen.states[0][1].startswith("malformed answer: ")


def test_polling_ends_when_all_paths_of_a_node_have_shown_the_change() -> None:
    stopped: list[bool] = []

    def answers(showing: int) -> Callable[[ProbePod, Mapping[str, Any]], list[Answer]]:
        def answer(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
            wire = request["targets"][0]["wires"][0]
            shown = [said(index, 0.2, message(wire, "198.18.0.1")) for index in range(showing)]
            return [*shown, counts(0), counts(1)]

        return answer

    for showing in (1, 2):
        asks, prober = poller(answers(showing), PATHS[:2])
        original = prober.open
        operations: list[Any] = []

        def opened(*args: Any, original: Any = original, operations: Any = operations, **more: Any) -> Any:
            operations.append(original(*args, **more))
            return operations[-1]

        prober.open = opened  # type: ignore[method-assign]
        asks.watch("c", [["n.example."]] * 2, lambda: None, lambda answer: bool(answer.answer), seconds=1)
        stopped.append(operations[0].stopped)
    assert stopped == [False, True]


def test_every_path_is_asked_its_own_names_from_its_own_node() -> None:
    asks, prober = poller(silent)
    before = time.time()
    began: list[float] = []
    seen = asks.watch(
        "c",
        [["a.example.", "b.example."], ["c.example."], ["d.example."]],
        lambda: began.append(time.time()),
        lambda _: True,
        seconds=2,
    )
    assert [convergence.path for convergence in seen] == PATHS
    assert began[0] >= before
    by_node = {node: request for node, _, request in prober.requests}
    asked = {
        node: [
            (
                target["address"],
                target["port"],
                [
                    str(dns.message.from_wire(base64.b64decode(wire)).question[0].name)
                    for wire in target["wires"]
                ],
            )
            for target in request["targets"]
        ]
        for node, request in by_node.items()
    }
    assert asked == {
        "node-1": [
            ("10.96.0.10", 53, ["a.example.", "b.example."]),
            ("10.244.0.2", 53, ["c.example."]),
        ],
        "node-2": [("10.244.0.2", 53, ["d.example."])],
    }
    assert {(request["interval"], request["seconds"]) for request in by_node.values()} == {(0.02, 3.0)}


def silent(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
    """Servers that never answer."""
    return [counts(index) for index in range(len(request["targets"]))]


def test_services_are_created_one_after_the_other_and_no_name_is_asked_for_twice() -> None:
    cluster = FakeCluster()
    asks, prober = poller(silent)
    seen = watch_creations(changes(cluster), asks, limit=2)
    assert [convergence.change for convergence in seen] == [
        change for change in ("created 1", "created 2", "created 3") for _ in PATHS
    ]
    wires = [
        wire for _, _, request in prober.requests for target in request["targets"] for wire in target["wires"]
    ]
    assert len(wires) == len(set(wires)) == 3 * 3 * 151  # 3 s at 20 ms, and one at the very beginning
    services = [manifest for manifest in cluster.created if manifest["kind"] == "Service"]
    assert [service["metadata"]["name"] for service in services] == ["created-0", "created-1", "created-2"]
    slices = [manifest for manifest in cluster.created if manifest["kind"] == "EndpointSlice"]
    assert [len(manifest["endpoints"]) for manifest in slices] == [3 * 151] * 3
    assert [manifest["endpoints"][0]["addresses"] for manifest in slices] == [
        ["198.18.9.250"],
        ["198.18.9.251"],
        ["198.18.9.252"],
    ]


def test_a_slice_has_no_more_than_a_thousand_endpoints() -> None:
    cluster = FakeCluster()
    asks, _ = poller(silent, PATHS * 10)
    watch_creations(changes(cluster), asks, limit=10)
    slices = [manifest for manifest in cluster.created if manifest["kind"] == "EndpointSlice"]
    assert {len(manifest["endpoints"]) for manifest in slices} == {990}  # 33 for each of 30 paths


def test_an_update_moves_the_endpoint_of_a_service_that_was_there() -> None:
    cluster = FakeCluster()
    asks, prober = poller(silent)
    seen = watch_update(changes(cluster, reads_endpoints=True), asks, negative_limit=60, limit=32)
    assert {convergence.change for convergence in seen} == {"updated"}
    assert [request["seconds"] for _, _, request in prober.requests] == [61, 61, 33, 33]
    kinds = {manifest["kind"] for manifest in cluster.created}
    assert kinds == {"Service", "EndpointSlice", "Endpoints"}
    patches = {resource: patch for resource, _, patch in cluster.patched}
    assert patches["endpointslices"]["endpoints"] == [{"addresses": ["198.18.9.249"], "hostname": "endpoint"}]
    assert patches["endpoints"]["subsets"][0]["addresses"] == [{"ip": "198.18.9.249", "hostname": "endpoint"}]


def test_who_reads_slices_is_patched_slices_alone() -> None:
    cluster = FakeCluster()
    asks, _ = poller(silent)
    watch_update(changes(cluster), asks, negative_limit=60, limit=32)
    assert [(resource, name) for resource, name, _ in cluster.patched] == [
        ("endpointslices", "to-be-updated-1")
    ]


@pytest.mark.parametrize(("rcode", "shown"), [(3, True), (0, False), (2, False)])
def test_a_deleted_service_is_gone_when_its_name_does_not_exist(rcode: int, *, shown: bool) -> None:
    cluster = FakeCluster()

    def answer(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        wire = message(request["targets"][0]["wires"][0], rcode=rcode)
        return [said(0, 0.1, wire), counts(0)]

    asks, _ = poller(answer, PATHS[:1])
    (seen,) = watch_deletion(changes(cluster), asks, negative_limit=60, limit=32)
    assert (seen.seconds is not None) == shown
    (deleted,) = cluster.deleted
    assert (deleted["kind"], deleted["metadata"]["name"]) == ("Service", "to-be-deleted")
    assert deleted["metadata"]["namespace"] == "ours"


@pytest.mark.parametrize(("addresses", "shown"), [(["249"], True), (["248"], False), (["248", "249"], False)])
def test_an_update_is_shown_by_the_new_address_alone(addresses: list[str], *, shown: bool) -> None:
    def answer(_pod: ProbePod, request: Mapping[str, Any]) -> list[Answer]:
        wire = message(request["targets"][0]["wires"][0], *(f"198.18.9.{last}" for last in addresses))
        return [said(0, 0.1, wire), counts(0)]

    asks, _ = poller(answer, PATHS[:1])
    (seen,) = watch_update(changes(FakeCluster()), asks, negative_limit=60, limit=32)
    assert (seen.seconds is not None) == shown


def test_a_change_may_take_its_ttl_and_the_limit() -> None:
    assert change_limit(Settings(record_ttl_limit=30, propagation_limit=2)) == 32
