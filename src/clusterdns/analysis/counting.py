"""Counts of very many things, in bounded memory."""

from collections import Counter
from typing import TypeVar

Thing = TypeVar("Thing")


def add(table: Counter[Thing], counts: dict[Thing, int]) -> None:
    """Adds counts to a table; `update` does it one by one."""
    for thing in table.keys() & counts.keys():
        counts[thing] += table[thing]
    dict.update(table, counts)


def keep_most(table: Counter[Thing], most: int) -> None:
    """Keeps a table small: beyond so many entries the rarest go."""
    rare = 1
    while len(table) > most:
        kept = {thing: count for thing, count in table.items() if count > rare}
        table.clear()
        table.update(kept)
        rare *= 2
