"""The catalogue: every check there is, collected from where it is declared.

Ids are what reports, `--check` and CI gates use; they never change meaning. The first word of an id is
its area.
"""

import difflib
from collections.abc import Iterable
from types import ModuleType

from clusterdns.check import Check
from clusterdns.verdicts import (
    autoscaling,
    conntrack,
    consistency,
    http,
    latency,
    lookups,
    metrics,
    network_policy,
    node_caches,
    node_resolvers,
    outside,
    path_mtu,
    pod_times,
    propagation,
    query_log,
    reachable,
    records,
    resilience,
    resolver,
    saturation,
    scraping,
    service_routing,
    soak,
    tcp_paths,
    throttling,
    topology,
    upstreams,
)

_MODULES: tuple[ModuleType, ...] = (
    resolver,
    node_resolvers,
    lookups,
    reachable,
    path_mtu,
    records,
    propagation,
    consistency,
    outside,
    pod_times,
    topology,
    service_routing,
    tcp_paths,
    autoscaling,
    upstreams,
    network_policy,
    metrics,
    scraping,
    saturation,
    conntrack,
    throttling,
    node_caches,
    query_log,
    latency,
    http,
    resilience,
    soak,
)

CATALOGUE: dict[str, Check] = {check.id: check for module in _MODULES for check in module.CHECKS}


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """Return the check ids that `names` (ids, or areas such as "resolver") stand for, in catalogue order.

    Raises:
        ValueError: a name stands for none; the message lists near matches.
    """
    areas = sorted({check.area for check in CATALOGUE.values()})
    wanted: set[str] = set()
    for name in names:
        ids = {check.id for check in CATALOGUE.values() if name in (check.id, check.area)}
        if not ids:
            near = difflib.get_close_matches(name, [*CATALOGUE, *areas], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"areas are {', '.join(areas)};"
            raise ValueError(f"no check or area {name!r}: {hint} --list-checks lists all")
        wanted |= ids
    return tuple(id_ for id_ in CATALOGUE if id_ in wanted)
