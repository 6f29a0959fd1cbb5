"""Whether one DNS pod is slower than it may be, which the Service in front hides: latency.dns-pods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from clusterdns.check import Check, Need, at_rest
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict, judged
from clusterdns.model.pod_times import PodTimes
from clusterdns.model.profiles import Profile

SERVING_PODS = Need(
    "dns-pods", lambda run: None if run.serving_pods else "no pod of this cluster is behind a DNS Service"
)
"""Pods behind a Service of the cluster's DNS."""


@dataclass(frozen=True, slots=True)
class PodMedians:
    """Measurements of latency.dns-pods.

    Attributes:
        median_ms: DNS pod -> node -> the median of what it took to answer, in milliseconds.
        took_ms: What each query to any of them took, which a later run is compared with.
    """

    median_ms: Mapping[str, Mapping[str, float]]
    took_ms: Sequence[float]


def dns_pods(times: Sequence[PodTimes], limit_ms: float) -> Verdict:
    """Judge each pod by the fastest node: the network to the others is not the pod's."""
    by_pod: dict[str, dict[str, float]] = {}
    for asked in times:
        if asked.took_ms:
            by_pod.setdefault(asked.pod, {})[asked.node] = round(asked.median_ms, 2)
    best = {pod: min(medians.values()) for pod, medians in by_pod.items()}
    faults = []
    for pod, took in best.items():
        if took > limit_ms:
            others = [other for name, other in best.items() if name != pod]
            beside = f", {median(others):.1f} ms for the others" if others else ""
            faults.append(f"{pod} takes {took:,.1f} ms for a name that it has{beside}, limit {limit_ms:g} ms")
    took_ms = [round(milliseconds, 3) for asked in times for milliseconds in asked.took_ms]
    return judged(faults, PodMedians(by_pod, took_ms))


DNS_PODS = Check(
    id="latency.dns-pods",
    profile=Profile.CORE,
    requirement="Every DNS pod answers names of the cluster quickly, asked by itself.",
    source="ours: a name that a pod holds takes it a millisecond or less",
    remedy="look at that pod: its node's load, its CPU limit and throttling, its plugins and log; replace it",
    needs=(SERVING_PODS,),
    grants=(OBJECTS, PROBES),
    # What the other measurements ask of a pod makes it slow as well.
    cases=at_rest(lambda run: dns_pods(run.pod_times, run.settings.dns_pod_limit), Run.pod_times),
)

CHECKS = (DNS_PODS,)
