"""How long an answer is waited for, once its path has lost some and given all others at once."""

from collections import defaultdict
from dataclasses import dataclass, field

Channel = tuple[str, str, str]
"""Node, address and transport of a path."""

_LEAST_SECONDS = {"udp": 1.0, "tcp": 2.5}  # what is lost by TCP is sent again after a second (RFC 6298, 2.1)
_OF_SLOWEST = 10


@dataclass
class Patience:
    """What has been seen of queries that no server outside the cluster has a part in.

    What is lost again and again does not come later. So where a path has left a query unanswered for as long
    as one is waited for, and has given every answer in a fraction of that, the next ones need no such wait.

    Attributes:
        longest: Seconds that an answer is waited for where nothing else is known.
    """

    longest: float
    _slowest: defaultdict[Channel, float] = field(default_factory=lambda: defaultdict(float), init=False)
    _losing: set[Channel] = field(default_factory=set, init=False)

    def learn(self, channel: Channel, seconds: float | None) -> None:
        """Take in how long an answer took; None where none came."""
        if seconds is None:
            self._losing.add(channel)
        else:
            self._slowest[channel] = max(self._slowest[channel], seconds)

    def seconds(self, channel: Channel) -> float:
        """Return how long an answer is waited for."""
        if channel not in self._losing or channel not in self._slowest:
            return self.longest
        least = _LEAST_SECONDS[channel[2]]
        return min(max(least, _OF_SLOWEST * self._slowest[channel]), self.longest)
