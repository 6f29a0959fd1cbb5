"""How long an answer is waited for, once its path has lost some and given all others at once."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from clusterdns.model.exchange import Path

Channel = tuple[str, str, str]
"""Node, address and transport of a path."""

_LEAST_SECONDS = {"udp": 1.0, "tcp": 2.5}
"""How long an answer is waited for at least: TCP sends what is lost again after a second (RFC 6298, 2.1)."""

_OF_SLOWEST = _OF_MEAN = 10
_LATE_SECONDS = 0.05, 0.3  # at least and at most


def channel_of(path: Path) -> Channel:
    """Return the channel of a path: its queries differ in size only."""
    return path.node, path.address, path.transport


@dataclass
class Patience:
    """What has been seen of queries whose answers take about as long as each other's, path by path.

    What is lost again and again does not come later. So where a path has left a query unanswered for as long
    as one is waited for, and has given every answer in a fraction of that, the next ones need no such wait.

    Attributes:
        longest: Seconds that an answer is waited for where nothing else is known.
    """

    longest: float
    _slowest: defaultdict[Channel, float] = field(default_factory=lambda: defaultdict(float), init=False)
    _sums: defaultdict[Channel, float] = field(default_factory=lambda: defaultdict(float), init=False)
    _answers: Counter[Channel] = field(default_factory=Counter, init=False)
    _losing: set[Channel] = field(default_factory=set, init=False)

    def learn(self, channel: Channel, seconds: float | None) -> None:
        """Take in how long an answer took; None where none came."""
        if seconds is None:
            self._losing.add(channel)
        else:
            self._slowest[channel] = max(self._slowest[channel], seconds)
            self._sums[channel] += seconds
            self._answers[channel] += 1

    def seconds(self, channel: Channel) -> float:
        """Return how long an answer is waited for."""
        if not self._loses_some(channel):
            return self.longest
        return min(max(_LEAST_SECONDS[channel[2]], _OF_SLOWEST * self._slowest[channel]), self.longest)

    def glance_seconds(self, channel: Channel) -> float:
        """Return how long a first answer is waited for: those that are later are asked for again."""
        return min(_LEAST_SECONDS[channel[2]], self.longest)

    def late_seconds(self, channel: Channel) -> float | None:
        """Return the seconds after which a query keeps no other from being sent; None for what all have."""
        if not self._loses_some(channel):
            return None
        least, most = _LATE_SECONDS
        return min(max(least, _OF_MEAN * self._sums[channel] / self._answers[channel]), most)

    def _loses_some(self, channel: Channel) -> bool:
        return channel in self._losing and channel in self._slowest
