"""What a pod's resolver is given, on every node: nameserver, search list, ndots, policies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from clusterdns.check import Case, Check, only
from clusterdns.cluster.permissions import OBJECTS, PROBES
from clusterdns.measuring.run import Run
from clusterdns.model.outcome import Outcome, Verdict, and_more, judged
from clusterdns.model.pod_dns import MAX_SEARCH_CHARACTERS, MAX_SEARCH_DOMAINS
from clusterdns.model.pods import CLUSTER_FIRST, DEFAULT, NDOTS_ONE, VARIANTS, NodeView
from clusterdns.model.profiles import Profile
from clusterdns.model.resolver import ResolvConf
from clusterdns.verdicts.needs import HOST_NETWORK

CLUSTER_NDOTS = 5
_KUBELET = "the kubelet's DNS configurer (pkg/kubelet/network/dns) and the documentation of dnsPolicy"
_GRANTS = (OBJECTS, PROBES)
_OTHER_ZONE = (
    "give kubelets (clusterDomain) and DNS servers (kubernetes plugin, --domain) the same cluster domain"
)
_ONE_ORDER = (
    "give the nodes' resolv.conf one order: a name that exists under two of these suffixes is not the same "
    "one on all nodes"
)


@dataclass(frozen=True, slots=True)
class Nameservers:
    """Measurements of resolver.nameserver.

    Attributes:
        nameservers: Node -> what its ClusterFirst pod asks.
        allowed: Address -> what it belongs to.
    """

    nameservers: Mapping[str, tuple[str, ...]]
    allowed: Mapping[str, str]


def nameserver(views: Sequence[NodeView], allowed: Mapping[str, str]) -> Verdict:
    """Judge whom ClusterFirst pods ask.

    Args:
        views: One per node.
        allowed: Address -> what it belongs to.
    """
    asked = {view.node: view.seen[CLUSTER_FIRST].nameservers for view in views}
    return judged(
        [
            f"pods on {node} ask {_words(servers)}, not {_words(allowed)}"
            for node, servers in asked.items()
            if not servers or not set(servers) <= set(allowed)
        ],
        Nameservers(asked, dict(allowed)),
    )


NAMESERVER = Check(
    id="resolver.nameserver",
    profile=Profile.CORE,
    requirement=(
        "A ClusterFirst pod's nameserver is the cluster DNS Service's, the node-local one or the provider's."
    ),
    source=_KUBELET,
    remedy="set the kubelet's clusterDNS there to the cluster's DNS address, or remove the webhook",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(lambda run: nameserver(run.views, run.topology.addresses())),
)


@dataclass(frozen=True, slots=True)
class SearchLists:
    """Measurements of resolver.search-list.

    Attributes:
        zone: The cluster domain.
        search: Node -> the search list of its ClusterFirst pod.
        node_suffixes: Node -> the search list of its Default pod.
        node_zones: Node -> its topology.kubernetes.io/zone.
        nodes_agree: Whether all nodes have the same suffixes.
        kubelet_zones: Node -> the cluster domain that its kubelet gives to pods, where it is another one.
    """

    zone: str
    search: Mapping[str, tuple[str, ...]]
    node_suffixes: Mapping[str, tuple[str, ...]]
    node_zones: Mapping[str, str]
    nodes_agree: bool
    kubelet_zones: Mapping[str, str]


def search_list(views: Sequence[NodeView], zone: str) -> Verdict:
    """Judge the search list of ClusterFirst pods."""
    required = {view.node: view.required(CLUSTER_FIRST, zone, ()).search for view in views}
    search = {view.node: view.seen[CLUSTER_FIRST].search for view in views}
    suffixes = {view.node: view.seen[DEFAULT].search for view in views}
    kubelet_zones = {
        view.node: told
        for view in views
        if (told := _zone_of(search[view.node], view.namespaces[CLUSTER_FIRST])) not in {None, zone}
    }
    wrong = [
        f"search list on {node} is [{_words(domains, ' ')}], not [{_words(required[node], ' ')}]"
        for node, domains in search.items()
        if domains != required[node] and node not in kubelet_zones
    ]
    other = [
        f"pods on {node} are given the cluster domain {told}, and the cluster's DNS serves {zone}"
        for node, told in kubelet_zones.items()
    ]
    measurements = SearchLists(
        zone=zone,
        search=search,
        node_suffixes=suffixes,
        node_zones={view.node: view.zone_label for view in views},
        nodes_agree=len(set(suffixes.values())) <= 1,
        kubelet_zones=kubelet_zones,
    )
    if not other and not wrong:
        return judged(_reordered(suffixes), measurements, outcome=Outcome.WARNED, remedy=_ONE_ORDER)
    return judged([*other, *wrong], measurements, remedy=_OTHER_ZONE if kubelet_zones else "")


def _reordered(suffixes: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return which nodes have the same suffixes as an earlier one in another order, a line for each order."""
    nodes: dict[tuple[str, ...], list[str]] = {}
    for node, own in suffixes.items():
        nodes.setdefault(own, []).append(node)
    first: dict[tuple[str, ...], tuple[str, ...]] = {}
    return [
        f"suffixes on {and_more(names, 'more nodes')} are [{_words(own, ' ')}], on {nodes[other][0]} "
        f"[{_words(other, ' ')}]"
        for own, names in nodes.items()
        if (other := first.setdefault(tuple(sorted(own)), own)) != own
    ]


def _zone_of(search: Sequence[str], namespace: str) -> str | None:
    """Return the cluster domain that a search list begins with; None where it does not begin with one."""
    own = f"{namespace}.svc."
    zone = search[0].removeprefix(own) if search and search[0].startswith(own) else None
    return zone if search[1:3] == (f"svc.{zone}", zone) else None


SEARCH_LIST = Check(
    id="resolver.search-list",
    profile=Profile.CORE,
    requirement=(
        "A pod's search list is its namespace's domain, the Service domain, the zone, "
        "then the suffixes of its own node, in order."
    ),
    source=_KUBELET,
    remedy="look for a webhook that sets dnsConfig, and compare the kubelet's resolvConf on these nodes",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(lambda run: search_list(run.views, run.topology.zone.value)),
)


@dataclass(frozen=True, slots=True)
class SearchLengths:
    """Measurements of resolver.search-length.

    Attributes:
        suffixes: Node -> how many its ClusterFirst pod has.
        characters: Node -> how long they are, the spaces between them included.
        limit: The most suffixes that there may be.
        events: What kubelets said about lists that they cut.
    """

    suffixes: Mapping[str, int]
    characters: Mapping[str, int]
    limit: int
    events: Sequence[str]


def search_length(views: Sequence[NodeView], limit: int, events: Sequence[str]) -> Verdict:
    """Judge the length of the search list, and what kubelets say about it (event DNSConfigForming)."""
    suffixes = {view.node: len(view.seen[CLUSTER_FIRST].search) for view in views}
    characters = {view.node: len(" ".join(view.seen[CLUSTER_FIRST].search)) for view in views}
    most = min(limit, MAX_SEARCH_DOMAINS)
    measurements = SearchLengths(suffixes, characters, limit, list(events))
    faults = [
        f"{count} suffixes ({characters[node]} characters) on {node}, limit {most}"
        for node, count in suffixes.items()
        if count > most or characters[node] > MAX_SEARCH_CHARACTERS
    ]
    if events and not faults:
        return judged(
            [f"the kubelet cut a search list short: {event}" for event in events],
            measurements,
            remedy="take suffixes off the node's resolv.conf (kubelet resolvConf)",
        )
    return judged(faults, measurements)


SEARCH_LENGTH = Check(
    id="resolver.search-length",
    profile=Profile.CORE,
    requirement="A pod's search list has no more suffixes than the limit, and the kubelet cut none off.",
    source=_KUBELET,
    remedy="take suffixes off the node's resolv.conf: each costs every external lookup a query a family",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(lambda run: search_length(run.views, run.settings.search_limit, run.search_list_events)),
)


@dataclass(frozen=True, slots=True)
class Ndots:
    """Measurements of resolver.ndots.

    Attributes:
        ndots: "NODE/VARIANT" -> what the pod's resolv.conf says.
    """

    ndots: Mapping[str, int]


def ndots(views: Sequence[NodeView]) -> Verdict:
    """Judge ndots of pods that ask for none, and of those that do."""
    required = {CLUSTER_FIRST: CLUSTER_NDOTS, "merged": CLUSTER_NDOTS, NDOTS_ONE: 1}
    pods = [(view.node, variant, view.seen[variant].ndots) for view in views for variant in required]
    return judged(
        [
            f"ndots is {count} in pod {node}/{variant}, submitted to be {required[variant]}"
            for node, variant, count in pods
            if count != required[variant]
        ],
        Ndots({f"{node}/{variant}": count for node, variant, count in pods}),
    )


NDOTS = Check(
    id="resolver.ndots",
    profile=Profile.CORE,
    requirement="Ndots is 5 for ClusterFirst pods unless the pod's own submitted dnsConfig says otherwise.",
    source=_KUBELET,
    remedy="remove the webhook that sets dnsConfig, or submit the option with the pods, where it is seen",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(lambda run: ndots(run.views)),
)


@dataclass(frozen=True, slots=True)
class Options:
    """Measurements of resolver.options.

    Attributes:
        options: "NODE/VARIANT" -> the options of the pod's resolv.conf, as it writes them.
    """

    options: Mapping[str, Sequence[str]]


def options(views: Sequence[NodeView], zone: str) -> Verdict:
    """Judge the options of pods that ask for some, and of those that ask for none; ndots is another check's.

    Pods of policy Default have their node's, which are left out.
    """
    faults: list[str] = []
    seen_options: dict[str, Sequence[str]] = {}
    for view in views:
        for variant in sorted(set(view.seen) - {DEFAULT}):
            seen = _written(view.seen[variant])
            submitted = _written(view.required(variant, zone, ()))
            pod = f"{view.node}/{variant}"
            seen_options[pod] = seen
            added, missing = set(seen) - set(submitted), set(submitted) - set(seen)
            if added:
                faults.append(f"pod {pod} has the options {_words(sorted(added))}, which it did not ask for")
            if missing:
                faults.append(f"pod {pod} lacks the options {_words(sorted(missing))}, which it asked for")
    return judged(faults, Options(seen_options))


OPTIONS = Check(
    id="resolver.options",
    profile=Profile.CORE,
    requirement="A pod's resolver options are ndots and those of its own submitted dnsConfig, nothing else.",
    source=_KUBELET,
    remedy="look for a webhook that sets dnsConfig.options, and take it away or see that it is meant",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=only(lambda run: options(run.views, run.topology.zone.value)),
)


@dataclass(frozen=True, slots=True)
class ResolvConfs:
    """Measurements of resolver.dns-policy.

    Attributes:
        resolv_conf: "NODE/VARIANT" -> what the pod was given, on one line.
    """

    resolv_conf: Mapping[str, str]


def dns_policy(
    views: Sequence[NodeView], zone: str, allowed: Mapping[str, str], *, host_network: bool
) -> Verdict:
    """Judge the whole resolv.conf of every variant that the others are not derived from.

    Args:
        views: One per node.
        zone: The cluster domain.
        allowed: Address -> what it belongs to.
        host_network: Whether the variants that share the node's network are judged, or the others.
    """
    faults: list[str] = []
    resolv_conf: dict[str, str] = {}
    for view in views:
        given = view.seen[CLUSTER_FIRST].nameservers
        # What the kubelet's clusterDNS must be; where pods ask somebody else, that is wrong for every policy.
        nameservers = given if set(given) <= set(allowed) else tuple(allowed)[:1]
        for variant, spec in VARIANTS.items():
            if variant in (CLUSTER_FIRST, DEFAULT):
                continue  # judged by search-list and nameserver; what the others are derived from
            if spec.host_network is not host_network:
                continue
            required, seen = view.required(variant, zone, nameservers), view.seen[variant]
            pod = f"{view.node}/{variant}"
            resolv_conf[pod] = _text(seen)
            if seen != required:
                faults.append(f"resolv.conf of {pod} is [{_text(seen)}], not [{_text(required)}]")
    return judged(faults, ResolvConfs(resolv_conf))


def _dns_policy(run: Run, *, host_network: bool) -> Verdict:
    zone, allowed = run.topology.zone.value, run.topology.addresses()
    return dns_policy(run.views, zone, allowed, host_network=host_network)


DNS_POLICY = Check(
    id="resolver.dns-policy",
    profile=Profile.CORE,
    requirement="Every dnsPolicy, and dnsConfig merged into it, gives exactly the documented resolv.conf.",
    source=_KUBELET,
    remedy="look for a webhook that changes dnsConfig; compare the kubelet's clusterDNS and resolvConf",
    grants=_GRANTS,
    measures=(Run.views,),
    cases=(
        Case("", partial(_dns_policy, host_network=False)),
        Case("host-network", partial(_dns_policy, host_network=True), needs=(HOST_NETWORK,)),
    ),
)

CHECKS = (NAMESERVER, SEARCH_LIST, SEARCH_LENGTH, NDOTS, OPTIONS, DNS_POLICY)


def _text(conf: ResolvConf) -> str:
    written = " ".join(_option(name, value) for name, value in conf.options)
    return f"nameserver {_words(conf.nameservers, ' ')}; search {_words(conf.search, ' ')}; options {written}"


def _written(conf: ResolvConf) -> list[str]:
    """Return the options of a resolv.conf as it writes them, without ndots."""
    return [_option(name, value) for name, value in conf.options if name != "ndots"]


def _option(name: str, value: str | None) -> str:
    return name if value is None else f"{name}:{value}"


def _words(words: Iterable[str], between: str = ", ") -> str:
    return between.join(words) or "nobody"
