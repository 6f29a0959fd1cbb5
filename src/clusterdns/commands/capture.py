"""`clusterdns capture`: latency, losses, TCP connections, names and clients out of packet captures."""

import argparse
import json
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile

from clusterdns.analysis.capture import PORTS, Analysed, analyse, facts, lines
from clusterdns.analysis.capture.plots import plots
from clusterdns.analysis.compression import uncompressed
from clusterdns.commands._arguments import Commands, at_least
from clusterdns.errors import UsageError
from clusterdns.model.outcome import ExitCode
from clusterdns.model.topology import DEFAULT_ZONE
from clusterdns.printable import printable_line

_STDIN = "-"
_LAST_PORT = 65535
_LONGEST_STEM = 128  # a file's name has at most 255 octets


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
        _make_writable(options.plots)
    found = {}
    for name, stem in zip(options.files, _stems(options.files), strict=True):
        analysed = _analysed(name, options.port or PORTS, options.worst)
        found[name] = facts(analysed, options.zone, options.worst)
        if not options.json:
            print("\n".join(printable_line(line) for line in lines(found[name], name)))
        if options.plots:
            for kind, plot in plots(analysed, options.zone):
                _write(options.plots / f"{stem}.{kind}.svg", plot)
    if options.json:
        print(json.dumps(found, indent=2))
    return ExitCode.OK


def _make_writable(folder: Path) -> None:
    """Make a folder, and see that files can be written there, before long work begins.

    Raises:
        UsageError: It cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _stems(names: Sequence[str]) -> list[str]:
    """Return what the files of each capture's plots are called by, numbered where names are the same."""
    stems: list[str] = []
    for name in names:
        stem = re.sub(r"[^\w.-]+", "_", "stdin" if name == _STDIN else Path(name).name)[:_LONGEST_STEM]
        alike = (f"{stem}-{number}" for number in count(2))
        stems.append(stem if stem not in stems else next(other for other in alike if other not in stems))
    return stems


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
