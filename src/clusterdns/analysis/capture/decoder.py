"""From captured packets to queries with their responses and to TCP connections, in constant memory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from clusterdns.analysis.capture import messages as dns
from clusterdns.analysis.capture import packets as ip
from clusterdns.analysis.capture.addresses import Addresses
from clusterdns.analysis.capture.connections import Connections
from clusterdns.analysis.capture.messages import Payloads
from clusterdns.analysis.capture.packets import Packets
from clusterdns.analysis.capture.records import PcapError, Records
from clusterdns.analysis.capture.sightings import Sightings
from clusterdns.analysis.capture.streams import Streams
from clusterdns.analysis.capture.tracking import Tracker
from clusterdns.analysis.capture.transactions import Queries, Transactions
from clusterdns.analysis.compression import CompressionError

PORTS = (53, 10053)
"""DNS, and kube-dns' own server behind dnsmasq."""
_GAPS = ("gaps in what clients sent by TCP", "gaps in what servers sent by TCP")
_SEEN_AGAIN = "packets seen again on another interface"


class Decoded(NamedTuple):
    """What is over.

    Attributes:
        queries: All tries of transactions.
        connections: TCP connections.
    """

    queries: Queries
    connections: Connections


class Decoder:
    """Decodes one capture, for one iteration.

    Attributes:
        addresses: The texts of addresses.
        packets: How many have been read.
        first_ns, last_ns: The earliest and the latest; None without any.
        backwards: How many are earlier than the one before them.
        farthest_back_ns: By how much at most.
        drops: How many packets the capture says it lost.
    """

    def __init__(self, records: Iterable[Records], ports: Sequence[int] = PORTS) -> None:
        """Read nothing yet.

        Args:
            records: As `formats.pcap.read` yields them.
            ports: The servers'.
        """
        self.addresses = Addresses()
        self.packets = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.backwards = 0
        self.farthest_back_ns = 0
        self.drops = 0
        self._latest_ns: int | None = None
        self._records = records
        self._ports = ports
        self._sightings = Sightings()
        self._streams = Streams()
        self._tracker = Tracker(ports)
        self._transactions = Transactions()
        self._counts: Counter[str] = Counter()

    @property
    def gaps(self) -> tuple[int, int]:
        """How often a part of a TCP stream is missing: of what clients sent, and of what servers sent."""
        clients, servers = self._streams.gaps
        return clients, servers

    @property
    def counts(self) -> dict[str, int]:
        """What was left out, and how much of it."""
        gaps = Counter(dict(zip(_GAPS, self.gaps, strict=True)))
        counted = self._counts + self._transactions.counts + gaps
        return {str(kind): count for kind, count in counted.items()}

    def __iter__(self) -> Iterator[Decoded]:
        """Yield what is over, a piece of the capture at a time; at the end what was never over.

        Raises:
            PcapError: The capture is damaged; what lies before the damage was yielded.
        """
        damage: Exception | None = None
        try:
            for records in self._records:
                self._follow_clock(records)
                yield self._take(records)
        except (PcapError, CompressionError) as error:
            damage = error
        self._streams.finish()
        waiting = self._transactions.finish(self._streams.gap_ns)
        if waiting is not None:
            yield Decoded(waiting, self._tracker.finish())
        if damage:
            raise damage

    def _take(self, records: Records) -> Decoded:
        packets = ip.decode(records, self._ports, self.addresses, self._counts)
        if packets.several.any():
            first = self._sightings.first(records.data, packets)
            self._counts[_SEEN_AGAIN] += int(np.count_nonzero(~first))
            packets = packets.only(first)
        segments = packets.only(packets.tcp)
        connection, stream = self._tracker.take(segments)
        data, by_tcp = self._streams.take(records.data, segments, connection, stream)
        payloads = Payloads.joined([_datagrams(packets.only(~packets.tcp)), by_tcp])
        messages = dns.parse(data, payloads, self._counts)
        self._tracker.asked(messages)
        queries = self._transactions.take(data, messages)
        self._tracker.answered(queries)
        over = self._tracker.over(self._latest_ns or 0)
        self._streams.forget(over.number)
        return Decoded(queries, over)

    def _follow_clock(self, records: Records) -> None:
        times = records.time_ns
        earliest, latest = int(times.min()), int(times.max())
        self.first_ns = earliest if self.first_ns is None else min(self.first_ns, earliest)
        self.last_ns = latest if self.last_ns is None else max(self.last_ns, latest)
        before = times[0] if self._latest_ns is None else self._latest_ns
        steps = np.diff(times, prepend=before)
        self.backwards += int(np.count_nonzero(steps < 0))
        self.farthest_back_ns = max(self.farthest_back_ns, -int(steps.min()))
        self._latest_ns = int(times[-1])
        self.packets += len(records)
        self.drops = records.drops


def _datagrams(packets: Packets) -> Payloads:
    return Payloads(
        frame=packets.frame,
        first_ns=packets.time_ns,
        time_ns=packets.time_ns,
        source=packets.source,
        source_port=packets.source_port,
        destination=packets.destination,
        destination_port=packets.destination_port,
        tcp=packets.tcp,
        connection=np.full(len(packets), -1),
        at=packets.at,
        captured=packets.captured,
        length=packets.length,
    )
