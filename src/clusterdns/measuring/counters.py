"""DNS pods' own counters, held against queries that are sent to them."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, count

from clusterdns.cluster.api import Cluster
from clusterdns.cluster.waiting import NotYet, wait_until
from clusterdns.errors import DeadlineExceeded
from clusterdns.measuring.metrics import read_port
from clusterdns.model.scraping import REQUESTS, Counted, DNSPod
from clusterdns.parallel import in_parallel
from clusterdns.probing.losses import by_those_left
from clusterdns.probing.pods import ProbePod, Prober
from clusterdns.probing.sending import Outgoing, send
from clusterdns.probing.wire import question

QUERIES = 20
"""Of each type to a pod that is asked it: more than others send of that type meanwhile."""

TYPES = ("NSEC3", "NSEC", "RRSIG", "DNSKEY")
"""Types that CoreDNS' counter has a label for (plugin/metrics/vars) and that nobody asks of a cluster's DNS:
no application, and none of the suite's other measurements, which may go on at the same time."""

_GIVE_UP_AFTER = 3
_COUNTED_SECONDS = 2.0  # CoreDNS counts a query when it has answered it (plugin/metrics)

Values = list[dict[str, float] | None]
"""Of each pod, query type -> how many queries it has counted; None where that cannot be read."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Sends queries to DNS pods and reads their counters.

    Attributes:
        cluster: Theirs.
        prober: Sends the queries.
        senders: Node -> the pod on it that sends them; at least one.
        zone: The cluster domain.
        timeout: Seconds for an answer.
        port_of: Address -> the port that answers DNS there.
    """

    cluster: Cluster
    prober: Prober
    senders: Mapping[str, ProbePod]
    zone: str
    timeout: float
    port_of: Callable[[str], int]

    def count(self, pods: Sequence[DNSPod]) -> list[Counted]:
        """Send queries to every pod that counts them, and return what their counters say.

        Each pod is asked half of the query types, and no two pods the same, so that a port that answers with
        another pod's counters is found out: of some type the other pod was asked nothing. Where there are too
        many pods for so few types, the types are asked again in further rounds.

        Args:
            pods: The DNS pods. Left out are those whose counters do not count every query, and node caches of
                nodes that nothing is sent from.

        Raises:
            PermissionMissing: pods/proxy may not be read.
            ProbeError: an agent failed.
        """
        return by_those_left(lambda: self._count(pods))

    def _count(self, pods: Sequence[DNSPod]) -> list[Counted]:
        asked = [pod for pod in pods if pod.asks and self._sender(pod)]
        codes = distinct_codes(len(asked))
        answered: list[list[int]] = [[] for _ in asked]
        rises: list[list[float | None]] = [[] for _ in asked]
        before = self._read(asked)
        for first in range(0, max((max(code) + 1 for code in codes), default=0), len(TYPES)):
            types = [[name for slot, name in enumerate(TYPES, first) if slot in code] for code in codes]
            sent = in_parallel(lambda task: self._ask(*task), zip(asked, types, strict=True))
            after = self._settled(asked, before, sent)
            for index, of_type in enumerate(sent):
                old, new = before[index], after[index]
                answered[index] += of_type.values()
                rises[index] += [
                    None if old is None or new is None else new[name] - old[name] for name in of_type
                ]
            before = after
        return [
            Counted(pod, tuple(mine), tuple(rose))
            for pod, mine, rose in zip(asked, answered, rises, strict=True)
        ]

    def _sender(self, pod: DNSPod) -> ProbePod | None:
        """Return who asks a pod: its neighbour, whom the network between nodes does not concern.

        At its own address anybody can ask it, a node cache its node alone.
        """
        senders = {node: sender for node, sender in self.senders.items() if node not in self.prober.lost}
        anybody = senders[min(senders)] if senders and pod.asks == pod.address else None
        return senders.get(pod.node, anybody)

    def _ask(self, pod: DNSPod, types: Sequence[str]) -> dict[str, int]:
        """Send a pod its queries; return how many of each type it answered."""
        sender = self._sender(pod)
        answered = dict.fromkeys(types, 0)
        if sender is None or not types:
            return answered
        name = f"kubernetes.default.svc.{self.zone}"
        messages = [  # in turn: many at once would open as many connections from a node cache to dnsmasq
            Outgoing(question(name, rtype), pod.asks, "udp", self.port_of(pod.asks), turn=rtype)
            for rtype in types
            for _ in range(QUERIES)
        ]
        for reply in send(self.prober, sender, messages, timeout=self.timeout, give_up=_GIVE_UP_AFTER):
            answered[types[reply.index // QUERIES]] += reply.failure is None
        return answered

    def _read(self, pods: Sequence[DNSPod]) -> Values:
        readings = in_parallel(lambda pod: read_port(self.cluster, pod, pod.metrics[0]), pods)
        return [
            {name: reading.page.total(REQUESTS, type=name, proto="udp") for name in TYPES}
            if reading.page
            else None
            for reading in readings
        ]

    def _settled(self, pods: Sequence[DNSPod], before: Values, sent: Sequence[Mapping[str, int]]) -> Values:
        """Return the counters when they show what was answered, or when they have had time to."""
        latest: Values = []

        def look() -> None:
            latest[:] = self._read(pods)
            for old, new, answered in zip(before, latest, sent, strict=True):
                if any(
                    (new or {}).get(name, 0) < (old or {}).get(name, 0) + of for name, of in answered.items()
                ):
                    raise NotYet("not all is counted")

        with contextlib.suppress(DeadlineExceeded):  # then the verdict says what is not counted
            wait_until(look, what="counters of DNS pods", timeout=_COUNTED_SECONDS)
        return latest


def distinct_codes(pods: int) -> list[tuple[int, ...]]:
    """Return a set of numbers from 0 on for each of so many pods: all of one size, and no two the same."""
    for total in count(1):
        codes = list(combinations(range(total), max(total // 2, 1)))
        if len(codes) >= pods:
            return codes[:pods]
    raise AssertionError
