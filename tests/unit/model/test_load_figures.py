"""The figures of a load."""

from clusterdns.model.load import BURSTS, Destination, LoadResult, LoadStep, PodLoad, Protocol
from clusterdns.model.load_figures import (
    LoadFigures,
    LoadInterval,
    Percentiles,
    lateness,
    load_timeline,
)
from tests.unit.model.test_latency import samples

MS = 1_000_000
TO = Destination("kube-dns", "10.96.0.10", "Service kube-system/kube-dns")


def result(*pods: PodLoad, limit_ms: float = 1.0) -> LoadResult:
    return LoadResult(TO, LoadStep(Protocol.UDP, BURSTS), "10 bursts", pods, limit_ms)


ONE = PodLoad(
    "node-1", samples((0, 0, 2 * MS, 0), (MS, MS, 4 * MS, 2)), 1, 2, 3, {"EOF": 1}, 4, cpu_seconds=0.1
)
OTHER = PodLoad(
    "node-2", samples((200 * MS, 2 * MS, -1, 0)), 10, 20, 30, {"EOF": 1, "ECONNRESET": 2}, 40, cpu_seconds=0.2
)


def test_figures_are_of_all_pods_together() -> None:
    few = dict.fromkeys(("p50_ms", "p90_ms", "p99_ms", "p999_ms"))
    assert LoadFigures.of(result(ONE, OTHER)) == LoadFigures(
        plan="10 bursts",
        to="kube-dns",
        destination="Service kube-system/kube-dns (10.96.0.10)",
        sent=3,
        lost=1,
        refused=1,
        rcodes={"NOERROR": 1, "SERVFAIL": 1},
        latency=Percentiles(**few, max_ms=5000.0),
        send_to_receive=Percentiles(**few, max_ms=4.0),
        lag_p99_ms=2.0,
        late=11,
        duplicates=22,
        strays=33,
        socket_failures={"EOF": 2, "ECONNRESET": 2},
        connections=44,
    )


def test_percentiles_are_told_where_there_are_values_enough() -> None:
    many = PodLoad("node-1", samples(*((n, 0, MS, 0) for n in range(1000))), 0, 0, 0, {}, 0, cpu_seconds=0)
    assert LoadFigures.of(result(many)).latency == Percentiles(1.0, 1.0, 1.0, None, 1.0)


def test_a_timeline_is_told_burst_by_burst() -> None:
    assert load_timeline(result(ONE, OTHER)) == [
        LoadInterval(0.0, sent=2, lost=0, refused=1, p50_ms=2.001, max_ms=5.0),  # a bucket is a thousandth
        LoadInterval(0.2, sent=1, lost=1, refused=0, p50_ms=5000.0, max_ms=5000.0),
    ]


def test_the_generator_that_was_late_is_named() -> None:
    assert lateness(result(ONE)) is None
    said = lateness(result(ONE, OTHER))
    assert said == "the generator on node-2 was late by 2.00 ms (p99), limit 1 ms"
