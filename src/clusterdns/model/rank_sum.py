"""Whether one of two samples is larger, beyond chance: the rank-sum test of Mann and Whitney."""

import math
from collections.abc import Sequence
from itertools import groupby


def chance_of_larger(earlier: Sequence[float], later: Sequence[float]) -> float:
    """Return how likely `later` would rank as high above `earlier` as it does, if both came from one source.

    Normal approximation with correction for ties and continuity, good from 8 values each on; one-sided.
    Source: Mann and Whitney 1947, doi.org/10.1214/aoms/1177730491.

    Args:
        earlier: Not empty.
        later: Not empty.
    """
    values = sorted([(value, 0) for value in earlier] + [(value, 1) for value in later])
    count, ranks, ties = len(values), 0.0, 0
    at = 1
    for _, group in groupby(values, key=lambda pair: pair[0]):
        same = list(group)
        rank = at + (len(same) - 1) / 2
        ranks += rank * sum(which for _, which in same)
        ties += len(same) ** 3 - len(same)
        at += len(same)
    wins = ranks - len(later) * (len(later) + 1) / 2
    expected = len(earlier) * len(later) / 2
    variance = len(earlier) * len(later) / 12 * (count + 1 - ties / (count * (count - 1)))
    if variance <= 0:
        return 1.0
    return 0.5 * math.erfc((wins - expected - 0.5) / math.sqrt(2 * variance))
