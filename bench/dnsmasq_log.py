"""The library of `clusterdns dnsmasq-log`: speed of one core, and memory.

`python -m bench.dnsmasq_log [FILE]` reads FILE, or a log of a million lines in the form of a real kube-dns',
five times, in a process each, beside the least that Python can do; prints JSON. Speed by the processor's time
of the fastest; memory as the largest resident set in MiB, also of a log four times as long.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clusterdns.analysis.compression import blocks, lines
from clusterdns.analysis.dnsmasq_log.lines import DnsmasqLog
from clusterdns.analysis.dnsmasq_log.requests import LogTally
from clusterdns.model.topology import DNSMASQ_TCP_LIMIT

RUNS = 5
LINES = 1_000_000
LONGER = 4
_SEARCH = ("default.svc.cluster.local", "svc.cluster.local", "cluster.local")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
    given = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        path = given or written(Path(folder, "log"), LINES)
        split, _ = fastest(split_only, path)
        speed, memory = fastest(summarised, path)
        found = {
            "lines": count(path),
            "million lines per second": round(speed / 1e6, 2),
            "bytes.split alone": round(split / 1e6, 2),
            "memory": memory,
        }
        if not given:
            _, found["memory, log four times as long"] = fastest(
                summarised, written(Path(folder, "longer"), LINES * LONGER), runs=1
            )
    print(json.dumps(found, indent=2))


def written(path: Path, size: int) -> Path:
    """Write a log: 20 TCP children and the main process, three lines a request, names expanded thrice."""
    with path.open("w") as file:
        for serial in range(size // 3):
            child = serial % 21
            client = f"10.244.{child}.1/{20_000 + serial // 2100 * 21 % 40_000 + child}"
            name = f"api{serial // 3}.example.com.{_SEARCH[serial % 3]}"
            for step, action in enumerate(
                (f"query[A] {name} from 10.244.{child}.1", f"forwarded {name} to 127.0.0.1#10053")
            ):
                file.write(line(serial, step, child, f"{client} {action}"))
            file.write(line(serial, 2, child, f"{client} reply {name} is NXDOMAIN"))
    return path


def line(serial: int, step: int, child: int, text: str) -> str:
    """Return one line as the nanny writes it; a request takes 40 µs."""
    seconds, micro = divmod(serial * 60 + step * 20, 1_000_000)
    minutes, second = divmod(seconds, 60)
    stamp = f"I1123 {minutes // 60:02}:{minutes % 60:02}:{second:02}.{micro:06}"
    pid = 11 if child == 0 else 12 + serial // 2100 * 21 + child  # a child serves 100 requests
    return f"{stamp}       1 nanny.go:148] dnsmasq[{pid}]: {serial} {text}\n"


def summarised(path: Path) -> None:
    """Do what the command does."""
    with path.open("rb") as file:
        LogTally.of(DnsmasqLog(blocks(file)), limit=DNSMASQ_TCP_LIMIT)


def split_only(path: Path) -> None:
    """Cut every line into its fields, and do nothing with them."""
    with path.open("rb") as file:
        for text in file:
            text.split(b" ")


def count(path: Path) -> int:
    """Return how many lines a file has."""
    with path.open("rb") as file:
        return sum(1 for _ in lines(file))


def fastest(work: Callable[[Path], None], path: Path, runs: int = RUNS) -> tuple[float, float]:
    """Return lines per second of the fastest run, and the memory of the largest."""
    size = count(path)
    # Spawned, so that memory is the work's own.
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        measured = [pool.apply(measure, (work, path)) for _ in range(runs)]
    return size / min(seconds for seconds, _ in measured), max(memory for _, memory in measured)


def measure(work: Callable[[Path], None], path: Path) -> tuple[float, float]:
    """Return the processor's seconds of a piece of work, and the process' memory in MiB."""
    began = time.process_time()
    work(path)
    seconds = time.process_time() - began
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
