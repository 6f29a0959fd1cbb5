"""What the agent answers to a load."""

import base64
import zlib
from array import array

from clusterdns.probing.operations import Answer


def load_answers(*, lag_ms: float = 0.1, sent: int = 20) -> list[Answer]:
    """Return the answers of a pod all of whose queries were answered with NXDOMAIN, and sent so late."""
    columns = ([0] * sent, [int(lag_ms * 1e6)] * sent, [1_000_000] * sent)
    rows = b"".join(array("q", column).tobytes() for column in columns) + bytes([3] * sent)
    counts = dict.fromkeys(("start_ns", "late", "duplicates", "strays", "dropped", "connections"), 0)
    return [
        {"samples": base64.b64encode(zlib.compress(rows)).decode()},
        {**counts, "failures": {}, "cpu_seconds": 0.1},
    ]
