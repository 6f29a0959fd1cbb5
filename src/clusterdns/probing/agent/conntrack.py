"""Tells how full the connection table of this network namespace is, and what it has lost so far.

Runs where it shares the node's network. Request: {}. Answer:
    {"entries": 140, "limit": 262144, "drop": 0, "early_drop": 0, "insert_failed": 0}
    The first two are null where the kernel tracks no connections; the others are counters since the
    namespace began, of /proc/net/stat/nf_conntrack, null where the kernel does not show them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from _agent import emit, per_processor, run

SYSCTLS = Path("/proc/sys/net/netfilter")
COUNTERS = "/proc/net/stat/nf_conntrack"


def conntrack(_request: dict[str, Any]) -> None:
    """Reads them once."""
    counters = per_processor(COUNTERS)
    emit(
        entries=number("nf_conntrack_count"),
        limit=number("nf_conntrack_max"),
        **{name: counters.get(name) for name in ("drop", "early_drop", "insert_failed")},
    )


def number(name: str) -> Optional[int]:
    """Reads a sysctl; None where there is none."""
    try:
        return int((SYSCTLS / name).read_text(encoding="ascii"))
    except OSError:
        return None


if __name__ == "__main__":
    run(conntrack)
