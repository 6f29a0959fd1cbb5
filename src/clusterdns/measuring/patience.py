"""How long an answer by UDP is waited for, once its path has lost some and given all others at once."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

Channel = tuple[str, str, str]
"""Node, address and transport of a path."""

_LEAST_SECONDS = 1.0
_LEAST_SECONDS_OUTSIDE = 3.0  # CoreDNS' forward asks the next upstream after 2
_OF_SLOWEST = 10


class Aim(NamedTuple):
    """What is asked how.

    Attributes:
        channel: Of the path.
        outside: Whether a server outside the cluster has a part in it.
    """

    channel: Channel
    outside: bool


@dataclass
class Patience:
    """What has been seen of paths.

    A lost datagram does not come later. So where a path has left a query unanswered for as long as one is
    waited for, and has given every answer in a fraction of that, the next ones need no such wait.

    Attributes:
        longest: Seconds that an answer is waited for where nothing else is known.
    """

    longest: float
    _slowest: defaultdict[Aim, float] = field(default_factory=lambda: defaultdict(float), init=False)
    _losing: set[Aim] = field(default_factory=set, init=False)

    def learn(self, aim: Aim, seconds: float | None) -> None:
        """Take in how long an answer took; None where none came."""
        if seconds is None:
            self._losing.add(aim)
        else:
            self._slowest[aim] = max(self._slowest[aim], seconds)

    def seconds(self, aim: Aim) -> float:
        """Return how long an answer is waited for."""
        if aim not in self._losing or aim not in self._slowest:
            return self.longest
        least = _LEAST_SECONDS_OUTSIDE if aim.outside else _LEAST_SECONDS
        return min(max(least, _OF_SLOWEST * self._slowest[aim]), self.longest)
