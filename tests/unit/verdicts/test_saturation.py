from contextlib import nullcontext

import pytest

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.saturation import (
    Lookups,
    NodeCache,
    Sample,
    Scenario,
    ServerTimeline,
    TcpWorkers,
    Timeline,
)
from clusterdns.verdicts import node_caches, saturation
from clusterdns.verdicts.saturation import ConntrackLosses

POD = "kube-system/kube-dns-0"
MS = 1_000_000
LOAD = Lookups(60, 0)
LIMITS = {POD: 20}


def sample(at_ms: int, workers: int | None = 0, queue: int = 0, overflows: int = 0, lost: int = 0) -> Sample:
    return Sample(at_ms * MS, workers, queue, {}, overflows, 0, lost, 0)


def scenario(*samples: Sample, cache: NodeCache | None = None) -> Scenario:
    timeline = Timeline(samples or (sample(0),))
    return Scenario("a test", {POD: timeline}, {"node-1": timeline}, [cache] if cache else [], LOAD)


def cache(rises: dict[str, float] | None = None, timeouts: tuple[str, ...] = ()) -> NodeCache:
    return NodeCache("node-1", 10.0, rises or {}, timeouts, ("read udp to 8.8.8.8",))


def failed(verdict: Verdict, *words: str) -> bool:
    assert all(word in verdict.reason for word in words), verdict.reason
    return verdict.outcome is Outcome.FAILED


@pytest.mark.parametrize(("workers", "wrong"), [(19, False), (20, True), (21, True), (None, False)])
def test_tcp_workers_stay_below_the_limit(workers: int | None, *, wrong: bool) -> None:
    verdict = saturation.tcp_workers(scenario(sample(0), sample(100, workers)), {POD: 20})
    assert (verdict.outcome is Outcome.FAILED) == wrong


def test_tcp_workers_are_told_sample_by_sample() -> None:
    seen = Timeline((sample(100, 3), sample(200, None, queue=2), sample(300, 20), sample(400, 19)), 0.003)
    watched = Scenario("a test", {POD: seen}, {}, [], LOAD, uncounted="no cAdvisor")
    verdict = saturation.tcp_workers(watched, {POD: 20})
    assert verdict.measurements == TcpWorkers(
        scenario="a test",
        load=LOAD,
        limits={POD: 20},
        peaks={POD: 20},
        watch_cpu_share={POD: 0.01},
        timelines={POD: ServerTimeline([0.0, 0.1, 0.2, 0.3], [3, 0, 20, 19], [0, 2, 0, 0])},
        processes={},
        processes_not_read="no cAdvisor",
    )
    assert verdict.evidence[0] == f"20 of 20 TCP children of dnsmasq in {POD}: saturated"
    assert len(verdict.evidence) > 1, "and a picture of them"


def test_processes_that_were_counted_beside_the_watch_are_told() -> None:
    timeline = Timeline((sample(0, 20), sample(100, 20), sample(1000, 0)))
    counted = Scenario("t", {POD: timeline}, {}, [], LOAD, processes={POD: [4, 22]})
    measurements = saturation.tcp_workers(counted, {POD: 20}).measurements
    assert isinstance(measurements, TcpWorkers)
    assert measurements.processes[POD].most == 22
    assert measurements.processes[POD].reads == 2
    assert measurements.processes[POD].peaks_s == [1.0]


def test_a_queue_of_one_sample_is_normal_and_a_run_of_300_ms_is_not() -> None:
    single = scenario(sample(0), sample(100, queue=1), sample(200), sample(300, queue=5), sample(400))
    assert saturation.listen_queue(single, LIMITS, 300).outcome is Outcome.PASSED
    run = scenario(*(sample(at, 20, queue=33) for at in (0, 100, 200, 300)))
    verdict = saturation.listen_queue(run, LIMITS, 300)
    assert failed(verdict, f"up to 33 connections waited 300 ms on end on {POD}, beside 20 of 20 children")
    assert "slow to accept" not in verdict.reason
    slow = scenario(*(sample(at, 12, queue=33) for at in (0, 100, 200, 300)))
    assert failed(saturation.listen_queue(slow, LIMITS, 300), "12 of 20 children: below its limit")


def test_only_a_rise_of_the_overflow_counter_counts() -> None:
    before = scenario(sample(0, overflows=7), sample(100, overflows=7))
    assert saturation.listen_overflow(before).outcome is Outcome.PASSED
    assert failed(
        saturation.listen_overflow(scenario(sample(0, overflows=7), sample(100, overflows=11))), "4 "
    )


def test_nothing_seen_between_samples_far_apart_proves_nothing() -> None:
    blind = scenario(sample(0), sample(400))
    with pytest.raises(HarnessError, match="400 ms apart"):
        saturation.tcp_workers(blind, LIMITS)
    with pytest.raises(HarnessError, match="400 ms apart"):
        saturation.listen_queue(blind, LIMITS, 300)
    full = scenario(sample(0, 20, queue=33), sample(400, 20, queue=33))
    assert failed(saturation.tcp_workers(full, LIMITS), "20 of 20")
    with pytest.raises(HarnessError, match="400 ms apart"):  # whether the same ones waited was not seen
        saturation.listen_queue(full, LIMITS, 300)
    seen = scenario(*(sample(at, 20, queue=33) for at in (0, 400, 600, 800)))
    assert failed(saturation.listen_queue(seen, LIMITS, 300), "400 ms")


def test_samples_taken_at_odd_moments_are_not_apart_for_how_their_times_add_up() -> None:
    timelines = [
        Timeline([Sample(number * step_ns, 0, 0, {}, 0, 0, 0, 0) for number in range(30)])
        for step_ns in range(98_700_001, 98_700_051)
    ]
    assert any(sum(timeline.gaps_ms()) > timeline.ms for timeline in timelines)  # rounded up
    for timeline in timelines:
        watched = Scenario("a test", {POD: timeline}, {}, [], LOAD)
        assert saturation.tcp_workers(watched, LIMITS).outcome is Outcome.PASSED


@pytest.mark.parametrize(("unbroken_ms", "enough"), [(1000, True), (900, False)])
def test_of_a_steady_scenario_an_unbroken_second_is_enough(unbroken_ms: int, *, enough: bool) -> None:
    samples = [sample(0), *(sample(at) for at in range(400, 401 + unbroken_ms, 100))]
    timelines = {POD: Timeline(samples)}
    steady = Scenario("a test", timelines, {}, [], LOAD, steady=True)
    with nullcontext() if enough else pytest.raises(HarnessError, match="400 ms apart"):
        assert saturation.tcp_workers(steady, {POD: 20}).outcome is Outcome.PASSED
    with pytest.raises(HarnessError, match="400 ms apart"):
        saturation.tcp_workers(Scenario("a test", timelines, {}, [], LOAD), {POD: 20})


def test_a_counter_that_began_again_counts_from_nought() -> None:
    assert (
        Timeline((sample(0, overflows=9), sample(1, overflows=2))).rise(lambda sample: sample.overflows) == 2
    )


def test_timeouts_by_tcp_to_the_cluster_are_told_apart_from_others() -> None:
    assert node_caches.node_timeouts(scenario(cache=cache())).outcome is Outcome.PASSED
    verdict = node_caches.node_timeouts(scenario(cache=cache(timeouts=("dial tcp 10.96.0.21:53",) * 2)))
    assert failed(verdict, "2 i/o timeouts", "node-1")
    assert isinstance(verdict.measurements, node_caches.NodeTimeouts)
    assert (verdict.measurements.by_tcp_to_cluster, verdict.measurements.others) == (
        {"node-1": 2},
        {"node-1": 1},
    )


@pytest.mark.parametrize("family", node_caches.HEALTH_FAMILIES)
def test_a_failed_health_check_under_any_name_counts(family: str) -> None:
    assert failed(node_caches.health_checks(scenario(cache=cache({family: 3.0}))), "3 forward health checks")
    assert node_caches.health_checks(scenario(cache=cache())).outcome is Outcome.PASSED


@pytest.mark.parametrize("family", node_caches.CHURN_FAMILIES)
def test_churn_is_per_second(family: str) -> None:
    calm, busy = cache({family: 100.0}), cache({family: 200.0})
    for into_dnsmasq, outcome in ((True, Outcome.FAILED), (False, Outcome.WARNED)):
        few = node_caches.connection_churn(scenario(cache=calm), 10, into_dnsmasq=into_dnsmasq)
        many = node_caches.connection_churn(scenario(cache=busy), 10, into_dnsmasq=into_dnsmasq)
        assert few.outcome is Outcome.PASSED
        assert many.outcome is outcome
        assert many.reason.startswith("20.0 new upstream connections")


def test_conntrack_losses() -> None:
    dropped = Timeline((sample(0), Sample(MS, 0, 0, {}, 0, 0, 1, 2)))
    verdict = saturation.conntrack(Scenario("a test", {}, {"node-1": dropped}, [], LOAD))
    assert verdict.measurements == ConntrackLosses(
        scenario="a test", load=LOAD, lost={"node-1": 3}, not_inserted={"node-1": 1}
    )
    assert saturation.conntrack(scenario(sample(0, lost=5), sample(1, lost=5))).outcome is Outcome.PASSED
    assert failed(saturation.conntrack(scenario(sample(0, lost=5), sample(1, lost=6))), "lost 1 packets")
