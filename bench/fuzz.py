"""Many damaged inputs for every reader: only errors of ours, in bounded time and memory.

`python -m bench.fuzz [--inputs N] [--seed S] [READER…]` prints a table. An input's damage follows from the
seed and its number, so that one that fails is made again by `--first`. Exits with 1 where one fails.
"""

import argparse
import resource
import sys
import time
import traceback
from random import Random

from tests.unit.fuzzing import READERS, Reader, damaged


def main() -> None:
    """Feed every reader, print, exit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", nargs="*", choices=[*READERS, []], help=f"of {', '.join(READERS)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for each, at most")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'reader':18} {'inputs':>9} {'largest':>9} {'failed':>7} {'slowest':>9} {'peak':>7}")
    failed = 0
    for name in options.reader or READERS:
        numbers = range(options.first, options.first + options.inputs)
        failed += fed(name, READERS[name], numbers, options.seed, options.seconds)
    sys.exit(failed > 0)


def fed(name: str, reader: Reader, numbers: range, seed: int, seconds: float) -> int:
    """Feed one reader, print a line, return how many inputs failed."""
    failed, slowest, largest, count = 0, 0.0, 0, 0
    until = time.monotonic() + seconds
    for number in numbers:
        if time.monotonic() > until:
            break
        data = damaged(reader.seeds, Random(f"{seed} {number}"))  # noqa: S311 - repeatable
        largest, count = max(largest, len(data)), count + 1
        begin = time.process_time()
        try:
            unprintable = [line for line in reader.told(data) if not line.isprintable()]
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            unprintable = [traceback.format_exc()]
        if unprintable:
            failed += 1
            print(f"{name}, input {number}: {unprintable[0]}", file=sys.stderr)
        slowest = max(slowest, time.process_time() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{name:18} {count:9,} {largest:7,} o {failed:7} {slowest * 1e3:6.0f} ms {peak:4} MB", flush=True)
    return failed


if __name__ == "__main__":
    main()
