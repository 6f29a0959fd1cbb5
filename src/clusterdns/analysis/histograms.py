"""Histograms of columns."""

from collections import Counter

import numpy as np

from clusterdns.analysis.arrays import Ints
from clusterdns.model.latency import BITS, Histogram


def histogram(values: Ints) -> Histogram:
    """Count values as `Histogram.of` does, none of them negative, without a Python step for each."""
    if not len(values):
        return Histogram()
    # The exponent is how many bits a number has; where a double rounds it up, the bucket is the same.
    shift = np.maximum(np.frexp(values)[1].astype(np.int64) - BITS - 1, 0)
    buckets = (shift << BITS) + (values >> shift)
    return Histogram(Counter(buckets.tolist()), int(values.max()))
