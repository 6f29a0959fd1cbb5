"""What happens to NodeLocal DNSCache while lookups are made: time-outs, health checks, new connections."""

from collections.abc import Mapping
from dataclasses import dataclass

from clusterdns.check import Check
from clusterdns.cluster.permissions import LOGS
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict, judged
from clusterdns.model.profiles import Profile
from clusterdns.model.saturation import NodeCache, OfScenario, Scenario
from clusterdns.model.tcp_paths import tcp_paths
from clusterdns.verdicts.needs import NODE_CACHE, NODE_CACHE_LOGS
from clusterdns.verdicts.scenarios import READING, REMEDY, scenario_cases

CHURN_FAMILIES = ("coredns_forward_conn_cache_misses_total", "coredns_proxy_conn_cache_misses_total")
HEALTH_FAMILIES = (
    "coredns_forward_healthcheck_broken_total",
    "coredns_proxy_healthcheck_failures_total",
    "coredns_forward_healthcheck_failures_total",
)
_MEASURES = (Run.views, Run.readable_caches)
_KEEP_CONNECTIONS = (
    "keep connections for longer (expire in the forward blocks of the node caches' Corefile), or leave "
    "force_tcp out: each new one costs a round trip, to CoreDNS little more"
)
_SHOWN = 3  # lines of each node's log


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTimeouts(OfScenario):
    """Measurements of saturation.node-timeouts, by node.

    Attributes:
        by_tcp_to_cluster: Time-outs by TCP to the cluster's DNS.
        others: Other time-outs.
    """

    by_tcp_to_cluster: Mapping[str, int]
    others: Mapping[str, int]


def node_timeouts(scenario: Scenario) -> Verdict:
    """Judge the time-outs that node caches logged."""
    faults = [
        f"{len(cache.cluster_timeouts)} i/o timeouts by TCP to cluster DNS on {cache.node}"
        for cache in scenario.caches
        if cache.cluster_timeouts
    ]
    lines = [line for cache in scenario.caches for line in cache.cluster_timeouts[:_SHOWN]]
    return judged(
        faults,
        NodeTimeouts(
            scenario=scenario.what,
            load=scenario.load,
            by_tcp_to_cluster={cache.node: len(cache.cluster_timeouts) for cache in scenario.caches},
            others={cache.node: len(cache.other_timeouts) for cache in scenario.caches},
        ),
        evidence=[*faults, *lines],
    )


NODE_TIMEOUTS = Check(
    id="saturation.node-timeouts",
    profile=Profile.LOAD,
    requirement="Node caches do not run into i/o timeouts by TCP to the cluster's DNS.",
    source="NodeLocal DNSCache's error log",
    remedy=REMEDY,
    needs=(NODE_CACHE, NODE_CACHE_LOGS),
    grants=(*READING, LOGS),
    measures=_MEASURES,
    cases=scenario_cases(lambda _, scenario: node_timeouts(scenario)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChecks(OfScenario):
    """Measurements of saturation.health-checks.

    Attributes:
        failed: Node -> forward health checks that failed or were ignored.
    """

    failed: Mapping[str, float]


def health_checks(scenario: Scenario) -> Verdict:
    """Judge the forward plugin's health checks: with force_tcp they go by TCP, and starve too."""
    failed = {cache.node: _rise(cache, HEALTH_FAMILIES) for cache in scenario.caches}
    return judged(
        [
            f"{count:.0f} forward health checks failed or were ignored on {node}"
            for node, count in failed.items()
            if count
        ],
        HealthChecks(scenario=scenario.what, load=scenario.load, failed=failed),
    )


HEALTH_CHECKS = Check(
    id="saturation.health-checks",
    profile=Profile.LOAD,
    requirement="The forward health checks of node caches do not fail.",
    source="coredns_proxy_healthcheck_failures_total, coredns_forward_healthcheck_broken_total",
    remedy=REMEDY,
    needs=(NODE_CACHE,),
    grants=READING,
    measures=_MEASURES,
    cases=scenario_cases(lambda _, scenario: health_checks(scenario)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionChurn(OfScenario):
    """Measurements of saturation.connection-churn.

    Attributes:
        new_per_second: Node -> upstream connections that its cache opened per second.
        limit_per_second: How many it may open.
    """

    new_per_second: Mapping[str, float]
    limit_per_second: float


def connection_churn(scenario: Scenario, limit: float, *, into_dnsmasq: bool) -> Verdict:
    """Judge how many upstream connections per second node caches opened.

    Args:
        scenario: What was seen meanwhile.
        limit: How many each may open.
        into_dnsmasq: Whether dnsmasq takes them, which forks for each; of others there is a warning.
    """
    rates = {cache.node: _rise(cache, CHURN_FAMILIES) / cache.seconds for cache in scenario.caches}
    return judged(
        [
            f"{rate:.1f} new upstream connections per second on {node}, limit {limit:g}"
            for node, rate in rates.items()
            if rate > limit
        ],
        ConnectionChurn(
            scenario=scenario.what,
            load=scenario.load,
            new_per_second={node: round(rate, 2) for node, rate in rates.items()},
            limit_per_second=limit,
        ),
        outcome=Outcome.FAILED if into_dnsmasq else Outcome.WARNED,
        remedy="" if into_dnsmasq else _KEEP_CONNECTIONS,
    )


CONNECTION_CHURN = Check(
    id="saturation.connection-churn",
    profile=Profile.LOAD,
    requirement="Node caches open fewer new upstream connections per second than the limit.",
    source=" / ".join(CHURN_FAMILIES),
    remedy=REMEDY,
    needs=(NODE_CACHE,),
    grants=READING,
    measures=_MEASURES,
    cases=scenario_cases(
        lambda run, scenario: connection_churn(
            scenario,
            run.settings.connection_churn_limit,
            into_dnsmasq=any(path.into_dnsmasq for path in tcp_paths(run.topology)),
        )
    ),
)

CHECKS = (NODE_TIMEOUTS, HEALTH_CHECKS, CONNECTION_CHURN)


def _rise(cache: NodeCache, families: tuple[str, ...]) -> float:
    return sum(cache.rises.get(family, 0.0) for family in families)
