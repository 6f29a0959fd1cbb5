"""dnsmasq's query log, from lines to requests and what they tell: pure."""

from collections.abc import Iterable

from clusterdns.analysis.dnsmasq_log.lines import DnsmasqLog, LineKind, LogError
from clusterdns.analysis.dnsmasq_log.report import report
from clusterdns.analysis.dnsmasq_log.requests import LogTally, Requests

__all__ = ["DnsmasqLog", "LineKind", "LogError", "LogTally", "Requests", "analyse", "report"]


def analyse(blocks: Iterable[bytes], *, limit: int, worst: int = 10) -> tuple[DnsmasqLog, LogTally]:
    """Read a log to its end, in constant memory.

    Args:
        blocks: Of whole lines: as a file yields them, or `compression.blocks`.
        limit: How many TCP connections dnsmasq serves at once.
        worst: How many of the slowest requests and the longest sessions are kept.

    Returns:
        The log, which counts what was not understood, and what it tells.

    Raises:
        LogError: The newest entries come first.
    """
    log = DnsmasqLog(blocks)
    return log, LogTally.of(log, limit=limit, worst=worst)
