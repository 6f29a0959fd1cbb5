"""Every lookup of the query-count model, made once on every node while its packets are captured."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from clusterdns.analysis.capture import Query, first_tries, read, read_queries, retries
from clusterdns.errors import NodeLost
from clusterdns.measuring.probes import SERVICE, Probes
from clusterdns.model.lookups import CASES, FAMILIES, NDOTS_1, Lookup, SeenLookup, Truth, lookup
from clusterdns.model.pods import CLUSTER_FIRST, NDOTS_ONE, NodeView
from clusterdns.model.resolver import Libc, Question
from clusterdns.probing.capturing import capturing
from clusterdns.probing.losses import on_nodes_left
from clusterdns.probing.pods import Prober
from clusterdns.probing.resolving import GIVEN_UP, Resolved, resolve

_TIMEOUT = 7.0  # seconds for a lookup: what is lost is sent again after 5 s (resolv.conf(5))
_GIVE_UP_AFTER = 2  # lookups of a family without an answer
_CAPTURE_SECONDS = 300.0  # an upper bound, so that a killed run's capture ends by itself


@dataclass(frozen=True, slots=True)
class CapturedLookups:
    """What lookups put on the wire.

    Attributes:
        lookups: (case, family, libc) -> the lookup.
        seen_by_lookup: Lookup -> node -> what was seen.
        truth: Which names exist.
    """

    lookups: Mapping[tuple[str, str, Libc], Lookup]
    seen_by_lookup: Mapping[Lookup, Mapping[str, SeenLookup]]
    truth: Truth

    def of(self, case: str, family: str, libc: Libc) -> tuple[Lookup, Mapping[str, SeenLookup]]:
        """Return one lookup and what was seen of it, node by node.

        Raises:
            NodeLost: every node was lost before it was made.
        """
        wanted = self.lookups[case, family, libc]
        if wanted not in self.seen_by_lookup:
            raise NodeLost("no node is left that made the lookup")
        return wanted, self.seen_by_lookup[wanted]


def capture_lookups(  # noqa: PLR0913 - all that lookups are made of
    prober: Prober,
    probes: Probes,
    views: Sequence[NodeView],
    *,
    zone: str,
    external_name: str,
    libcs: Sequence[Libc],
) -> CapturedLookups:
    """Make every lookup on every node, and read its queries off the wire.

    Args:
        prober: Runs the lookups and the captures.
        probes: The pods, those that capture among them.
        views: What the pods were given.
        zone: The cluster domain.
        external_name: A name outside the cluster that resolves.
        libcs: The C libraries whose resolvers the probe image has.

    Raises:
        CaptureIncomplete: a capture lost packets.
        ProbeError: an agent failed.
    """
    namespace = next(iter(probes.of(CLUSTER_FIRST).values())).namespace
    own_service = f"{SERVICE}.{namespace}"
    truth = Truth(zone, {own_service: ("IPv4",)}, external_name.lower(), own_service)
    lookups = {
        (case, family, libc): lookup(case, family, libc, truth)
        for case, family, libc in product(CASES, FAMILIES, libcs)
    }
    by_variant = {
        NDOTS_ONE: [wanted for wanted in lookups.values() if wanted.case == NDOTS_1],
        CLUSTER_FIRST: [wanted for wanted in lookups.values() if wanted.case != NDOTS_1],
    }

    def look_up(task: tuple[NodeView, str]) -> dict[Lookup, SeenLookup]:
        view, variant = task
        search = view.required(CLUSTER_FIRST, zone, ()).search
        pod, wanted = probes.pods[view.node, variant], by_variant[variant]
        with capturing(prober, pod, _CAPTURE_SECONDS) as captured:
            results = resolve(prober, pod, wanted, timeout=_TIMEOUT, give_up=_GIVE_UP_AFTER)
        queries = read_queries(read(io.BytesIO(captured.pcap)))
        return {
            lookup: _seen(queries, result, search) for lookup, result in zip(wanted, results, strict=True)
        }

    tasks = [(view, variant) for view in views for variant in by_variant]
    seen_by_lookup: dict[Lookup, dict[str, SeenLookup]] = {}
    for (view, _), results in on_nodes_left(look_up, tasks):
        for made, seen in results.items():
            seen_by_lookup.setdefault(made, {})[view.node] = seen
    return CapturedLookups(lookups, seen_by_lookup, truth)


def _seen(queries: Sequence[Query], result: Resolved, search: tuple[str, ...]) -> SeenLookup:
    """Return what one lookup sent. Lookups run one after the other, so time tells whose a query is."""
    own = [query for query in queries if result.start_ns <= query.time_ns <= result.end_ns]
    return SeenLookup(
        queries=tuple(Question(query.name, query.rtype) for query in first_tries(own)),
        retries=len(retries(own)),
        failure=result.failure,
        search=search,
        made=result.failure != GIVEN_UP,
        addresses=result.addresses,
    )
