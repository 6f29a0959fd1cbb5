from __future__ import annotations

from dataclasses import replace

import pytest

from clusterdns.errors import HarnessError, ProbeError
from clusterdns.measuring.disruption import asked_addresses
from clusterdns.measuring.dns_changes import serving_pods, why_not_to_be_evicted
from clusterdns.model.disruption import Disruption, PathOutage
from clusterdns.model.outcome import Outcome
from clusterdns.model.topology import Backend, Fact, Layer, LayerKind, Service, Topology
from clusterdns.settings import Settings
from clusterdns.verdicts.resilience import Resilience, resilience

QUIET = PathOutage("n1", "10.96.0.10", 1200, 0, 0.0, 0.0, recovered=True, p99_ms=2.0)
REPLACED = Disruption("kube-system/coredns-a replaced", "n1", 4.0, [QUIET], 60, [], 0.05, 0.2)
DNS = Fact("10.96.0.10", "Service")


def on_path(**changes: object) -> Disruption:
    return replace(REPLACED, paths=[QUIET, replace(QUIET, **changes)])  # type: ignore[arg-type]


def test_a_replacement_that_nobody_notices_passes() -> None:
    verdict = resilience([REPLACED, REPLACED], Settings(), spare=True)
    assert verdict.outcome is Outcome.PASSED
    assert isinstance(verdict.measurements, Resilience)
    assert (verdict.measurements.lookups, verdict.measurements.queries) == (120, 2400)


@pytest.mark.parametrize(
    ("disruption", "reason"),
    [
        (replace(REPLACED, failed_lookups=["n1: web: EAI_AGAIN"]), "1 of 60 lookups failed, e.g. n1: web"),
        (
            replace(REPLACED, ready_again_s=None, unfinished="a successor: not within 90 s"),
            "a successor: not within",
        ),
        (replace(REPLACED, slowest_lookup_s=5.01), "a lookup took 5.0 s, not less than 5 s"),
        (on_path(failed=1, recovered=False), "not answering at the end"),
        (on_path(failed=1, gap_s=5.5), "no answer for 5.5 s, more than 5 s"),
        (on_path(failed=1, disturbed_s=12.0), "disturbed for 12.0 s, more than 10 s"),
        (on_path(failed=13), "13 of 1,200 queries failed, more than 1 %"),
        (on_path(p99_ms=1500.0), "p99 of 1500 ms, more than 1000 ms"),
    ],
)
def test_each_limit_fails(disruption: Disruption, reason: str) -> None:
    verdict = resilience([REPLACED, disruption], Settings(), spare=True)
    assert verdict.outcome is Outcome.FAILED
    assert reason in verdict.reason
    assert "kube-system/coredns-a replaced" in verdict.reason


def test_slow_answers_to_a_late_generator_are_no_verdict() -> None:
    slow = replace(on_path(p99_ms=1008.0), lag_ms=342.0)
    with pytest.raises(HarnessError, match=r"p99 of 1008 ms, .* but queries went out 342 ms late"):
        resilience([slow], Settings(), spare=True)
    verdict = resilience([slow, on_path(failed=1, gap_s=5.5)], Settings(), spare=True)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason.startswith(
        "kube-system/coredns-a replaced: 10.96.0.10 from n1: no answer for 5.5 s"
    )


def test_nothing_that_was_done_is_no_verdict() -> None:
    with pytest.raises(HarnessError, match="nothing was there to be disturbed"):
        resilience([], Settings(), spare=True)


def test_of_a_node_cache_only_gaps_count() -> None:
    stalled = replace(on_path(failed=120, gap_s=2.0), slowest_lookup_s=5.01)
    assert resilience([stalled], Settings(), spare=False).outcome is Outcome.PASSED


def cluster(replicas: int) -> Topology:
    layer = Layer(LayerKind.COREDNS, "kube-system/coredns", (DNS,), DNS)
    cache = Layer(LayerKind.NODE_LOCAL, "kube-system/node-local-dns", (Fact("169.254.20.10", "flag"),), DNS)
    backends = tuple(
        Backend(f"kube-system/coredns-{index}", "n1", f"10.0.0.{index}", True, layer.name)  # noqa: FBT003
        for index in range(replicas)
    )
    services = (
        Service("kube-system/kube-dns", ("10.96.0.10",), backends),
        Service("kube-system/upstream", ("10.96.0.11",), backends),
        Service("kube-system/empty", ("10.96.0.12",), ()),
    )
    return Topology(Fact("cluster.local", "Corefile"), {"n1": ""}, (cache, layer), services)


def test_nobody_to_ask_is_no_measurement() -> None:
    with pytest.raises(ProbeError, match="no Service with pods and no node cache was found"):
        asked_addresses(Topology(Fact("cluster.local", "Corefile"), {"n1": ""}, ()))


def test_a_pod_behind_two_services_is_replaced_once() -> None:
    names = [str(pod) for pod in serving_pods(cluster(2))["kube-system/coredns"]]
    assert names == ["kube-system/coredns-0", "kube-system/coredns-1"]


OWN, SERVICE_IP = "169.254.20.10", "10.96.0.10"


@pytest.mark.parametrize(
    ("of_the_cache", "given", "asked"),
    [
        ((OWN,), (), {OWN}),
        ((OWN, SERVICE_IP), (), set()),  # it takes over the Service's, and nobody is told of its own
        ((OWN, SERVICE_IP), (SERVICE_IP,), set()),
        ((OWN, SERVICE_IP), (OWN,), {OWN}),
        ((OWN,), (OWN,), {OWN}),
    ],
)
def test_services_with_pods_are_asked_and_of_caches_what_clients_are_given(
    of_the_cache: tuple[str, ...], given: tuple[str, ...], asked: set[str]
) -> None:
    known = cluster(2)
    cache, *others = known.layers
    addresses = tuple(Fact(address, "flag") for address in of_the_cache)
    nameservers = tuple(Fact(address, "resolv.conf") for address in given)
    caching = replace(known, layers=(replace(cache, addresses=addresses), *others), nameservers=nameservers)
    assert asked_addresses(caching) == sorted({SERVICE_IP, "10.96.0.11", *asked})


@pytest.mark.parametrize(("replicas", "allowed"), [(0, False), (1, False), (2, False), (3, True)])
def test_of_a_foreign_cluster_two_pods_stay_ready(replicas: int, allowed: bool) -> None:  # noqa: FBT001
    assert (why_not_to_be_evicted(cluster(replicas), foreign=True) is None) is allowed


def test_a_lab_is_ours_to_break() -> None:
    assert why_not_to_be_evicted(cluster(1), foreign=False) is None
