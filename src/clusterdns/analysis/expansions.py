"""Search-list expansions: which names that were asked belong to one lookup, told from the names alone."""

from collections.abc import Mapping
from typing import NamedTuple


class Base(NamedTuple):
    """A name that an application looks up, and what its lookups cost.

    Attributes:
        name: Without the zone, or as it was tried last.
        queries: For all its expansions.
        expansions: How many names were asked for it.
        lookups: How many lookups there were at least: each asks for every expansion once at most.
    """

    name: str
    queries: int
    expansions: int
    lookups: int


def by_base(names: Mapping[str, int], zone: str) -> list[Base]:
    """Groups names by the one that they expand.

    A name's base is its shortest beginning that was also asked alone, or with just the zone or the zone's
    Services behind it: the search list holds both, and after its last entry comes the name itself.

    Args:
        names: Name -> how often it was asked.
        zone: The cluster domain.

    Returns:
        The bases, those with the most queries first.
    """
    asked = {name.lower(): 0 for name in names}
    groups: dict[str, list[int]] = {}
    for name, count in names.items():
        asked[name.lower()] += count
    for name, count in asked.items():
        groups.setdefault(_base(name, asked, zone), []).append(count)
    bases = [Base(name, sum(counts), len(counts), max(counts)) for name, counts in groups.items()]
    return sorted(bases, key=lambda base: (-base.queries, base.name))


def _base(name: str, asked: Mapping[str, int], zone: str) -> str:
    at = -1
    while (at := name.find(".", at + 1)) > 0:
        if any(f"{name[:at]}{suffix}" in asked for suffix in ("", f".{zone}", f".svc.{zone}")):
            return name[:at]
    return name
