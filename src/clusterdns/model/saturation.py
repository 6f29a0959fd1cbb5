"""What was seen of the DNS pods and the node caches while something happened to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a server.

    Attributes:
        time_ns: Wall clock.
        workers: Its child processes, one per TCP connection; None where they cannot be seen.
        queue: Connections that wait on the listening socket.
        established: Connections by peer, waiting ones too.
        overflows, drops: The namespace's ListenOverflows and ListenDrops so far.
        insert_failed, conntrack_drops: conntrack's counters so far.
    """

    time_ns: int
    workers: int | None
    queue: int
    established: Mapping[str, int]
    overflows: int
    drops: int
    insert_failed: int
    conntrack_drops: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Samples of one pod or node, in order; at least one.

    Attributes:
        samples: In order.
        cpu_seconds: What it cost to take them, in the pod that was watched.
    """

    samples: Sequence[Sample]
    cpu_seconds: float = 0.0

    @property
    def cost(self) -> float:
        """The share of one processor that watching took."""
        seconds = (self.samples[-1].time_ns - self.samples[0].time_ns) / 1e9
        return self.cpu_seconds / seconds if seconds else 0.0

    @property
    def peak_workers(self) -> int:
        """The most workers at once."""
        return max(sample.workers or 0 for sample in self.samples)

    @property
    def peak_queue(self) -> int:
        """The most connections that waited at once."""
        return max(sample.queue for sample in self.samples)

    @property
    def longest_wait_ms(self) -> float:
        """The longest run of samples with connections waiting, first to last; 0 for a single sample."""
        runs = [list(group) for waits, group in groupby(self.samples, lambda one: one.queue > 0) if waits]
        return max(((run[-1].time_ns - run[0].time_ns) / 1e6 for run in runs), default=0.0)

    def gaps_ms(self) -> list[float]:
        """Return the time between each two samples: what lies in between was not seen."""
        return [(after.time_ns - before.time_ns) / 1e6 for before, after in pairwise(self.samples)]

    def longest_unbroken_ms(self, gap_ms: float) -> float:
        """Return the longest stretch without a gap of `gap_ms` or more between two samples."""
        runs = [list(group) for whole, group in groupby(self.gaps_ms(), lambda gap: gap < gap_ms) if whole]
        return max((sum(run) for run in runs), default=0.0)

    def rise(self, counter: Callable[[Sample], int]) -> int:
        """Return how much a counter rose; a restart in between begins at nought."""
        values = [counter(sample) for sample in self.samples]
        return sum(after - before if after >= before else after for before, after in pairwise(values))


@dataclass(frozen=True, slots=True)
class NodeCache:
    """What one node-cache pod did meanwhile.

    Attributes:
        node: Where it runs.
        seconds: Between the two readings of its counters.
        rises: Counter family -> how much it rose, all its series together; families it lacks are absent.
        cluster_timeouts: Its log's time-outs by TCP to the cluster's DNS.
        other_timeouts: Its log's other time-outs.
    """

    node: str
    seconds: float
    rises: Mapping[str, float]
    cluster_timeouts: Sequence[str]
    other_timeouts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that happened, and what was seen meanwhile.

    Attributes:
        what: What was done, in words.
        servers: DNS pod ("namespace/name") -> its timeline.
        nodes: Node -> its network namespace's timeline.
        caches: Node-cache pods.
        load: What the load saw, as measurements; empty at rest.
        steady: Whether it is the same all along, so that a part of it stands for the whole.
        processes: DNS pod -> cAdvisor's count of dnsmasq's container, whenever it was read.
        uncounted: Why there are no such counts; "" where there are.
    """

    what: str
    servers: Mapping[str, Timeline]
    nodes: Mapping[str, Timeline]
    caches: Sequence[NodeCache] = ()
    load: Mapping[str, object] = field(default_factory=dict)
    steady: bool = False
    processes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    uncounted: str = ""
