from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterdns.errors import HarnessError
from clusterdns.model.outcome import Outcome
from clusterdns.model.scraping import DNSPod, MetricsPort, Scraped, Target
from clusterdns.model.selectors import Broken, Chain
from clusterdns.verdicts.scraping import Chains, ScrapedTargets, scraped, selectors

CACHE = DNSPod(
    namespace="kube-system",
    name="node-local-dns-a",
    workload="DaemonSet node-local-dns",
    node="node-1",
    address="10.89.0.11",
    labels={"k8s-app": "node-local-dns"},
    metrics=(MetricsPort(9253, "node-cache", (), repeated_at=9353),),
)
KUBE_DNS = DNSPod(
    namespace="kube-system",
    name="kube-dns-a",
    workload="Deployment kube-dns",
    node="node-1",
    address="10.244.1.2",
    labels={"k8s-app": "kube-dns"},
    metrics=(MetricsPort(10054, "sidecar", ()), MetricsPort(10055, "kubedns", ())),
)
PODS = (CACHE, KUBE_DNS)
TYPO = Chain(
    "ServiceMonitor kube-system/node-local-dns",
    broken=Broken("selector", "no Service is labelled k8s-app=nodelocaldns", "set the label right"),
)


def target(pod: DNSPod, port: int, **more: Any) -> Target:
    return Target(
        f"serviceMonitor/{pod.labels['k8s-app']}/0", pod.address, port, **({"healthy": True} | more)
    )


def server(*targets: Target, name: str = "the Prometheus") -> Scraped:
    return Scraped(name, targets, len(targets))


GOOD = (target(CACHE, 9253), target(KUBE_DNS, 10054), target(KUBE_DNS, 10055))


def test_every_pod_once_passes_and_lists_its_targets() -> None:
    verdict = scraped(PODS, [server(*GOOD)], [])
    assert verdict.outcome is Outcome.PASSED
    assert verdict.evidence[0] == "serviceMonitor/node-local-dns/0 -> 10.89.0.11:9253, up"


def test_the_stock_selector_leaves_node_caches_out() -> None:
    verdict = scraped(PODS, [server(*GOOD[1:])], [])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == (
        "no target for 1 pods of DaemonSet node-local-dns, k8s-app=node-local-dns; "
        "scraped of the cluster's DNS: k8s-app=kube-dns"
    )
    assert "select k8s-app: node-local-dns (manifests/monitoring)" in verdict.remedy


def test_a_broken_chain_is_the_remedy() -> None:
    assert scraped(PODS, [server(*GOOD[1:])], [TYPO]).remedy == "set the label right"


def test_one_port_of_several_is_enough() -> None:
    assert scraped(PODS, [server(*GOOD[:2])], []).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        (target(CACHE, 9253, healthy=True), Outcome.FAILED),
        (target(CACHE, 9353), Outcome.FAILED),
        (target(CACHE, 9353, kept=177.0), Outcome.FAILED),
        (target(CACHE, 9353, kept=5.0), Outcome.PASSED),  # the set-up errors alone
    ],
)
def test_what_is_scraped_twice_counts_double(more: Target, outcome: Outcome) -> None:
    verdict = scraped(PODS, [server(*GOOD, more)], [])
    assert verdict.outcome is outcome
    assert ("is scraped 2 times" in verdict.reason) == (outcome is Outcome.FAILED)


def test_a_scrape_that_fails_is_told_with_its_error() -> None:
    down = replace(GOOD[0], healthy=False, error="context deadline exceeded")
    verdict = scraped(PODS, [server(down, *GOOD[1:])], [])
    assert verdict.reason.endswith("by serviceMonitor/node-local-dns/0 fails: context deadline exceeded")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("context deadline exceeded", "raise scrape_timeout"),
        ("sample limit exceeded", "raise the limit"),
        ("label_value_length_limit exceeded (metric: x)", "raise the limit"),
        ("server returned HTTP status 401 Unauthorized", "credentials"),
        ("server returned HTTP status 403 Forbidden", "ServiceAccount"),
        ('received unsupported Content-Type "text/html" and no fallback', "no metrics page"),
        ('"INVALID" is not a valid start token', "cannot be read"),
        ("dial tcp 10.0.0.1:9253: connect: connection refused", "nothing listens"),
        ("dial tcp 10.0.0.1:9253: connect: no route to host", "NetworkPolicies"),
    ],
)
def test_the_remedy_is_that_of_the_error(error: str, remedy: str) -> None:
    down = replace(GOOD[0], healthy=False, error=error)
    assert remedy in scraped(PODS, [server(down, *GOOD[1:])], []).remedy


def test_what_has_not_been_scraped_yet_proves_nothing() -> None:
    with pytest.raises(HarnessError, match="has not been scraped yet"):
        scraped(PODS, [server(replace(GOOD[0], healthy=None), *GOOD[1:])], [])


def test_of_several_one_must_have_them_all() -> None:
    verdict = scraped(PODS, [server(name="a"), server(*GOOD, name="b")], [])
    assert isinstance(verdict.measurements, ScrapedTargets)
    assert (verdict.outcome, verdict.measurements.prometheus) == (Outcome.PASSED, "b")


def test_selectors_fail_by_the_first_broken_chain() -> None:
    holds = Chain("Service kube-system/kube-dns", frozenset({("kube-system/kube-dns-a", 10054)}))
    assert selectors([holds], "").outcome is Outcome.PASSED
    verdict = selectors([holds, TYPO], "no monitors")
    assert verdict.reason == f"{TYPO.subject}: selector: no Service is labelled k8s-app=nodelocaldns"
    assert verdict.remedy == "set the label right"
    assert isinstance(verdict.measurements, Chains)
    assert verdict.measurements.left_out == "no monitors"
