"""What was seen of the DNS pods and the node caches while something happened to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from clusterdns.model.load_figures import LoadFigures

LONGEST_GAP_MS = 300.0
"""Between two samples: saturation lasts longer, as a connection that waits for a child takes seconds."""
STEADY_MS = 1000.0
"""Of a steady scenario, watched without a gap: what is always there is there for so long."""


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
class Wait:
    """Connections that waited on a listening socket, without a break as far as was seen.

    Attributes:
        ms: From the first sample to the last.
        queue: The most of them at once.
        workers: The most workers that the server had meanwhile.
    """

    ms: float
    queue: int
    workers: int

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Wait":
        """Return the wait that samples, at least one, were taken in."""
        return cls(
            _span_ms(samples),
            max(sample.queue for sample in samples),
            max(sample.workers or 0 for sample in samples),
        )


def _span_ms(samples: Sequence[Sample]) -> float:
    return (samples[-1].time_ns - samples[0].time_ns) / 1e6


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
    def ms(self) -> float:
        """The time from the first sample to the last."""
        return _span_ms(self.samples)

    @property
    def cost(self) -> float:
        """The share of one processor that watching took."""
        seconds = self.ms / 1000
        return self.cpu_seconds / seconds if seconds else 0.0

    @property
    def peak_workers(self) -> int:
        """The most workers at once."""
        return max(sample.workers or 0 for sample in self.samples)

    @property
    def peak_queue(self) -> int:
        """The most connections that waited at once."""
        return max(sample.queue for sample in self.samples)

    def longest_wait(self, gap_ms: float) -> "Wait":
        """Return the longest run of samples with connections waiting, and no gap of `gap_ms` or more in it.

        Of a single sample it lasts 0 ms; what lies in a gap was not seen.
        """
        waits = [
            Wait.of(list(samples))
            for run in self._unbroken(gap_ms)
            for waiting, samples in groupby(run, lambda sample: sample.queue > 0)
            if waiting
        ]
        return max(waits, key=lambda wait: wait.ms, default=Wait(0.0, 0, 0))

    def gaps_ms(self) -> list[float]:
        """Return the time between each two samples: what lies in between was not seen."""
        return [(after.time_ns - before.time_ns) / 1e6 for before, after in pairwise(self.samples)]

    def longest_unbroken_ms(self, gap_ms: float) -> float:
        """Return the longest stretch without a gap of `gap_ms` or more between two samples."""
        return max(_span_ms(run) for run in self._unbroken(gap_ms))

    def _unbroken(self, gap_ms: float) -> list[list[Sample]]:
        runs = [[self.samples[0]]]
        for sample, ms in zip(self.samples[1:], self.gaps_ms(), strict=True):
            if ms >= gap_ms:
                runs.append([])
            runs[-1].append(sample)
        return runs

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
        cluster_timeouts: Its log's time-outs by TCP to the cluster's DNS; none where it may not be read.
        other_timeouts: Its log's other time-outs.
    """

    node: str
    seconds: float
    rises: Mapping[str, float]
    cluster_timeouts: Sequence[str]
    other_timeouts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lookups:
    """Lookups that were made one after the other.

    Attributes:
        made: How many.
        failed: How many of them gave no address.
    """

    made: int
    failed: int

    def __add__(self, other: "Lookups") -> "Lookups":
        """Return both together."""
        return Lookups(self.made + other.made, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that was done, and what was seen meanwhile.

    Attributes:
        what: What was done, in words.
        servers: DNS pod ("namespace/name") -> its timeline.
        nodes: Node -> its network namespace's timeline.
        caches: Node-cache pods.
        load: What the clients saw.
        steady: Whether it is the same all along, so that a part of it stands for the whole.
        processes: DNS pod -> cAdvisor's count of dnsmasq's container, whenever it was read.
        uncounted: Why there are no such counts; "" where there are.
    """

    what: str
    servers: Mapping[str, Timeline]
    nodes: Mapping[str, Timeline]
    caches: Sequence[NodeCache]
    load: LoadFigures | Lookups
    steady: bool = False
    processes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    uncounted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfScenario:
    """What the measurements of every check of a scenario begin with.

    Attributes:
        scenario: What was done, in words.
        load: What the clients saw.
    """

    scenario: str
    load: LoadFigures | Lookups


@dataclass(frozen=True, slots=True)
class ServerTimeline:
    """A watch of dnsmasq, in columns of one length.

    Attributes:
        seconds: Of each sample, since the first one.
        workers: Children of dnsmasq.
        queue: Connections that wait for one.
    """

    seconds: Sequence[float]
    workers: Sequence[int]
    queue: Sequence[int]

    @classmethod
    def of(cls, timeline: Timeline) -> "ServerTimeline":
        """Return the columns of a watch; workers that could not be seen count as none."""
        first_ns = timeline.samples[0].time_ns
        return cls(
            [round((sample.time_ns - first_ns) / 1e9, 3) for sample in timeline.samples],
            [sample.workers or 0 for sample in timeline.samples],
            [sample.queue for sample in timeline.samples],
        )


@dataclass(frozen=True, slots=True)
class CountedProcesses:
    """What cAdvisor counted in a container of dnsmasq, beside what the watch saw.

    Attributes:
        most: The highest count; None where it was not read.
        reads: How often it was read.
        peaks_s: Seconds that each peak at the limit lasted, as the watch saw it.
        missed_by_scrape: How many of these peaks a scrape at `sampling.SCRAPE_SECONDS` misses on average.
    """

    most: int | None
    reads: int
    peaks_s: Sequence[float]
    missed_by_scrape: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpWorkers(OfScenario):
    """Measurements of saturation.tcp-workers, by DNS pod.

    Attributes:
        limits: How many TCP connections its dnsmasq serves.
        peaks: The most children at once.
        watch_cpu_share: The share of one processor that watching it took.
        timelines: What was seen of it.
        processes: What cAdvisor counted.
        processes_not_read: Why cAdvisor's counts were not read; "" where they were.
    """

    limits: Mapping[str, int]
    peaks: Mapping[str, int]
    watch_cpu_share: Mapping[str, float]
    timelines: Mapping[str, ServerTimeline]
    processes: Mapping[str, CountedProcesses]
    processes_not_read: str
