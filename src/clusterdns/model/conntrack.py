"""The kernel's table of connections of a node, without room in which no new connection comes about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConntrackTable:
    """What a node's table is like.

    Attributes:
        node: Whose.
        entries: How many connections it holds; None where the kernel tracks none.
        limit: How many it may hold; None likewise.
        drops: Packets so far that would have begun a connection and found no room; None where the kernel
            does not tell.
        early_drops: Connections so far that were forgotten to make room; None likewise.
        insert_failures: Packets so far that were lost since another had begun the same connection at the
            same time; None likewise.
    """

    node: str
    entries: int | None
    limit: int | None
    drops: int | None
    early_drops: int | None
    insert_failures: int | None


@dataclass(frozen=True, slots=True)
class ConntrackUse:
    """What became of a node's table during a run.

    Attributes:
        node: Whose.
        entries: How many connections it held, at most, of both times that it was looked at.
        limit: How many it may hold.
        drops: How many packets that would have begun a connection found no room meanwhile.
        early_drops: How many connections were forgotten meanwhile to make room.
        insert_failures: How many packets were lost meanwhile since another had begun the same connection.
    """

    node: str
    entries: int
    limit: int
    drops: int
    early_drops: int
    insert_failures: int

    @property
    def full(self) -> bool:
        """Whether it had no room."""
        return self.entries >= self.limit or self.drops + self.early_drops > 0

    def __str__(self) -> str:
        lost = f": {self.drops:,} packets that would have begun another were dropped" if self.drops else ""
        forgotten = f"; {self.early_drops:,} were forgotten to make room" if self.early_drops else ""
        return f"{self.node} tracks {self.entries:,} of {self.limit:,} connections{lost}{forgotten}"


def use(before: ConntrackTable, after: ConntrackTable) -> ConntrackUse | None:
    """Return what became of a table between two looks; None where the kernel tracks no connections."""
    if before.entries is None or after.entries is None or not after.limit:
        return None
    return ConntrackUse(
        after.node,
        max(before.entries, after.entries),
        after.limit,
        _rise(before.drops, after.drops),
        _rise(before.early_drops, after.early_drops),
        _rise(before.insert_failures, after.insert_failures),
    )


def _rise(before: int | None, after: int | None) -> int:
    """Return how much a counter rose; what begins anew begins at nought."""
    if before is None or after is None:
        return 0
    return after - before if after >= before else after
