"""Corefiles from the grammar, and spoiled ones: does CoreDNS start with exactly those that we take?

`python -m bench.corefiles [--count N] [--seed S] [--coredns PROGRAM]` writes N Corefiles and gives each to
CoreDNS 1.13.1 as the lab builds it (`coredns -conf`, in a network namespace of its own, so that nothing else
is touched), and to `clusterdns.formats.coredns.load`. It prints JSON: how many were tried, how many CoreDNS
took, how many could not be compared and why, and every disagreement with its text. Where both take one, the
zones and ports must agree, too. The exit code is 1 where there is a disagreement.
"""

import argparse
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.corefile_writer import ENVIRONMENT, FILES, Writer
from clusterdns.formats.coredns import load
from clusterdns.formats.words import CorefileError
from clusterdns.formats.zones import zone_name
from lab import build

VERSION = (1, 13, 1)
PROCESSES = 2
PATIENCE = 12.0  # seconds: `kubernetes` waits for 5 of them

# What a program's own world refuses, or what it says where that is not the Corefile's doing.
NOT_COMPARED = {
    "needs an API server": "in-cluster configuration|invalid configuration|notification controller",
    "needs an address of the machine": "cannot assign requested address|address already in use|: listen ",
    "needs an interface of the machine": "not a valid IP address or interface name",
    "a plugin that the lab does not build": "no action found for directive",
    "a regular expression or a template": "(?i)regex|could not compile template|subexpression",
    "needs a file": '(?i)error opening|not an IP address or file: "/|no such file|a directory',
    "a listener's host or port": "lookup |unknown port|invalid port|missing port|too many colons",
}


def coredns(program: str, path: Path) -> tuple[bool | None, str]:
    """Start CoreDNS; return whether it takes a Corefile, and what it says. None: it said neither in time."""
    process = subprocess.Popen(
        [program, "-conf", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**ENVIRONMENT, "PATH": os.environ.get("PATH", "")},
        cwd="/",
    )
    output = process.stdout
    if output is None:
        raise RuntimeError("its output is not read")
    said, end, taken = b"", time.monotonic() + PATIENCE, None
    try:
        while time.monotonic() < end:
            if not select.select([output], [], [], end - time.monotonic())[0]:
                break
            piece = os.read(output.fileno(), 65536)
            said += piece
            if not piece or b"\nCoreDNS-" in said:
                taken = bool(piece)
                break
    finally:
        process.kill()
        process.communicate()
    return taken, said.decode("utf-8", "replace")


def work(seed: int, count: int, program: str) -> dict[str, object]:
    """Try Corefiles of one seed; return what was found."""
    writer = Writer(seed)
    tried: Counter[str] = Counter()
    wrong: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        path = Path(folder, "Corefile")
        for _ in range(count):
            text = writer.corefile()
            path.write_text(text, encoding="utf-8")
            files = {str(Path(folder, name)): content for name, content in FILES.items()} | {str(path): text}
            zones, problem = _ours(files, str(path))
            ours = zones is not None
            theirs, said = coredns(program, path)
            last = said.strip().rpartition("\n")[2]
            reason = next((name for name, words in NOT_COMPARED.items() if re.search(words, said)), "")
            tried["tried"] += 1
            if theirs is None:
                tried["neither in time"] += 1
            elif theirs == ours:
                tried["taken by both" if ours else "refused by both"] += 1
                if zones is not None and zones != _printed(said):
                    wrong.append({"zones": f"{zones} / {_printed(said)}", "text": text})
            elif not theirs and reason:
                tried[f"not compared: {reason}"] += 1
            else:
                wrong.append(
                    {"ours": problem or "taken", "CoreDNS": "taken" if theirs else last, "text": text}
                )
    return {"counts": tried, "disagreements": wrong}


def _ours(files: Mapping[str, str], path: str) -> tuple[set[str] | None, str]:
    """Return the zones and ports that are served, or None and why the Corefile is refused."""
    try:
        listeners = load(files, path, variables=ENVIRONMENT, version=VERSION).listeners
    except CorefileError as error:
        return None, str(error)
    return _printed("\n".join(f"{zone}.:{port}" for zone, port in listeners)), ""


def _printed(said: str) -> set[str]:
    """Return the zones and ports that CoreDNS prints, e.g. ".:1053" or "a.:53 on 127.0.0.1".

    A zone may hold line breaks, and is then compared by what its last line looks like.
    """
    lines = said.partition("\nCoreDNS-")[0].splitlines()
    found = (re.fullmatch(r"(?:(?:tls|https|grpc|quic)://)?(\S+):(\d+)(?: on \S+)?", line) for line in lines)
    return {f"{zone_name(match[1])}:{match[2]}" for match in found if match}


def main() -> int:
    """Share the work between processes; print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coredns", default="")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.seed, options.count, options.coredns)))
        return 0
    program = options.coredns or str(
        build.build(lambda line: print(line, file=sys.stderr)).coredns / "coredns"
    )
    command = f'ip link set lo up && exec "{sys.executable}" -m bench.corefiles --worker "$@"'
    workers = [
        subprocess.Popen(
            [
                *("unshare", "--net", "sh", "-c", command, "sh", "--coredns", program),
                *("--seed", str(options.seed * 1000 + index), "--count", str(options.count // PROCESSES)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(PROCESSES)
    ]
    results = [json.loads(worker.communicate()[0]) for worker in workers]
    counts = sum((Counter(result["counts"]) for result in results), Counter())
    wrong = [one for result in results for one in result["disagreements"]]
    print(
        json.dumps(
            {"counts": counts, "disagreements": len(wrong), "each": wrong}, indent=2, ensure_ascii=False
        )
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
