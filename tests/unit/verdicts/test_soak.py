from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from clusterdns.measuring.run import TopologyRun
from clusterdns.model.outcome import Outcome
from clusterdns.model.soak import Event, PathFigures, Soak, Stretch, Trouble
from clusterdns.model.what_if import on_coredns, with_node_caches
from clusterdns.settings import Settings
from clusterdns.verdicts import soak as verdicts
from tests.unit.verdicts.topologies import TWO, server, topology, upstream

if TYPE_CHECKING:
    from clusterdns.cluster.api import Cluster
    from clusterdns.model.topology import Topology

KUBE_DNS = topology(
    server(), services=(replace(upstream(*TWO), name="kube-system/kube-dns", addresses=("10.96.0.10",)),)
)
PATH = PathFigures("n1", "10.96.0.10", 600, 36_000, 0, 0.0, 0.4, 3.0, silent=0, slow=0)
QUIET = Soak(
    began="2026-11-27T12:00:00+00:00",
    seconds=600.0,
    ended="its time of 600 s was over",
    slow_ms=250.0,
    paths=[PATH],
    stretches=[],
    events=[],
    lookups=3000,
    failed_lookups=0,
    slowest_lookup_s=0.1,
    lookup_failures=[],
    unprobed={},
    facts_before=["one"],
    facts_after=["one"],
)


def test_a_quiet_soak_passes() -> None:
    assert verdicts.paths(QUIET, Settings()).outcome is Outcome.PASSED
    assert verdicts.lookups(QUIET, Settings()).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (replace(PATH, failed=1, gap_s=5.1), "no answer for 5.1 s, more than 5 s"),
        (replace(PATH, failed=361, gap_s=0.1), "361 of 36,000 queries failed, more than 1 %"),
        (replace(PATH, p99_ms=1001.0), "p99 of 1001 ms, more than 1000 ms"),
    ],
)
def test_a_path_beyond_a_limit_fails(path: PathFigures, reason: str) -> None:
    verdict = verdicts.paths(replace(QUIET, paths=[PATH, path]), Settings())
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == f"10.96.0.10 from n1: {reason}"


@pytest.mark.parametrize("path", [replace(PATH, failed=1, gap_s=5.0), replace(PATH, failed=360, gap_s=0.1)])
def test_a_path_at_a_limit_passes(path: PathFigures) -> None:
    assert verdicts.paths(replace(QUIET, paths=[path]), Settings()).outcome is Outcome.PASSED


def test_a_clock_never_shows_sixty_seconds() -> None:
    slow = Stretch("n1", "10.96.0.10", Trouble.SLOW, 59.97, 61.97)
    assert next(verdicts.timeline(replace(QUIET, stretches=[slow]))).startswith("+1:00.0 ")


SILENT = "+1:05.0 10.96.0.10 from n1 had no answer for 6.0 s (360 queries failed)"


def test_the_evidence_joins_trouble_with_what_happened_then() -> None:
    silent = Stretch("n1", "10.96.0.10", Trouble.SILENT, 65.0, 71.0, 360, 360, gap_s=6.0)
    also = replace(silent, node="n2", start_s=66.0, gap_s=5.0)
    slow = Stretch("n1", "10.96.0.10", Trouble.SLOW, 200.0, 203.0)
    away = Stretch("n3", "", Trouble.UNMEASURED, 300.0, 360.0)
    events = [Event(64.9, "pod c is ending"), Event(500.0, "node n3 is gone")]
    soaked = replace(QUIET, stretches=[silent, also, slow, away], events=events, unprobed={"n4": "no image"})
    assert list(verdicts.timeline(soaked)) == [
        f"{SILENT}, and 1 more at the same time; meanwhile: +1:04.9 pod c is ending",
        "+3:20.0 10.96.0.10 from n1 was slow for 3 s; meanwhile: nothing was seen to happen",
        "+5:00.0 n3 was not measured for 60 s",
        "n4 was not measured: no image",
        "600 s measured; ended: its time of 600 s was over; 2 events",
    ]


def test_a_lookup_that_failed_fails() -> None:
    failures = [Event(61.0, "n1: web: EAI_AGAIN after 10.0 s")]
    verdict = verdicts.lookups(replace(QUIET, failed_lookups=1, lookup_failures=failures), Settings())
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "1 of 3000 lookups failed, first +1:01.0 n1: web: EAI_AGAIN after 10.0 s"


def run_on(topology: Topology) -> TopologyRun:
    return TopologyRun(cast("Cluster", None), Settings(), topology, missing={})


def test_an_upgrade_that_brings_tcp_into_dnsmasq_fails_by_that() -> None:
    after = with_node_caches(KUBE_DNS).topology
    changed = replace(QUIET, facts_after=["two"])
    verdict = verdicts.topology_after(run_on(KUBE_DNS), changed, after)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith("topology.no-tcp-into-dnsmasq: passed before, failed after: ")
    assert verdict.evidence == ("before: one", "after: two")


def test_an_upgrade_that_takes_tcp_out_of_dnsmasq_passes_and_so_does_none() -> None:
    incident = with_node_caches(KUBE_DNS).topology
    for after in (incident, on_coredns(incident).topology):
        assert verdicts.topology_after(run_on(incident), QUIET, after).outcome is Outcome.PASSED
