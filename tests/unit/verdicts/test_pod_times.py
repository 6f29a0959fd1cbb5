"""One slow DNS pod among others."""

from clusterdns.model.outcome import Outcome
from clusterdns.model.pod_times import PodTimes
from clusterdns.verdicts.pod_times import PodMedians, dns_pods


def times(pod: str, node: str, took_ms: float) -> PodTimes:
    return PodTimes(pod, node, (took_ms, took_ms, took_ms * 9))


def test_a_slow_pod_is_named_beside_the_others() -> None:
    asked = [times("a", "n1", 0.4), times("a", "n2", 0.6), times("b", "n1", 300), times("b", "n2", 301)]
    verdict = dns_pods(asked, 100)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.reason == "b takes 300.0 ms for a name that it has, 0.4 ms for the others, limit 100 ms"
    assert isinstance(verdict.measurements, PodMedians)
    assert verdict.measurements.median_ms["b"] == {"n1": 300, "n2": 301}


def test_the_network_to_a_node_is_not_the_pods() -> None:
    assert dns_pods([times("a", "n1", 0.4), times("a", "n2", 300)], 100).outcome is Outcome.PASSED


def test_a_pod_that_answers_nobody_is_not_slow() -> None:
    assert dns_pods([PodTimes("a", "n1", ())], 100).outcome is Outcome.PASSED
