from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clusterdns.model.outcome import Outcome
from clusterdns.model.scraping import Counted, DNSPod, MetricsPort, Page, Reading, Sidecar
from clusterdns.verdicts.metrics import exposed, series_of_dns, series_of_sidecars, truth

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = MetricsPort(9153, "coredns", ("coredns_build_info",))
POD = DNSPod("kube-system", "coredns-a", "Deployment coredns", "node-1", "10.0.0.1", {}, asks="10.0.0.1")
NONE: frozenset[tuple[str, str]] = frozenset()
PAGE = Page({"coredns_build_info": {NONE: 1.0}, "b": {frozenset({("x", "1")}): 1.0, NONE: 2.0}})
WHERE = "kube-system/coredns-a:9153 (coredns)"


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (Reading(POD, PORT, PAGE), ""),
        (Reading(POD, PORT, None, "connection refused"), f"{WHERE}: connection refused"),
        (Reading(POD, PORT, Page({})), f"{WHERE}: answers, but without coredns_build_info"),
        (Reading(POD, PORT, replace(PAGE, duplicates=("a{}",))), f"{WHERE}: has 1 series twice, e.g. a{{}}"),
    ],
)
def test_exposed(reading: Reading, reason: str) -> None:
    verdict = exposed([reading])
    assert (verdict.reason, verdict.outcome) == (reason, Outcome.FAILED if reason else Outcome.PASSED)


@pytest.mark.parametrize(
    ("rises", "reason"),
    [
        ((20.0, 25.0), ""),
        ((20.0, 0.0), "answered 20 queries, and its coredns_dns_requests_total rose by 0"),
        ((20.0, None), "answers queries, but its counters cannot be read"),
    ],
)
def test_truth(rises: Sequence[float | None], reason: str) -> None:
    verdict = truth([Counted(POD, (20, 20), tuple(rises))])
    assert verdict.reason == (f"kube-system/coredns-a {reason}" if reason else "")


def test_a_pod_that_does_not_answer_proves_nothing_about_its_counters() -> None:
    verdict = truth([Counted(POD, (20, 0), (20.0, 0.0))])
    assert verdict.outcome is Outcome.FAILED
    assert "unanswered: its counters prove nothing (see records.reachable)" in verdict.reason


def test_series_of_all_ports_of_a_pod_add_up() -> None:
    readings = [Reading(POD, PORT, PAGE), Reading(POD, PORT, PAGE), Reading(POD, PORT, None, "gone")]
    assert series_of_dns(readings, 6).outcome is Outcome.PASSED
    verdict = series_of_dns(readings, 5)
    assert verdict.reason == (
        "kube-system/coredns-a has 6 series, budget 5: 2 of b, 2 of b, 1 of coredns_build_info"
    )


def test_a_sidecar_over_its_budget_is_named_with_its_largest_families() -> None:
    some = Sidecar("mesh/a", 15020, 3800, (("envoy_cluster_upstream_cx_active", 760),))
    all_of_it = Sidecar("mesh/b", 15020, 250_000, (("envoy_cluster_upstream_rq_time_bucket", 15_200),))
    verdict = series_of_sidecars([some, all_of_it], 10_000)
    assert verdict.reason == (
        "mesh/b:15020 has 250000 series, budget 10000: 15200 of envoy_cluster_upstream_rq_time_bucket"
    )
    assert "inclusionSuffixes" in verdict.remedy
