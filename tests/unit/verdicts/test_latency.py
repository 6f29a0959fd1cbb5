"""Verdicts on load: limits, samples, what is only reported, a generator that was late."""

from array import array

import pytest

from clusterdns.errors import HarnessError
from clusterdns.measuring.load_plans import lag_limit_ms
from clusterdns.model.latency import Samples
from clusterdns.model.load import BURSTS, CONSTANT, Destination, LoadResult, LoadStep, PodLoad, Protocol
from clusterdns.model.load_figures import PathLatency
from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.settings import Settings
from clusterdns.verdicts import latency

MS = 1_000_000
SETTINGS = Settings()
LOST = -1
STRAIGHT = Destination("dns-pod", "10.0.0.5", "pod kube-system/kube-dns-0")
CACHE = Destination("node-local", "169.254.20.10", "NodeLocal DNSCache on each node", cached=True)
INCIDENT = Destination("kube-dns", "10.96.0.10", "Service kube-dns", cached=True, tcp_into_dnsmasq=True)
DNSMASQ = Destination("upstream", "10.96.0.21", "Service kube-dns-upstream", dnsmasq=True)


def run(
    *elapsed: float,
    to: Destination = STRAIGHT,
    lag: float = 0.0,
    rcode: int = 0,
    pattern: str = BURSTS,
    protocol: Protocol = Protocol.UDP,
) -> LoadResult:
    """Return a run of one pod with these times from sent to received, in ms."""
    size = len(elapsed)
    samples = Samples(
        start_ns=0,
        deadline_ns=5000 * MS,
        intended_ns=array("q", (number * MS for number in range(size))),
        lag_ns=array("q", [int(lag * MS)]) * size,
        elapsed_ns=array("q", (LOST if took == LOST else int(took * MS) for took in elapsed)),
        rcodes=bytes([rcode]) * size,
    )
    step = LoadStep(protocol, pattern)
    pods = [PodLoad("node-1", samples, 0, 0, 0, {"EOF": 2}, 0, 0.5)]
    return LoadResult(to, step, "a plan", pods, lag_limit_ms(step, SETTINGS))


def many(usual: float, *rare: float, size: int = 1000) -> list[float]:
    return [usual] * (size - len(rare)) + list(rare)


def failed(verdict: Verdict, *words: str) -> bool:
    assert all(word in verdict.reason for word in words), verdict.reason
    return verdict.outcome is Outcome.FAILED


def test_a_quick_path_passes_and_tells_its_figures() -> None:
    verdict = latency.path(run(*many(2.0, 30.0)), SETTINGS)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASSED, "")
    assert isinstance(verdict.measurements, PathLatency)
    latency_ms = verdict.measurements.load.latency
    assert (latency_ms.p50_ms, latency_ms.p90_ms, latency_ms.p99_ms, latency_ms.max_ms) == pytest.approx(
        (2.0, 2.0, 2.0, 30.0),
        rel=1e-3,  # as the histogram
    )
    assert latency_ms.p999_ms is None
    assert [(interval.start_s, interval.sent) for interval in verdict.measurements.timeline] == [
        (0, 200),
        (0.2, 200),
        (0.4, 200),
        (0.6, 200),
        (0.8, 200),
    ]


def test_percentiles_have_limits() -> None:
    assert failed(
        latency.path(run(*many(21.0)), SETTINGS), "p50 21.0 ms, limit 20 ms", "pod kube-system/kube-dns-0"
    )
    assert failed(latency.path(run(*many(1.0, *[101.0] * 11)), SETTINGS), "p99 101.0 ms, limit 100 ms")


def test_the_lag_is_part_of_the_latency() -> None:
    assert failed(latency.path(run(*many(15.0), lag=6.0), SETTINGS), "p50 21.0 ms")


def test_a_percentile_with_too_few_samples_is_not_judged() -> None:
    slow = [1.0] * 900 + [300.0] * 99
    assert latency.path(run(*slow), SETTINGS).outcome is Outcome.PASSED
    assert failed(latency.path(run(*slow, 300.0), SETTINGS), "p99")


def test_lost_queries_and_errors_count_alike() -> None:
    assert latency.path(run(*many(1.0, LOST)), SETTINGS).outcome is Outcome.PASSED
    assert failed(latency.path(run(*many(1.0, LOST, LOST)), SETTINGS), "2 lost and 0 answered", "2 x EOF")
    assert failed(latency.path(run(*many(1.0), rcode=2), SETTINGS), "1000 answered with an error")
    assert latency.path(run(*many(1.0), rcode=3), SETTINGS).outcome is Outcome.PASSED


@pytest.mark.parametrize(("rcode", "told"), [(2, False), (5, True)])
def test_queries_that_are_refused_are_told_with_what_refuses_them(rcode: int, *, told: bool) -> None:
    verdict = latency.path(run(*many(1.0), rcode=rcode), SETTINGS)
    assert ("1000 x REFUSED" in verdict.reason) is told
    assert ("--dns-forward-max" in verdict.remedy) is told


def test_nothing_answered_is_a_failure_and_no_crash() -> None:
    assert failed(latency.path(run(*[LOST] * 1000), SETTINGS), "1000 lost", "p50 5,000.0 ms")


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ({"to": DNSMASQ, "protocol": Protocol.TCP_HELD}, True),
        ({"to": DNSMASQ, "protocol": Protocol.TCP_FRESH}, True),
        ({"to": DNSMASQ}, False),
        ({"to": INCIDENT}, False),
        ({"to": INCIDENT, "pattern": CONSTANT}, True),
        ({"to": CACHE, "pattern": CONSTANT}, False),
        ({"to": CACHE, "protocol": Protocol.TCP_FRESH}, False),
    ],
)
def test_what_is_only_reported(more: dict[str, object], *, reported: bool) -> None:
    verdict = latency.path(run(*many(2000.0), **more), SETTINGS)  # type: ignore[arg-type]
    assert (verdict.outcome is Outcome.PASSED) == reported
    assert verdict.reason.startswith("reported, not judged: ") == reported


def test_a_generator_that_was_late_is_no_ground_for_any_verdict() -> None:
    late = run(*many(2000.0), lag=1.1, pattern=CONSTANT)
    with pytest.raises(HarnessError, match=r"node-1 was late by 1.10 ms \(p99\), limit 1 ms"):
        latency.path(late, SETTINGS)
    with pytest.raises(HarnessError, match="too busy"):
        latency.schedule([late])
    with pytest.raises(HarnessError, match="too busy"):
        latency.tail_ratio(late, [], SETTINGS)
    assert latency.schedule([run(*many(1.0), lag=1.1)]).outcome is Outcome.PASSED  # a burst takes time
    with pytest.raises(HarnessError, match="limit 10 ms"):
        latency.schedule([run(*many(1.0), lag=11)])


def test_no_load_is_no_kept_schedule() -> None:
    with pytest.raises(HarnessError, match="no load"):
        latency.schedule([])


@pytest.mark.parametrize(
    ("direct", "through", "wrong"), [(1, 49, False), (1, 51, True), (9, 89, False), (9, 91, True)]
)
def test_the_tail_ratio_has_a_floor(direct: float, through: float, *, wrong: bool) -> None:
    verdict = latency.tail_ratio(run(*many(direct)), [run(*many(through), to=INCIDENT)], SETTINGS)
    assert (verdict.outcome is Outcome.FAILED) == wrong
    assert isinstance(verdict.measurements, latency.TailRatio)
    assert verdict.measurements.cached_p99_ms == pytest.approx({"kube-dns": through}, rel=1e-3)


def test_a_tail_of_too_few_samples_is_none() -> None:
    with pytest.raises(HarnessError, match="999 queries are too few"):
        latency.tail_ratio(run(*many(1.0)), [run(*[1.0] * 999, to=CACHE)], SETTINGS)


def test_smooth_tails_into_dnsmasq_are_reported() -> None:
    through = run(*many(900.0), to=INCIDENT, pattern=CONSTANT)
    verdict = latency.tail_ratio(run(*many(1.0), pattern=CONSTANT), [through], SETTINGS)
    assert verdict.outcome is Outcome.PASSED
    assert "reported, not judged" in verdict.reason


def test_the_picture_shows_the_stall() -> None:
    line = latency.picture(run(*[1.0] * 200, *[5000.0] * 200))
    assert line == "dns-pod    ▁█ worst 5,000 ms"
