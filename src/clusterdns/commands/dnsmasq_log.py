"""`clusterdns dnsmasq-log`: durations, TCP sessions, names and clients out of a query log."""

import argparse
from pathlib import Path

from clusterdns.analysis.compression import blocks
from clusterdns.analysis.dnsmasq_log import LogError, analyse, report
from clusterdns.commands._arguments import Commands, at_least
from clusterdns.errors import UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.model.topology import DEFAULT_ZONE, DNSMASQ_TCP_LIMIT
from clusterdns.printable import printable_line

_STDIN = "/dev/stdin"


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser(
        "dnsmasq-log", help="durations, TCP sessions, names and clients out of dnsmasq's query log"
    )
    parser.add_argument("file", metavar="FILE", help="the log, plain, .gz or .zst; - for standard input")
    parser.add_argument(
        "--tcp-limit",
        type=at_least(1),
        default=DNSMASQ_TCP_LIMIT,
        metavar="NUMBER",
        help="TCP connections that this dnsmasq serves at once (default: %(default)s)",
    )
    parser.add_argument(
        "--worst",
        type=at_least(0),
        default=10,
        metavar="NUMBER",
        help="entries of each list (default: %(default)s)",
    )
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="the cluster domain (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Print what the log tells."""
    try:
        with Path(_STDIN if options.file == "-" else options.file).open("rb") as file:
            log, summary = analyse(blocks(file), limit=options.tcp_limit, worst=options.worst)
    except (OSError, LogError) as error:
        raise UsageError(f"{options.file}: {error}") from None
    if not summary.requests:
        others = "".join(f"; {count:,} {kind}" for kind, count in log.counts.items() if count)
        damage = f"; {log.damage}" if log.damage else ""
        raise UsageError(
            f"{options.file}: no request in {log.lines} lines; dnsmasq logs them with --log-queries=extra"
            f"{others}{damage}"
        )
    for line in report(log, summary, options.worst, options.zone):
        print(printable_line(line))
    return ExitCode.OK
