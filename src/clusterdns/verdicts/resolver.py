"""Verdicts on what a pod's resolver was given: nameserver, search list, ndots, policies."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from clusterdns.model.outcome import Outcome, Verdict
from clusterdns.model.pod_dns import MAX_SEARCH_CHARACTERS, MAX_SEARCH_DOMAINS
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT, NDOTS_ONE, VARIANTS, NodeView
from clusterdns.model.resolver import ResolvConf

CLUSTER_NDOTS = 5
_KUBELET = "the kubelet's DNS configurer (pkg/kubelet/network/dns) and the documentation of dnsPolicy"


def nameserver(views: Sequence[NodeView], allowed: Mapping[str, str]) -> Verdict:
    """ClusterFirst pods ask the cluster's DNS Service, the node-local cache or the provider.

    Args:
        views: One per node.
        allowed: Address -> what it belongs to.
    """
    seen = {view.node: view.seen[CLUSTER_FIRST].nameservers for view in views}
    wrong = {node: found for node, found in seen.items() if not found or not set(found) <= set(allowed)}
    return _judged(
        wrong,
        reason=lambda node: f"pods on {node} ask {_words(wrong[node])}, not {_words(allowed)}",
        remedy="set the kubelet's clusterDNS there to the cluster's DNS address, or remove the webhook",
        measurements={"nameservers": seen, "allowed": dict(allowed)},
    )


def search_list(views: Sequence[NodeView], zone: str) -> Verdict:
    """The search list is the namespace's domain, the Service domain, the zone, the node's own suffixes."""
    required = {view.node: view.required(CLUSTER_FIRST, zone, ()).search for view in views}
    seen = {view.node: view.seen[CLUSTER_FIRST].search for view in views}
    wrong = {node: found for node, found in seen.items() if found != required[node]}
    suffixes = {view.node: view.seen[DEFAULT].search for view in views}
    return _judged(
        wrong,
        reason=lambda node: (
            f"search list on {node} is [{_words(seen[node], ' ')}], not [{_words(required[node], ' ')}]"
        ),
        remedy="look for a webhook that sets dnsConfig, and compare the kubelet's resolvConf on these nodes",
        measurements={
            "zone": zone,
            "search": seen,
            "node suffixes": suffixes,
            "node zones": {view.node: view.zone_label for view in views},
            "nodes agree": len(set(suffixes.values())) <= 1,
        },
    )


def search_length(views: Sequence[NodeView], limit: int, events: Sequence[str]) -> Verdict:
    """No more suffixes than the limit, and the kubelet cut none off (event DNSConfigForming)."""
    seen = {view.node: len(view.seen[CLUSTER_FIRST].search) for view in views}
    characters = {view.node: len(" ".join(view.seen[CLUSTER_FIRST].search)) for view in views}
    most = min(limit, MAX_SEARCH_DOMAINS)
    wrong = {
        node: count
        for node, count in seen.items()
        if count > most or characters[node] > MAX_SEARCH_CHARACTERS
    }
    measurements = {"suffixes": seen, "characters": characters, "limit": limit, "events": list(events)}
    if events and not wrong:
        return Verdict(
            outcome=Outcome.FAILED,
            reason=f"the kubelet cut a search list short: {events[0]}",
            remedy="take suffixes off the node's resolv.conf (kubelet resolvConf)",
            source=_KUBELET,
            measurements=measurements,
        )
    return _judged(
        wrong,
        reason=lambda node: f"{seen[node]} suffixes ({characters[node]} characters) on {node}, limit {most}",
        remedy="take suffixes off the node's resolv.conf: each costs every external lookup a query a family",
        measurements=measurements,
    )


def ndots(views: Sequence[NodeView]) -> Verdict:
    """Ndots is 5 for ClusterFirst pods, or what the pod's own submitted dnsConfig says."""
    required = {CLUSTER_FIRST: CLUSTER_NDOTS, "merged": CLUSTER_NDOTS, NDOTS_ONE: 1}
    seen = {f"{view.node}/{variant}": view.seen[variant].ndots for view in views for variant in required}
    wrong = {key: count for key, count in seen.items() if count != required[key.rpartition("/")[2]]}
    return _judged(
        wrong,
        reason=lambda key: (
            f"ndots is {wrong[key]} in pod {key}, submitted to be {required[key.rpartition('/')[2]]}"
        ),
        remedy="remove the webhook that sets dnsConfig, or submit the option with the pods, where it is seen",
        measurements={"ndots": seen},
    )


def dns_policy(views: Sequence[NodeView], zone: str, allowed: Mapping[str, str]) -> Verdict:
    """Every dnsPolicy, and dnsConfig merged into it, gives exactly the documented resolv.conf."""
    wrong: dict[str, str] = {}
    measured: dict[str, str] = {}
    for view in views:
        given = view.seen[CLUSTER_FIRST].nameservers
        # What the kubelet's clusterDNS must be; where pods ask somebody else, that is wrong for every policy.
        nameservers = given if set(given) <= set(allowed) else tuple(allowed)[:1]
        for variant in VARIANTS:
            if variant in (CLUSTER_FIRST, DEFAULT):
                continue  # judged by search-list and nameserver; what the others are derived from
            required, seen = view.required(variant, zone, nameservers), view.seen[variant]
            key = f"{view.node}/{variant}"
            measured[key] = _text(seen)
            if seen != required:
                wrong[key] = f"[{_text(seen)}], not [{_text(required)}]"
    return _judged(
        wrong,
        reason=lambda key: f"resolv.conf of {key} is {wrong[key]}",
        remedy="look for a webhook that changes dnsConfig; compare the kubelet's clusterDNS and resolvConf",
        measurements={"resolv.conf": measured},
    )


def _judged(
    wrong: Mapping[str, object],
    *,
    reason: Callable[[str], str],
    remedy: str,
    measurements: Mapping[str, object],
) -> Verdict:
    if not wrong:
        return Verdict(outcome=Outcome.PASSED, source=_KUBELET, measurements=measurements)
    lines = [reason(key) for key in wrong]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return Verdict(
        outcome=Outcome.FAILED,
        reason=lines[0] + more,
        remedy=remedy,
        source=_KUBELET,
        measurements=measurements,
        evidence=tuple(lines),
    )


def _text(conf: ResolvConf) -> str:
    options = " ".join(name if value is None else f"{name}:{value}" for name, value in conf.options)
    return f"nameserver {_words(conf.nameservers, ' ')}; search {_words(conf.search, ' ')}; options {options}"


def _words(words: Iterable[str], between: str = ", ") -> str:
    return between.join(words) or "nobody"
