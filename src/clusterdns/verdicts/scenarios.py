"""What the checks of scenarios have in common: their cases, what they need, what to do about saturation."""

from collections.abc import Callable

from clusterdns.check import Case, Stage
from clusterdns.cluster.permissions import DEBUG_CONTAINERS, KUBELETS, METRICS, OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Verdict
from clusterdns.model.profiles import Profile
from clusterdns.model.saturation import Scenario
from clusterdns.verdicts.needs import DNSMASQ

REMEDY = (
    "take force_tcp out of NodeLocal DNSCache's cluster zones, or put CoreDNS or Cloud DNS behind it; "
    "more replicas only move the limit"
)
OF_DNSMASQ = (DNSMASQ,)
WATCHING = (OBJECTS, PROBES, DEBUG_CONTAINERS, KUBELETS)
READING = (OBJECTS, PROBES, METRICS)


def scenario_cases(judge: Callable[[Run, Scenario], Verdict]) -> tuple[Case, ...]:
    """Return the cases of a check that judges everyday use, and bursts along two paths."""
    return (
        Case(
            "rest",
            lambda run: judge(run, run.rest),
            profile=Profile.CORE,
            stage=Stage.AT_REST,
            measures=(Run.rest,),
        ),
        Case(
            "bursts-direct",
            lambda run: judge(run, run.loads.bursts(run.burst_paths.direct)),
            stage=Stage.BURSTS_PAST_CACHES,
        ),
        Case(
            "bursts",
            lambda run: judge(run, run.loads.bursts(run.burst_paths.usual)),
            stage=Stage.BURSTS,
        ),
    )
