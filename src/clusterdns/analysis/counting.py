"""Counts of very many things, in bounded memory."""

from collections import Counter
from typing import TypeVar

Thing = TypeVar("Thing")


def keep_most(table: Counter[Thing], most: int) -> None:
    """Keeps a table small: beyond so many entries the rarest go."""
    rare = 1
    while len(table) > most:
        for thing in [thing for thing, count in table.items() if count <= rare]:
            del table[thing]
        rare *= 2
