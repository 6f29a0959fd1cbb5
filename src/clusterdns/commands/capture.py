"""`clusterdns capture`: latency, losses, TCP connections, names and clients out of packet captures."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from clusterdns.analysis.capture import PORTS, Analysed, analyse, facts, lines
from clusterdns.analysis.capture.plots import plots
from clusterdns.analysis.compression import uncompressed
from clusterdns.commands._numbers import at_least
from clusterdns.commands._target import Commands
from clusterdns.errors import UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.model.topology import DEFAULT_ZONE
from clusterdns.reporting.text import printable

_STDIN = "-"
_LAST_PORT = 65535


def add(commands: Commands) -> None:
    """Offer the command."""
    parser = commands.add_parser(
        "capture", help="latency, losses, TCP connections, names and clients out of packet captures"
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="pcap or pcapng, plain, .gz or .zst; - for standard input"
    )
    parser.add_argument(
        "--port",
        type=_port,
        action="append",
        metavar="NUMBER",
        help=f"a port of DNS servers; may come again (default: {', '.join(map(str, PORTS))})",
    )
    parser.add_argument(
        "--worst",
        type=at_least(0),
        default=10,
        metavar="NUMBER",
        help="entries of each list (default: %(default)s)",
    )
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="the cluster domain (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object with a member per file")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write plots there, as SVG")
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def run(options: argparse.Namespace) -> ExitCode:
    """Print what the captures tell."""
    if options.plots:
        try:
            options.plots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{options.plots}: {error.strerror}") from None
    found = {}
    for name in options.files:
        analysed = _analysed(name, options.port or PORTS, options.worst)
        found[name] = facts(analysed, options.zone, options.worst)
        if not options.json:
            print("\n".join(printable(line) for line in lines(found[name], name)))
        if options.plots:
            stem = re.sub(r"[^\w.-]+", "_", "stdin" if name == _STDIN else Path(name).name)
            for kind, plot in plots(analysed, options.zone):
                (options.plots / f"{stem}.{kind}.svg").write_text(plot, encoding="utf-8")
    if options.json:
        print(json.dumps(found, indent=2))
    return ExitCode.OK


def _analysed(name: str, ports: Sequence[int], worst: int) -> Analysed:
    """Read one capture.

    Raises:
        UsageError: It cannot be read, or there is no DNS in it.
    """
    try:
        with Path("/dev/stdin" if name == _STDIN else name).open("rb") as file:
            analysed = analyse(uncompressed(file), ports=ports, worst=worst)
    except OSError as error:
        raise UsageError(f"{name}: {error}") from None
    packets = analysed.decoder.packets
    if analysed.damage and not packets:
        raise UsageError(f"{name}: {analysed.damage}")
    if not analysed.summary.transactions:
        raise UsageError(
            f"{name}: no DNS query in {packets} packets to port {' or '.join(map(str, ports))}: "
            "--port takes others"
        )
    return analysed
