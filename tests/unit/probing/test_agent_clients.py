"""What the agent's watch, ramp and capture are asked for, and what is read out of their answers."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from clusterdns.errors import CaptureIncomplete, ProbeError
from clusterdns.model.conntrack import ConntrackTable
from clusterdns.model.query_log import IdleConnections
from clusterdns.model.saturation import Sample
from clusterdns.probing.capturing import KUBEDNS, Captured, Point, capturing
from clusterdns.probing.conntrack import conntrack_table
from clusterdns.probing.operations import Answer
from clusterdns.probing.pods import ProbePod
from clusterdns.probing.ramping import open_idle
from clusterdns.probing.watching import watching_counters, watching_server
from tests.unit.measuring.fakes import FakeProber

POD = ProbePod("kube-system", "kube-dns-a", "node-1", "10.0.0.7")
PCAP = bytes(range(256)) * 3


def sample(milliseconds: int, **differs: object) -> Answer:
    return {
        "time_ns": milliseconds * 1_000_000,
        "workers": 1,
        "queue": 2,
        "established": {"10.0.0.9": 3},
        "overflows": 4,
        "drops": 5,
        "insert_failed": 6,
        "conntrack_drops": 7,
        **differs,
    }


def watched(*samples: Answer, cpu_seconds: float = 0.04) -> list[Answer]:
    return [*samples, {"samples": len(samples), "late": 0, "cpu_seconds": cpu_seconds}]


def prober(operation: str, answers: Sequence[Answer]) -> FakeProber:
    return FakeProber({operation: lambda _pod, _request: answers})


def only_request(fake: FakeProber) -> Mapping[str, Any]:
    ((_, _, request),) = fake.requests
    return request


def test_a_server_is_watched_from_its_debug_container_ten_times_a_second() -> None:
    fake = prober("watch", watched(sample(0), sample(100, workers=None)))
    with watching_server(fake.as_prober(), POD, "dnsmasq", "clusterdns-watch", seconds=60) as watch:
        (operation,) = fake.opened
        assert not operation.stopped
    assert only_request(fake) == {"process": "dnsmasq", "port": 53, "hz": 10, "seconds": 60}
    assert (operation.container, operation.mounted, operation.stopped) == ("clusterdns-watch", False, True)
    timeline = watch.timeline()
    assert timeline.cpu_seconds == 0.04
    assert timeline.samples == (
        Sample(0, 1, 2, {"10.0.0.9": 3}, 4, 5, 6, 7),
        Sample(100_000_000, None, 2, {"10.0.0.9": 3}, 4, 5, 6, 7),
    )


def test_counters_are_watched_without_a_process_in_a_probe_pod() -> None:
    fake = prober("watch", watched(sample(0)))
    with watching_counters(fake.as_prober(), POD, seconds=30):
        pass
    assert only_request(fake) == {"process": None, "port": 53, "hz": 10, "seconds": 30}
    (operation,) = fake.opened
    assert (operation.container, operation.mounted, operation.stopped) == ("probe", True, True)


def test_what_was_seen_so_far_is_kept_when_the_watch_ends() -> None:
    batches = [[sample(0), sample(100)], [sample(200), sample(900)]]
    fake = prober("watch", watched(sample(1000)))
    fake.early = lambda: batches.pop(0)
    with watching_counters(fake.as_prober(), POD, seconds=30) as watch:
        assert watch.unbroken_ms(300) == 100
        assert watch.unbroken_ms(300) == 200
    assert [seen.time_ns // 1_000_000 for seen in watch.timeline().samples] == [0, 100, 200, 900, 1000]


def test_a_watch_that_saw_nothing_is_an_error_of_ours() -> None:
    fake = prober("watch", watched())
    with watching_counters(fake.as_prober(), POD, seconds=30) as watch:
        pass
    with pytest.raises(ProbeError, match="watch of pod kube-dns-a on node-1 took no sample"):
        watch.timeline()


def test_a_watch_is_closed_where_what_is_watched_fails() -> None:
    fake = prober("watch", watched(sample(0)))
    with pytest.raises(ValueError, match="load"), watching_counters(fake.as_prober(), POD, seconds=30):
        raise ValueError("load")
    assert fake.opened[0].closed


def test_idle_connections_are_opened_to_port_53() -> None:
    answer = {"answered": 20, "connected": 53, "tried": 84, "udp_answered": True}
    fake = prober("ramp", [answer])
    seen = open_idle(fake.as_prober(), POD, "10.0.0.1", b"query", most=84, timeout=2.0)
    assert seen == IdleConnections(answered=20, connected=53, tried=84, udp_answered=True)
    wire = base64.b64encode(b"query").decode()
    assert only_request(fake) == {
        "address": "10.0.0.1",
        "port": 53,
        "wire": wire,
        "most": 84,
        "timeout": 2.0,
    }


def captured_in_two_pieces(drops: int = 0) -> list[Answer]:
    data = zlib.compress(PCAP)
    pieces = [{"pcap": base64.b64encode(piece).decode()} for piece in (data[:7], data[7:])]
    return [*pieces, {"packets": 9, "drops": drops}]


@pytest.mark.parametrize(
    ("at", "debug_container", "container", "mounted"),
    [
        (Point("eth0", 53), None, "capture", True),
        (KUBEDNS, "clusterdns-capture", "clusterdns-capture", False),
    ],
)
def test_a_capture_is_complete_when_its_context_has_ended(
    at: Point,
    debug_container: str | None,
    container: str,
    mounted: bool,  # noqa: FBT001 - a case
) -> None:
    fake = prober("capture", captured_in_two_pieces())
    with capturing(fake.as_prober(), POD, 20, at=at, debug_container=debug_container) as captured:
        (operation,) = fake.opened
        assert (captured, operation.stopped) == (Captured(), False)
    assert captured.pcap == PCAP
    assert (operation.container, operation.mounted, operation.stopped) == (container, mounted, True)
    assert only_request(fake) == {"interface": at.interface, "port": at.port, "seconds": 20}


def test_where_kube_dns_and_pods_are_captured() -> None:
    fake = prober("capture", captured_in_two_pieces())
    with capturing(fake.as_prober(), POD, 20):
        pass
    assert only_request(fake) == {"interface": "eth0", "port": 53, "seconds": 20}
    assert KUBEDNS == ("lo", 10053)


def test_a_capture_that_lost_packets_proves_nothing() -> None:
    fake = prober("capture", captured_in_two_pieces(drops=2))
    with (
        pytest.raises(CaptureIncomplete, match="in pod kube-dns-a on node-1 lost 2 of 9 packets"),
        capturing(fake.as_prober(), POD, 20) as captured,
    ):
        pass
    assert captured.pcap == b""


def test_a_table_of_connections_is_read() -> None:
    answer = {"entries": 140, "limit": 262144, "drop": 1, "early_drop": 2, "insert_failed": None}
    fake = prober("conntrack", [answer])
    assert conntrack_table(fake.as_prober(), POD) == ConntrackTable("node-1", 140, 262144, 1, 2, None)
