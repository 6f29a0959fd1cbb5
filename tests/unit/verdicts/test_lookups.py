from dataclasses import replace

import pytest

from clusterdns.model.lookups import CASES, FAMILIES, Lookup, SeenLookup, Truth, expected, lookup
from clusterdns.model.outcome import Outcome
from clusterdns.model.resolver import Libc, Question
from clusterdns.verdicts import lookups

TRUTH = Truth("cluster.local", {"target.ns": ("IPv4",)}, "www.example.com", "target.ns")
VANILLA = ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local")
GKE = (*VANILLA, "zone-a.c.project.internal", "c.project.internal", "google.internal")
LIMIT = 6


def seen(
    wanted: Lookup, search: tuple[str, ...] = GKE, *, asks: tuple[str, ...] | None = None
) -> dict[str, SeenLookup]:
    """What a pod sends that has the list `asks`, on a node that is to give `search`."""
    return {"node-1": SeenLookup(expected(wanted, asks or search, TRUTH), 0, None, search)}


@pytest.mark.parametrize("libc", Libc)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES)
def test_what_the_model_says_passes(case: str, family: str, libc: Libc) -> None:
    wanted = lookup(case, family, libc, TRUTH)
    assert lookups.lookup_count(wanted, seen(wanted), TRUTH, LIMIT).outcome is Outcome.PASSED
    assert lookups.lookup_order(wanted, seen(wanted), TRUTH).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("case", "search", "per_family"),
    [
        ("external", GKE, 7),
        ("external", VANILLA, 4),
        ("external-absolute", GKE, 1),
        ("external-ndots-1", GKE, 1),
        ("service", GKE, 1),
        ("service-namespace", GKE, 2),
        ("service-namespace-svc", GKE, 3),
        ("service-full", GKE, 7),
        ("service-absolute", GKE, 1),
        ("unknown", GKE, 7),
    ],
)
def test_known_counts(case: str, search: tuple[str, ...], per_family: int) -> None:
    for libc in Libc:
        wanted = lookup(case, "unspec", libc, TRUTH)
        assert len(expected(wanted, search, TRUTH)) == 2 * per_family


def test_a_seventh_suffix_fails_the_count_and_not_the_order() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    longer = (*GKE, "corp.example")
    found = seen(wanted, longer)
    verdict = lookups.lookup_count(wanted, found, TRUTH, LIMIT)
    assert verdict.outcome is Outcome.FAILED
    assert "8 queries" in verdict.reason
    assert "has 7" in verdict.reason
    assert lookups.lookup_order(wanted, found, TRUTH).outcome is Outcome.PASSED
    assert lookups.amplification(wanted, found, 7).outcome is Outcome.FAILED


def test_a_wildcard_that_ends_a_lookup_is_told_with_its_suffix_and_address() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    whole = seen(wanted)["node-1"]
    cut = replace(whole, queries=whole.queries[:-1], addresses=("203.0.113.9",))
    reason = lookups.lookup_count(wanted, {"node-1": cut}, TRUTH, LIMIT).reason
    assert "6 queries" in reason
    assert "google.internal ended it with 203.0.113.9 for www.example.com.google.internal" in reason
    for other in (
        replace(cut, addresses=()),
        replace(whole, queries=whole.queries[1:], addresses=("1.2.3.4",)),
    ):
        assert "ended" not in lookups.lookup_count(wanted, {"node-1": other}, TRUTH, LIMIT).reason


def test_a_reordered_list_fails_the_order() -> None:
    wanted = lookup("external", "unspec", Libc.MUSL, TRUTH)
    found = seen(wanted, GKE, asks=(GKE[1], GKE[0], *GKE[2:]))
    assert lookups.lookup_order(wanted, found, TRUTH).outcome is Outcome.FAILED
    assert lookups.lookup_count(wanted, found, TRUTH, LIMIT).outcome is Outcome.PASSED


def test_the_absolute_name_too_early_fails_the_order() -> None:
    wanted = lookup("unknown", "inet", Libc.GLIBC, TRUTH)
    early = seen(replace(wanted, ndots=1), GKE)
    assert lookups.lookup_order(wanted, early, TRUTH).outcome is Outcome.FAILED


def test_a_retry_is_counted_apart_and_fails_the_count() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    found = {"node-1": replace(seen(wanted)["node-1"], retries=2)}
    verdict = lookups.lookup_count(wanted, found, TRUTH, LIMIT)
    assert verdict.outcome is Outcome.FAILED
    assert "2 queries" in verdict.reason
    assert "sent again" in verdict.reason


def test_a_single_retry_fails_the_count() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    once = {"node-1": replace(seen(wanted)["node-1"], retries=1)}
    assert lookups.lookup_count(wanted, once, TRUTH, LIMIT).outcome is Outcome.FAILED


def test_the_budget_is_per_address_family() -> None:
    both = lookup("external", "unspec", Libc.GLIBC, TRUTH)
    assert len(seen(both)["node-1"].queries) == 14
    assert lookups.amplification(both, seen(both), 7).outcome is Outcome.PASSED
    assert lookups.amplification(both, seen(both), 6).outcome is Outcome.FAILED


def test_nothing_on_the_wire_is_not_a_pass() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    nothing = {"node-1": SeenLookup((), 0, None, GKE)}
    assert lookups.lookup_count(wanted, nothing, TRUTH, LIMIT).outcome is Outcome.FAILED
    assert lookups.lookup_order(wanted, nothing, TRUTH).outcome is Outcome.FAILED


def test_a_failed_external_lookup_cannot_be_cheap() -> None:
    wanted = lookup("external", "inet", Libc.GLIBC, TRUTH)
    failed = {"node-1": SeenLookup((Question("www.example.com", "A"),), 0, "EAI_AGAIN", GKE)}
    assert lookups.amplification(wanted, failed, 7).outcome is Outcome.FAILED


def test_truth_is_the_clusters_own() -> None:
    assert TRUTH.reply(Question("target.ns.svc.cluster.local", "A")) == "ANSWER"
    assert TRUTH.reply(Question("target.ns.svc.cluster.local", "AAAA")) == "NODATA"
    assert TRUTH.reply(Question("target.ns.svc.cluster.local.cluster.local", "A")) == "NXDOMAIN"
    assert TRUTH.reply(Question("www.example.com", "AAAA")) == "ANSWER"
