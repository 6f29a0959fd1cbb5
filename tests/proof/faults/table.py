"""`python -m tests.proof.faults.table LOG...`: what became of injected faults, as a Markdown table."""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

_INSTANTS = ("first third", "second third", "last third")


def table(outcomes: list[dict[str, Any]]) -> str:
    """Return the table: fault x instant -> exit codes, and how often; wrong outcomes; leftovers."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for outcome in outcomes:
        lasting = ", lasting" if outcome["lasting"] else ""
        rows[outcome["kind"], outcome["fault"] + lasting].append(outcome)
    instants = " | ".join(f"exit codes, {instant}" for instant in _INSTANTS)
    lines = [
        f"| kind | fault | times | {instants} | too late | wrong | left |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (kind, fault), of_fault in sorted(rows.items()):
        cells = [_codes(of_fault, third) for third in range(len(_INSTANTS))]
        wrong = sum(bool(outcome["wrong"]) for outcome in of_fault)
        left = sum(bool(outcome["left"]) for outcome in of_fault)
        late = sum(not outcome["hit"] for outcome in of_fault)
        lines.append(
            f"| {kind} | {fault} | {len(of_fault)} | {' | '.join(cells)} | {late} | {wrong} | {left} |"
        )
    wrong = sum(bool(outcome["wrong"]) for outcome in outcomes)
    left = sum(bool(outcome["left"]) for outcome in outcomes)
    late = sum(not outcome["hit"] for outcome in outcomes)
    lines.append(f"| all | | {len(outcomes)} | | | | {late} | {wrong} | {left} |")
    return "\n".join(lines) + "\n"


def _codes(outcomes: list[dict[str, Any]], third: int) -> str:
    """Return the exit codes of the faults in a third of the time, e.g. "6 (twice)"."""
    codes = Counter(
        outcome["code"] for outcome in outcomes if int(outcome["instant"] * len(_INSTANTS)) == third
    )
    return ", ".join(f"{code} x{times}" for code, times in sorted(codes.items(), key=str)) or "-"


if __name__ == "__main__":
    logs = [Path(argument).read_text().splitlines() for argument in sys.argv[1:]]
    sys.stdout.write(table([json.loads(line) for log in logs for line in log]))
